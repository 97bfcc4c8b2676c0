-- Takes back 0005: what was written into its tables and columns is lost with it.

DROP TABLE provider_profiles;
DROP TABLE oauth_flows;
ALTER TABLE migration_runs DROP COLUMN throttle_ms;
ALTER TABLE migration_runs DROP COLUMN leases_expired;
ALTER TABLE migration_mailboxes DROP COLUMN dest_credential_id;
ALTER TABLE migration_mailboxes DROP COLUMN source_credential_id;
ALTER TABLE migration_jobs DROP COLUMN dest_credential_id;
ALTER TABLE migration_jobs DROP COLUMN source_credential_id;
ALTER TABLE endpoint_credentials DROP COLUMN lease_until_ms;
ALTER TABLE endpoint_credentials DROP COLUMN lease_id;
ALTER TABLE endpoint_credentials DROP COLUMN status;
ALTER TABLE endpoint_credentials DROP COLUMN grant_json;
