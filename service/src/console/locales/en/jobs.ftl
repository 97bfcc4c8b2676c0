### Overview, list, one migration.

overview-title = Overview
new-job = New migration
guide-title = Your first migration
guide-lead = Nothing is moved yet. Four steps, and nothing is written at any server before you have seen the preview.
guide-1 = Name the domain.
guide-1-more = Malote looks for its mail server by itself.
guide-2 = Name both servers and the mailboxes.
guide-2-more = Paste a list, or upload Outlook files.
guide-3 = Start the preflight.
guide-3-more = Every login is tried; each error says what to do.
guide-4 = See the preview, then copy.
guide-4-more = Folders, counts and places, exactly as they will be.
guide-go = Begin the first migration
guide-no-right = You may look, and not begin one. Ask an operator.
tile-open = Open migrations
tile-open-more = See all
tile-messages = Messages, 24 h
tile-bytes = Copied, 24 h
tile-week = 7 days:
tile-quarantine = In quarantine
tile-quarantine-more = open messages
tile-quarantine-see = Settle
tile-active = Runs under way
tile-rate = Rate
tile-eta = about { $span } left
tile-eta-none = nothing under way
waiting-title = Waiting for somebody
waiting-none = Nothing waits.
waiting-failed = has failed: read why.
waiting-quarantine = { $count ->
     [one] has one message in quarantine.
    *[other] has { $count } messages in quarantine.
  }
waiting-approval = waits for an approval.
waiting-mailboxes = has no mailboxes yet.
waiting-paused = is paused.
waiting-more = { $count ->
     [one] and one more
    *[other] and { $count } more
  }
gates-title = Gates
boxes-title = Mailboxes
recent-title = Last active
recent-all = All migrations
workers-title = Workers
workers-none = No worker is running: nothing will be copied. Start the service with workers, or one beside it (malote worker).
worker-line = { $now } of { $capacity } busy
worker-lost = not heard of
chart-funnel = Migrations by phase
chart-errors = Errors by class, 24 h
chart-throughput = Copied over time
chart-progress = Share at the destination
chart-run-bytes = Octets of each run
chart-gates = What the gate was
jobs-title = Migrations
jobs-count = { $count ->
     [one] one migration
    *[other] { $count } migrations
  }
jobs-none = No migration yet.
jobs-none-found = No migration matches these filters.
tenant = Tenant { $id }
ticket = ticket { $id }
col-domain = Domain
col-phase = Phase
col-gate = Gate
col-progress = Progress
col-messages = Messages
col-mailboxes = Mailboxes
col-quarantine = Quarantine
col-owner = Owner
col-activity = Last change
col-ticket = Ticket
col-status = Status
col-email = Mailbox
col-eligible = Eligible
col-missing = Missing
col-bytes = Size
col-last-scan = Counted
job-nav = This migration
tab-job = Overview
tab-runs = Runs
tab-quarantine = Quarantine
tab-uploads = Uploads
tab-share = Customer's link
tab-report = Report
stepper = Phases
step-done = done:
step-stopped = stopped here:
next-step = Next:
of-messages = { $done } of { $all } messages
job-failed-why = It failed:
job-paused-why = Paused:
confirm-domain = To confirm, type { $domain }
act-preflight = Start the preflight
act-preflight-more = Tries every login; writes nothing.
act-scan = Count and preview
act-scan-more = Counts folders and messages and shows what a copy would do; writes nothing.
act-initial = Start the initial copy
act-initial-more = Copies everything; the source is only read.
act-delta = Copy differences
act-delta-more = Copies what came or changed since the last run.
act-retry-errors = Retry errors
act-retry-errors-more = Only mailboxes with errors or quarantine.
act-verify = Verify
act-verify-more = Counts both sides and compares a sample of contents.
act-final = Start the final copy
act-final-more = Fetches what still arrived at the old server. Before the switch of DNS it has to be confirmed.
act-pause = Pause
act-pause-more = Nothing new begins; what is at work goes back to the queue.
act-resume = Resume
act-resume-more = Goes on where it stood.
act-cancel = Cancel the runs
act-cancel-more = Ends its runs. What was copied stays.
act-fail = Mark as failed
act-fail-more = Ends its runs and keeps everything; an operations lead can take it back.
act-retry = Take it back
act-retry-more = Back to the phase before the failure.
act-close = Close
act-close-more = Destroys its keys, passwords and uploads. Counts, records and the certificate stay.
mailboxes-add = Add mailboxes
mailboxes-none-found = No mailbox matches these filters.
mailboxes-none = No mailbox yet. Add them one by one or as a list.
excluded = left out
timeline-title = Timeline
job-facts = About this migration
fact-tenant = Tenant
fact-source = Source
fact-destination = Destination
fact-made = Registered
fact-notes = Notes
recent-all-runs = All runs
views-title = Saved views
views-all = All
views-manage = Save or change views
view-keep = Save what is shown as a view
view-keep-hint = Whoever opens its address sees the same filters. A name that is there already is replaced.
view-begin-tick = Begin this list with it
view-begin = Begin with it
view-not-begin = No longer begin with it
view-begins = the list begins with it
view-remove = Remove
done-view-kept = The view is kept.
done-view-removed = The view was removed.
waiting-errors = { $count ->
     [one] has one mailbox with errors.
    *[other] has { $count } mailboxes with errors.
  }
waiting-consent = waits for a consent.
next-runs-title = Next runs by schedule
next-runs-none = No schedule fires.
worker = Worker
disk-free = Free on the disk:
disk-low = little: uploads will be refused soon
throttled-now = { $count ->
     [0] No mailbox waits for its provider's daily allowance.
     [one] One mailbox waits for its provider's daily allowance.
    *[other] { $count } mailboxes wait for their provider's daily allowance.
  }
phase-step = { $step } of { $all }
col-last-run = Last copy
boxes-count = { $count ->
     [one] one mailbox
    *[other] { $count } mailboxes
  }
