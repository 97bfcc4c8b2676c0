-- What was changed in a message so that the destination took it, and by what the changed one is known there; and
-- which quarantined messages the operator has accepted as left out.

CREATE TABLE repair (
    folder_id BIGINT NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    source_uid_validity BIGINT NOT NULL CHECK (source_uid_validity BETWEEN -1 AND 4294967295), -- -1: within a rebase
    source_uid BIGINT NOT NULL CHECK (source_uid BETWEEN 1 AND 4294967295),
    findings TEXT NOT NULL DEFAULT '', -- what its octets were found to have, parted by blanks
    repairs TEXT NOT NULL DEFAULT '', -- names in the order in which they were made, parted by blanks
    message_id TEXT NOT NULL DEFAULT '',
    file TEXT NOT NULL DEFAULT '', -- the original, relative to the quarantine folder
    octets BIGINT NOT NULL DEFAULT 0, -- of the changed message, as the keys below are
    content_hash BYTEA NOT NULL DEFAULT '' CHECK (length(content_hash) IN (0, 32)),
    body_key BYTEA NOT NULL DEFAULT '' CHECK (length(body_key) IN (0, 16)),
    strong_key BYTEA NOT NULL DEFAULT '' CHECK (length(strong_key) IN (0, 16)),
    loose_key BYTEA NOT NULL DEFAULT '' CHECK (length(loose_key) IN (0, 16)),
    PRIMARY KEY (folder_id, source_uid_validity, source_uid)
);

ALTER TABLE quarantine
    ADD COLUMN is_acknowledged BIGINT NOT NULL DEFAULT 0 CHECK (is_acknowledged IN (0, 1));
