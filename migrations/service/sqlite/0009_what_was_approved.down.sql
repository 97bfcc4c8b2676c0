-- Takes back 0009: decisions are held against their snapshots, as before.

ALTER TABLE gate_approvals DROP COLUMN seen_json;
