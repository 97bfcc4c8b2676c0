### Mailboxes, runs, quarantine, uploads.

wizard-1 = Domain
wizard-2 = Servers
wizard-3 = Mailboxes
wizard-4 = Options
wizard-5 = Preflight and preview
new-domain = Domain
new-domain-hint = As in the addresses, such as example.com.
new-tenant = Tenant
new-tenant-hint = The customer's number.
new-ticket = Ticket
new-ticket-hint = The desk's number.
new-look = Look for its mail server
new-look-hint = Nothing is written anywhere; the usual places of the domain are asked whether mail is there.
servers-title = The two servers
found-lead = Found; the first is filled in. Correct it where you know better.
found-none = No server was found by itself. Type the one that the customer names.
side-source = Source
side-source-hint = It is only read.
side-dest = Destination
side-dest-hint = Mail is only added here; nothing is removed.
side-label = What people call the source
side-label-hint = Such as "old server at the office".
server-known = A known server
server-named-below = Named below
server-host = Host
server-host-hint = A name or an address.
server-port = Port
server-tls = Encryption
server-more = Family and certificate
server-profile = Family of servers
server-profile-auto = Recognised at the first login
server-pin = Certificate
server-pin-hint = sha256:… of the one certificate that is accepted, where it is not a public one.
servers-go = Register the migration
servers-go-hint = Nothing is written at a server. You may go on later.
mailboxes-lead = Add mailboxes one by one, as a list, or both. Go on later whenever you like: what is added stays.
mailboxes-done = { $count ->
     [one] On to the preflight (one mailbox)
    *[other] On to the preflight ({ $count } mailboxes)
  }
mailboxes-one = One mailbox
mailboxes-one-go = Try both logins and add it
mailboxes-email-hint = Its address, the same at both servers unless you say otherwise below.
mailboxes-secret = Passwords go into the vault, encrypted, and are never shown again.
login-user = Login name
login-user-hint = The address where nothing is said.
mailboxes-list = A list
mailboxes-list-lead = CSV with a header line, parted by commas or semicolons. Every line is looked at before the first is taken.
mailboxes-files = Outlook files and other archives are uploaded here.
list-file = From a file
list-paste = Or paste it here
list-look = Look at it
list-take = { $count ->
     [one] Take this one line
    *[other] Take all { $count } lines
  }
list-looked = { $rows } lines read, { $valid } can be taken.
list-line = Line { $row }
uploads-not-there = This installation does not take uploads yet.
uploads-none = No file yet. Upload one below; its kind is found out by its contents.
upload-file = File
upload-kind = Kind
upload-received = Received
upload-extract = Read it through
upload-map = Give it to the mailbox
upload-remove = Remove
upload-new = Upload a file
upload-lead = PST, OST, mbox, EML, ZIP or TGZ. Large files are sent in parts and go on after a broken line; without script as one form.
upload-for = For which mailbox
upload-no-box = A file needs a mailbox that it goes into.
upload-digest = SHA-256 of the file
upload-digest-hint = If you have it, what arrives is held against it.
upload-start = Read it through at once and show what is in it
upload-go = Upload
mailbox-trouble = The last run met an error:
mailbox-trouble-next = Mend the cause, then try again: logins below, folders in the map, the rest in the run's log.
pending-count = { $count } pending
mailbox-preflight = Try the logins
mailbox-copy = Copy now
folders-title = Folders
folders-lead = Every eligible message stands in exactly one column.
folders-none = Not counted yet. "Count and preview" lists every folder and where it will go.
folder-source = At the source
folder-dest = At the destination
folder-gone = gone
folder-renamed = renamed
chart-folders = Messages by folder
logins-title = Logins
login-ok = proven
login-untested = not tried yet
login-none = no password yet
password-source = New password at the source
password-dest = New password at the destination
map-title = Folder map
map-label = Folders that go elsewhere
map-hint = One line each: folder at the source = folder at the destination.
box-change = This mailbox
box-enabled = It is moved
box-excluded = Why not, where it is not
box-source-user = Login name at the source
box-dest-user = Login name at the destination
runs-none = No run yet.
run-kind = Kind
run-number = Run { $id }
run-asked = Asked for
run-began = Began
run-ended = Ended
run-cancel = Cancel this run
steps-title = Steps
steps-none = No step has begun.
step-name = Step
log-title = Log
log-file = As a file
log-level = Level
log-cut = The last 200 lines; the file has them all.
log-none = No line fits.
quarantine-lead = These messages could not be brought over. The originals are untouched at the source. Try them again, or acknowledge that they stay behind: whoever acknowledges cannot approve the gate.
quarantine-none = Nothing is in quarantine.
quarantine-none-found = No message matches these filters.
tick = Tick
tick-all = Tick all
item-where = Where
item-why = Why
item-since = Since
item-number = Message { $id }
item-raw = As a file
item-again-title = Try again
item-again-lead = What is ticked is tried with a new run: as it is, with the least repair that the destination takes, or with a word for the part that cannot be read.
item-again = As it is
item-repair = With a repair
item-stub = With a word for what is missing
item-ack-title = Acknowledge
item-ack-lead = What is ticked stays behind, with your name and this reason in the report.
item-ack = Acknowledge what is ticked
reason-spam = Spam
reason-customer = The customer agreed
reason-broken = Broken at the source
report-none = There is nothing to report yet, or this installation gives no reports.
report-json = The document (JSON)
report-good = The counts below are those on which the gate was opened.
report-open = The migration is not finished: these counts are those of this moment.
report-digest = Digest:
tab-folders = Folder map
places-lead = Where each folder goes, and why. Nothing is written before a copy is started.
places-none = No folder was counted yet. Counting writes nothing.
places-wrong = { $count ->
     [one] One folder has no place of its own: settle it before the copy.
    *[other] { $count } folders have no place of their own: settle them before the copy.
  }
