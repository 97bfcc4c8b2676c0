### Access, audit, system, help.

share-lead = Whoever has the link sees how far the migration is: phase, share and counts of the whole. No address, no folder, no message. It ends by its date, with the migration, or when every key is made anew.
share-days = Days that it holds
share-go = Make a link
share-made = The link was made: copy it now
share-until = This link holds until
share-updated = Last change:
approvals-lead = A gate opens when every check passes or its warning is accepted, and a second person says so.
approvals-waiting = Waiting for an approval
approvals-none = No gate waits.
approvals-asked = Asked for
approvals-open = Open gates
approvals-open-none = No gate is open.
approvals-blocked = { $count ->
     [one] One more is blocked.
    *[other] { $count } more are blocked.
  }
job-number = Migration { $id }
users-title = People
user-roles = Roles
user-sees = Tenants
user-all = all
user-all-tick = Sees every tenant
user-factor = set up
user-no-factor = missing
user-enabled = May log in
user-disabled = May not log in
user-enable = Let in
user-disable = Keep out
user-new = A new person
user-email = E-mail
user-tenants = Tenants that are seen
user-tenants-hint = Numbers, parted by commas.
user-make = Make the user
tokens-title = Service tokens
tokens-none = No token yet.
token-new = A new token
token-scopes = What it may do
token-days = Days that it holds
token-make = Make the token
token-made = The token was made
token-once = Copy it now: it is shown this once.
token-until = until
token-used = used
token-revoked = revoked
token-revoke = Revoke
audit-verify = Verify the chain
audit-whole = The chain is whole: { $rows } rows, { $checkpoints } signed checkpoints.
audit-broken = The chain does not hold. Keep the machine as it is and tell whoever is responsible.
audit-none = No row matches.
audit-seq = Row
audit-actor = Who
audit-action = What was done
audit-kind = Kind of thing
audit-id = Its number
audit-what = To what
audit-outcome = Outcome
system-health = Health
system-database = Database
system-well = answers
system-ill = does not answer
system-version = Version
worker-done = { $count ->
     [one] one run done
    *[other] { $count } runs done
  }
endpoints-title = Servers
endpoints-none = No server is known yet. The first migration brings its own.
endpoint-new = Add a server
endpoint-test = Test
endpoint-tested = Tested
endpoint-private = in private networks:
endpoint-networks = Private networks it may stand in
endpoint-networks-hint = Such as 10.1.0.0/16. Empty: public addresses alone.
endpoint-tenant-hint = Whose it is; empty: everybody's.
quota-title = Daily allowances
quota-day = Read per mailbox and day
quota-waiting = Waiting
settings-title = Settings
keys-title = Keys
keys-lead = A new master key wraps every data key. Passwords stay usable.
keys-deep = Seal every password anew too
keys-rotate = Rotate the keys
help-lead = What the words of this console mean, and what to do next.
help-checks = Checks of the gate
help-buckets = Where a message can be
