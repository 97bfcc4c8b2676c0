-- Takes back 0006: the hook, what it told and was to tell, and every link of a customer are lost with it.

DROP TABLE share_links;
DROP TABLE hook_deliveries;
DROP TABLE hook_outbox;
DROP TABLE ticket_hooks;