places-right = { $count ->
     [one] The one folder has its place.
    *[other] All { $count } folders have their place.
  }
places-change = Change
places-nowhere = nowhere
places-shared = shared with another folder
place-renamed = renamed: the destination cannot have this name, or it was mapped
place-role = by its special use
place-name = by its name
item-reason-too-large = Too large for the destination
item-reason-refused = Refused by the destination
item-reason-unreadable = Cannot be read at the source
upload-sending = Sending the file
upload-of = of
upload-broken = The line is broken. It goes on by itself as soon as the service answers.
upload-same = This file is here in part. Choose the same file again to go on:
upload-other = This is another file than the one begun: it is sent anew, from its start.
upload-elsewhere = It was begun for another mailbox or with another SHA-256: it is sent anew, from its start.
upload-checking = All is here. The service is checking it.
upload-no-file = Choose a file first.
upload-cancel = Cancel the upload
upload-refused-why = It was refused:
upload-blind = The file cannot be looked into:
upload-damage = Some of it cannot be read; what can be read is carried, the rest is named in quarantine:
upload-folder = Folder of the file
upload-read = Read
upload-not-read = not yet
file-kind-pst = Outlook file (PST)
file-kind-mbox = mbox file
file-kind-eml = One message (EML)
file-kind-zip = Messages in a ZIP
file-kind-tgz = Zimbra archive (TGZ)
step-running = Under way
step-completed = Done
step-failed = Not whole
step-pending = Waits
step-skipped = Left out
step-cancelled = Cancelled
upload-holds = { $messages ->
     [one] One message
    *[other] { $messages } messages
  } in { $folders ->
     [one] one folder.
    *[other] { $folders } folders.
  }
tab-schedule = Schedule
schedule-lead = Deltas that begin by themselves, so that little is left to copy on the day of the switch.
schedule-now = As it is
schedule-next = The next times
schedule-still = It is kept and does not fire.
schedule-none = No schedule: deltas are started by hand.
schedule-remove = Remove the schedule
schedule-past = Until now
schedule-set = Set it
schedule-rhythm = How often
schedule-own = Pattern of your own
schedule-own-hint = Minute, hour, day, month, weekday, as in cron. Taken where "a pattern of your own" is chosen.
schedule-window = Only within these hours
schedule-window-hint = Empty: at any hour. It may reach over midnight.
schedule-from = From
schedule-to = To
schedule-skip = Pass over a time at which the migration is at work
schedule-on = It fires
schedule-zone = Hours are counted in the zone of this page:
schedule-hours = from { $from } to { $to }
rhythm-hourly = Every hour
rhythm-six-hours = Every six hours
rhythm-evening = Every evening at 22:00
rhythm-night = Every night at 02:00
rhythm-workdays = On workdays at 20:00
rhythm-own = A pattern of your own
done-schedule-kept = The schedule is kept.
done-schedule-removed = The schedule was removed: deltas are started by hand.
schedule-runs = { $count ->
     [one] one run begun
    *[other] { $count } runs begun
  }
