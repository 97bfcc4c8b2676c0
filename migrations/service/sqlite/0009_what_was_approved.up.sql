-- What of its snapshot a decision about a gate is held against: the snapshot names ten thousand folders, which nobody
-- needs to read again at every look. The empty string, in decisions from before: the snapshot itself is read.

ALTER TABLE gate_approvals ADD COLUMN seen_json TEXT NOT NULL DEFAULT ''; -- the snapshot without its folders
