-- Servers whose folders are labels give one number to a message wherever it stands: by it is known that what one
-- folder shows was copied out of another.

CREATE TABLE origin (
    folder_id INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    source_uid_validity INTEGER NOT NULL CHECK (source_uid_validity BETWEEN 0 AND 4294967295),
    source_uid INTEGER NOT NULL CHECK (source_uid BETWEEN 1 AND 4294967295),
    origin_id INTEGER NOT NULL, -- an unsigned number of 64 bits (X-GM-MSGID), kept as two's complement
    octets INTEGER NOT NULL, -- as the server claims: one number with two sizes is not one message
    PRIMARY KEY (folder_id, source_uid_validity, source_uid)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX origin_by_id ON origin (origin_id, folder_id, source_uid_validity); -- once in each folder