options-title = Options
options-lead = Mail goes on arriving at the old server while the move is prepared. A schedule fetches it by itself, once the initial copy is done.
options-seen = What this means
options-looking = Looking…
options-look = Show the next times
options-keep = Keep it and go on
options-in-zone = Times are shown in the zone of this page:
options-when = A time before the initial copy is done passes without a run.
options-wrong = This schedule cannot be kept yet.
options-no-right = Whoever may manage schedules sets one here or later under the migration. Go on to the preflight.
rhythm-by-hand = None: differences are copied by hand
cron-line = { $days }, { $times }
cron-every-day = every day
cron-workdays = on workdays
cron-weekends = at weekends
cron-on = on { $days }
cron-on-days = on day { $days } of the month
cron-at = at { $times }
cron-every-minutes = { $count ->
     [one] every minute
    *[other] every { $count } minutes
  }
cron-every-hours = { $count ->
     [one] every hour
    *[other] every { $count } hours
  }
weekday-0 = Sunday
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
mailboxes-to-options = { $count ->
     [one] On to the options (one mailbox)
    *[other] On to the options ({ $count } mailboxes)
  }
mailboxes-one-anyway = Add it without trying
trial-go-source = Try the login at the source
trial-go-dest = Try the login at the destination
trial-busy = Trying the login…
trial-broken = The service does not answer. Try again in a moment.
trial-ok = The login works.
trial-untried = Not tried: no password was typed.
trial-not-added = The mailbox was not added: a login does not work. Mend it below and type both passwords again, or add it all the same.
trial-nothing-kept = The login was tried and nothing is kept. Type the passwords again to add the mailbox.
done-schedule-still = No delta begins by itself.
run-span = took { $span }
troubles-title = Errors of the last runs
troubles-count = { $count ->
     [one] once
    *[other] { $count } times
  }
files-title = Files
files-none = No file belongs to this mailbox.
runs-views = How the runs are shown
runs-tree = As a tree
runs-list = As a list
run-span-so-far = { $span } so far
tree-runs = { $count ->
     [one] one run
    *[other] { $count } runs
  }
tree-messages-done = { $count ->
     [one] one message
    *[other] { $count } messages
  }
tree-asked = Asked for by { $who }
tree-messages = { $done } of { $total } messages
tree-open = { $count ->
     [one] Show its one run
    *[other] Show its { $count } runs
  }
tree-first = Back to its first runs
tree-more-runs = More runs of it
tree-older = Older passes
tree-none-so = It has no run like that.
tree-none-found = No run fits these filters.
tree-step = Folder or step
tree-span = Time
tree-log = Its log
tree-all-steps = All { $count } steps and the log
rhythm-of-job = As the migration does
own-schedule-title = Schedule of this mailbox
own-schedule-lead = A mailbox goes by the schedule of its migration, unless it has one of its own or is left to people.
own-schedule-of-job = The schedule of the migration
own-schedule-own = its own schedule
own-schedule-job = the schedule of the migration
own-schedule-by-hand = No schedule starts this mailbox: its deltas are started by hand.
own-schedule-next = Next:
own-schedule-change = Change for this mailbox
chart-waits = Waits that a server asked for, last 24 hours
waits-in-all = { $count ->
     [one] One run waited { $span } in all, added up over its folders.
    *[other] { $count } runs waited { $span } in all, added up over their folders.
  }
waits-none = No server has asked a run of this mailbox to wait.
subjects-show = Show the subjects
subjects-hint = Asks who you are, and is written to the audit log.
subjects-shown = The subjects of this page are shown; that was written to the audit log.
subjects-hide = Hide them
subjects-hidden = Subjects are hidden: seeing them takes the right to look at messages.
subject-unknown = subject not known
schedule-apart = { $count ->
     [one] One mailbox has a schedule of its own, and goes by that alone.
    *[other] { $count } mailboxes have schedules of their own, and go by those alone.
  }
