### The gate and its checks.

gate-title = The gate before DNS
gate-open = DNS may be switched.
gate-shut = DNS may not be switched yet.
gate-looked = Looked at
gate-evaluate = Look anew
gate-approve = Approve the gate
gate-reject = Reject or revoke
gate-accept = I have read and accept these warnings
gate-decisions = Decisions
decision-void = no longer holds:
check-critical = blocks the switch
check-boxes = { $count ->
     [one] one mailbox
    *[other] { $count } mailboxes
  }
check-todo = What to do:
more-boxes = { $count ->
     [one] and one more mailbox
    *[other] and { $count } more mailboxes
  }
mailbox-number = Mailbox { $id }
check-count-ratio = Messages at the destination
check-do-count-ratio = Run a delta copy. What stays missing is named in each mailbox: retry its errors or settle its quarantine.
check-inbox-complete = Inboxes are complete
check-do-inbox-complete = Open the mailboxes named here and copy their inbox until nothing is missing.
check-sent-complete = Sent mail is complete
check-do-sent-complete = Copy the folder of sent mail until nothing is missing; where it is named otherwise, map it.
check-pst-quarantine = Quarantined messages are settled
check-do-pst-quarantine = Open the quarantine: retry, repair, or acknowledge each message with a reason.
check-delta-pending = The last delta copy left nothing behind
check-do-delta-pending = Run a delta copy shortly before the switch.
check-manual-approval = Approved by a second person
check-do-manual-approval = An operations lead who did not make the migration approves below.
check-bytes-ratio = Sizes agree
check-do-bytes-ratio = Compare the folders of the mailboxes named here; a verification reads the contents.
check-content-sample = A sample of contents is equal
check-do-content-sample = Start a verification. If contents differ, open the mailbox and read its run.
check-uidvalidity-stable = Folder identities stand still
check-do-uidvalidity-stable = A server renumbered a folder. Run a delta copy, which places it anew.
check-dest-quota = Room at the destination
check-do-dest-quota = Raise the quota of the mailboxes named here, or free room.
check-mailbox-coverage = No mailbox is forgotten
check-do-mailbox-coverage = Compare the list of the source with this migration; add what is missing or exclude it with a reason. Give each uploaded file to a mailbox, or remove it.
check-folder-map = Every folder has a place
check-do-folder-map = Open the mailboxes named here and settle the folders that conflict.
check-credentials-valid = Logins work
check-do-credentials-valid = Type the failing passwords anew, then start a preflight.
check-dns-readiness = DNS is prepared
check-do-dns-readiness = Lower the TTL and check MX, SPF, DKIM and DMARC before the switch.
check-duplicates = No doubles at the destination
check-do-duplicates = Open the mailboxes named here; doubles are listed by UID in the run's log.
check-run-integrity = The counts of every run add up
check-do-run-integrity = Run a delta copy; a run whose counts do not add up is never taken for a success.
gate-past = DNS was switched: what the gate sees now is told for the record.
