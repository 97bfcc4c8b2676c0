-- What an item of a store said when its message was made: by it an edit is told from another way of writing the message.

ALTER TABLE message
    ADD COLUMN imprint BLOB NOT NULL DEFAULT x'' CHECK (length(imprint) IN (0, 16));
