### What the checks of the gate say, with their numbers.

said-approved = Approved.
said-balanced = The counts add up.
said-bytes = { $here } octets at the source, { $there } at the destination.
said-complete = Nothing is missing in { $inbox ->
     [1] the inbox
    *[other] sent mail
  }.
said-decided = Every address is decided.
said-delta = Last delta copy { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  } ago, { $pending } pending.
said-delta-ahead = The last delta copy lies in the future: a clock is wrong.
said-delta-failed = The last delta copy failed { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  } ago, { $pending } pending.
said-delta-none = No delta copy has ended yet.
said-delta-parked = Last delta copy { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  } ago, parked by the provider's daily ceiling, { $pending } pending.
said-delta-partial = Last delta copy { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  } ago, not everything accounted for, { $pending } pending.
said-dns-fails = { $count ->
     [one] { $count } check of the domain fails
    *[other] { $count } checks of the domain fail
  }.
said-dns-ready = Every check of the domain passes.
said-dns-warns = { $count ->
     [one] { $count } check of the domain warns
    *[other] { $count } checks of the domain warn
  }.
said-duplicates = { $count ->
     [one] { $count } message twice at the destination
    *[other] { $count } messages twice at the destination
  }.
said-files-waiting = { $count ->
     [one] { $count } uploaded file has no mailbox
    *[other] { $count } uploaded files have no mailbox
  }.
said-folder-unbalanced = The counts of a folder do not add up.
said-folders-clash = { $clashes ->
     [one] { $clashes } folder clashes
    *[other] { $clashes } folders clash
  }.
said-folders-renamed = Folders with another name: { $renamed }; folders that share a place: { $merged }.
said-folders-same = Every folder keeps its name.
said-homeless = { $count ->
     [one] { $count } mailbox has no destination
    *[other] { $count } mailboxes have no destination
  }.
said-inventory-none = No inventory is asked for.
said-inventory-unknown = No inventory of the source is known.
said-ledger-damaged = The ledger is damaged.
said-ledger-unknown = The ledger was not checked.
said-login-ahead = The last login lies in the future: a clock is wrong.
said-login-missing = Not both sides were logged in to.
said-login-refused = A login is refused.
said-logins = Last login on both sides { $hours ->
     [0] { $minutes } min
    *[other] { $hours } h
  } ago.
said-missing = { $missing ->
     [one] { $missing } message is missing
    *[other] { $missing } messages are missing
  } in { $inbox ->
     [1] the inbox
    *[other] sent mail
  }; { $open } unacknowledged.
said-missing-acknowledged = { $missing ->
     [one] { $missing } message is missing
    *[other] { $missing } messages are missing
  } in { $inbox ->
     [1] the inbox
    *[other] sent mail
  }, all acknowledged.
said-no-mailbox = No mailbox is enabled.
said-no-meaning = Has no meaning here.
said-not-measured = Not measured.
said-not-scanned = { $inbox ->
     [1] The inbox
    *[other] Sent mail
  } was not scanned.
said-nothing = Nothing to check.
said-outdated = What is copied, or where to, was changed since. Run a delta copy.
said-quarantine-none = Nothing is quarantined.
said-quarantine-open = { $open ->
     [one] { $open } item, not acknowledged
    *[other] { $open } items, none acknowledged
  }.
said-quarantine-partly = Items open: { $open }; acknowledged: { $acknowledged }.
said-quarantine-settled = { $acknowledged ->
     [one] { $acknowledged } item, acknowledged
    *[other] { $acknowledged } items, all acknowledged
  }.
said-quota = { $free } of { $limit } octets free, { $pending } to come.
said-ratio = { $matched } of { $eligible } messages ({ $percent }).
said-ratio-low = { $matched } of { $eligible } messages in all ({ $percent }), which is below { $least }%.
said-rejected = Rejected.
said-revoked = Revoked.
said-runs-active = { $count ->
     [one] { $count } run is under way
    *[other] { $count } runs are under way
  }.
said-sample = { $compared ->
     [one] { $compared } message compared, equal
    *[other] { $compared } messages compared, all equal
  }.
said-sample-differs = { $different } of { $compared } messages differ.
said-sample-rewritten = { $rewritten } of { $compared } messages differ in rewritten headers alone.
said-sample-small = { $compared ->
     [one] Only { $compared } message was compared
    *[other] Only { $compared } messages were compared
  }.
said-sent-elsewhere = No folder has the role of sent mail, though sent mail is there.
said-sent-none = No sent mail at the source.
said-uids-again = Changed, and matched again by content.
said-uids-lost = Changed, and not matched again.
said-uids-stable = Unchanged since the initial run.
said-unbalanced = The counts do not add up: missing is not pending + quarantined.
said-undecided = { $count ->
     [one] { $count } address is undecided
    *[other] { $count } addresses are undecided
  }.
said-unknown = Not every folder was scanned.
said-void-added = The approval is void: mailbox { $mailbox } was added.
said-void-before = The approval is void: what it was given for did not hold meanwhile.
said-void-check = The approval is void: a check came to fail.
said-void-dns = The approval is void: the plan for DNS is another.
said-void-dropped = The approval is void: the source holds over one percent less, or is not known.
said-void-expired = The approval is void: 72 hours are over.
said-void-folders = The approval is void: the folder map is another.
said-waiting = Waiting for an operations lead.
said-worker-died = A worker died since the last scan.
said-in-all = All { $all } mailboxes: { $what }
said-in-some = { $alike } of { $all } mailboxes, such as: { $what }
