### Mailboxes, runs, quarantine, uploads.

