-- The ledger of one pair of mailboxes. Numbers are 64 bits wide; those that are unsigned elsewhere (octets,
-- modification sequences) are kept as two's complement. 0 and the empty string mean "none" unless said otherwise.

PRAGMA application_id = 1298230383; -- "Malo": tells a state file from other programs' databases

CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    pair_key TEXT NOT NULL UNIQUE, -- empty in SQLite, where a file holds one pair
    source TEXT NOT NULL DEFAULT '', -- scheme://user@host:port; empty until claimed
    destination TEXT NOT NULL DEFAULT '',
    format INTEGER NOT NULL CHECK (format >= 1)
) STRICT;

CREATE TABLE folder (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used twice
    ledger_id INTEGER NOT NULL REFERENCES ledger (id) ON DELETE CASCADE,
    source_wire BLOB NOT NULL,
    source_path TEXT NOT NULL, -- JSON array of levels
    destination_wire BLOB NOT NULL,
    destination_path TEXT NOT NULL, -- JSON array of levels
    source_uid_validity INTEGER NOT NULL DEFAULT 0 CHECK (source_uid_validity BETWEEN 0 AND 4294967295),
    destination_uid_validity INTEGER NOT NULL DEFAULT 0 CHECK (destination_uid_validity BETWEEN 0 AND 4294967295),
    source_uid_next INTEGER NOT NULL DEFAULT 0 CHECK (source_uid_next BETWEEN 0 AND 4294967295),
    source_messages INTEGER NOT NULL DEFAULT 0 CHECK (source_messages BETWEEN 0 AND 4294967295),
    source_modseq INTEGER NOT NULL DEFAULT 0,
    destination_uid_next INTEGER NOT NULL DEFAULT 0 CHECK (destination_uid_next BETWEEN 0 AND 4294967295),
    destination_messages INTEGER NOT NULL DEFAULT 0 CHECK (destination_messages BETWEEN 0 AND 4294967295),
    destination_modseq INTEGER NOT NULL DEFAULT 0,
    is_complete INTEGER NOT NULL DEFAULT 0 CHECK (is_complete IN (0, 1)),
    UNIQUE (ledger_id, source_wire)
) STRICT;

CREATE INDEX folder_by_destination ON folder (ledger_id, destination_wire);

CREATE TABLE message (
    folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    source_uid_validity INTEGER NOT NULL CHECK (source_uid_validity BETWEEN -1 AND 4294967295), -- -1: within a rebase
    source_uid INTEGER NOT NULL CHECK (source_uid BETWEEN 1 AND 4294967295),
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4), -- 1 copied, 2 adopted, 3 collapsed, 4 quarantined
    destination_uid_validity INTEGER NOT NULL DEFAULT 0
        CHECK (destination_uid_validity BETWEEN -1 AND 4294967295), -- -1: within a rebase
    destination_uid INTEGER NOT NULL DEFAULT 0 CHECK (destination_uid BETWEEN 0 AND 4294967295),
    content_hash BLOB NOT NULL DEFAULT x'' CHECK (length(content_hash) IN (0, 32)),
    body_key BLOB NOT NULL DEFAULT x'' CHECK (length(body_key) IN (0, 16)),
    strong_key BLOB NOT NULL DEFAULT x'' CHECK (length(strong_key) IN (0, 16)),
    loose_key BLOB NOT NULL DEFAULT x'' CHECK (length(loose_key) IN (0, 16)),
    octets INTEGER NOT NULL DEFAULT 0,
    internal_unix_seconds INTEGER, -- NULL where the source gave none: every number is a possible second
    flags TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (folder_id, source_uid_validity, source_uid)
) STRICT, WITHOUT ROWID; -- read by ranges of the key; a row stays well below a twentieth of a page

CREATE INDEX message_by_destination ON message (folder_id, destination_uid_validity, destination_uid)
    WHERE destination_uid > 0;

CREATE TABLE intent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    source_uids TEXT NOT NULL, -- an IMAP sequence set
    destination_uid_validity INTEGER NOT NULL CHECK (destination_uid_validity BETWEEN 1 AND 4294967295),
    destination_uid_next INTEGER NOT NULL CHECK (destination_uid_next BETWEEN 0 AND 4294967295)
) STRICT;

CREATE INDEX intent_by_folder ON intent (folder_id, id);

CREATE TABLE quarantine (
    folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    source_uid_validity INTEGER NOT NULL CHECK (source_uid_validity BETWEEN -1 AND 4294967295),
    source_uid INTEGER NOT NULL CHECK (source_uid BETWEEN 1 AND 4294967295),
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    message_id TEXT NOT NULL DEFAULT '',
    octets INTEGER NOT NULL DEFAULT 0,
    file TEXT NOT NULL DEFAULT '', -- relative to the quarantine folder
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 4294967295),
    PRIMARY KEY (folder_id, source_uid_validity, source_uid)
) STRICT, WITHOUT ROWID;
