-- Takes back 0004: what was measured and the inventory are lost with it.

DROP TABLE mailbox_inventory;
DROP TABLE mailbox_measures;
ALTER TABLE migration_jobs DROP COLUMN inventory_at;
ALTER TABLE mailbox_folders DROP COLUMN uidvalidity_changes;
ALTER TABLE mailbox_folders DROP COLUMN uidvalidity_first;
