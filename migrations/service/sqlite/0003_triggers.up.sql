-- Long, for SQLite has no loop: each table has the same few lines under its own name and columns.
-- What keeps itself: the time of the last change, the rows of the audit trail that nobody changes or removes, and a
-- row of that trail for each change to what decides about access, secrets, gates and DNS, whoever made it and however.
-- Secrets are watched, never shown.

CREATE TRIGGER trg_tenants_updated_at AFTER UPDATE ON tenants FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE tenants SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_tickets_ref_updated_at AFTER UPDATE ON tickets_ref FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE tickets_ref SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_users_updated_at AFTER UPDATE ON users FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_roles_updated_at AFTER UPDATE ON roles FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE roles SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_user_totp_updated_at AFTER UPDATE ON user_totp FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE user_totp SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_service_tokens_updated_at AFTER UPDATE ON service_tokens FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE service_tokens SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_system_settings_updated_at AFTER UPDATE ON system_settings FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE system_settings SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_approval_requests_updated_at AFTER UPDATE ON approval_requests FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE approval_requests SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_data_keys_updated_at AFTER UPDATE ON data_keys FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE data_keys SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_endpoints_updated_at AFTER UPDATE ON endpoints FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE endpoints SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_endpoint_credentials_updated_at AFTER UPDATE ON endpoint_credentials FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE endpoint_credentials SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_schedules_updated_at AFTER UPDATE ON schedules FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE schedules SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_mailbox_contexts_updated_at AFTER UPDATE ON mailbox_contexts FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE mailbox_contexts SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_mailbox_groups_updated_at AFTER UPDATE ON mailbox_groups FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE mailbox_groups SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_migration_jobs_updated_at AFTER UPDATE ON migration_jobs FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE migration_jobs SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_migration_mailboxes_updated_at AFTER UPDATE ON migration_mailboxes FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE migration_mailboxes SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_migration_runs_updated_at AFTER UPDATE ON migration_runs FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE migration_runs SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_mailbox_folders_updated_at AFTER UPDATE ON mailbox_folders FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE mailbox_folders SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_migration_credentials_updated_at AFTER UPDATE ON migration_credentials FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE migration_credentials SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_uploads_updated_at AFTER UPDATE ON uploads FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE uploads SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_quarantine_items_updated_at AFTER UPDATE ON quarantine_items FOR EACH ROW
WHEN NEW.updated_at = OLD.updated_at
BEGIN
    UPDATE quarantine_items SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER trg_audit_row_changes_no_update BEFORE UPDATE ON audit_row_changes FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_row_changes only grows');
END;

CREATE TRIGGER trg_audit_row_changes_no_delete BEFORE DELETE ON audit_row_changes FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_row_changes only grows');
END;

CREATE TRIGGER trg_audit_logs_no_update BEFORE UPDATE ON audit_logs FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_logs only grows');
END;

CREATE TRIGGER trg_audit_logs_no_delete BEFORE DELETE ON audit_logs FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_logs only grows');
END;

CREATE TRIGGER trg_audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints only grows');
END;

CREATE TRIGGER trg_audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints FOR EACH ROW
BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoints only grows');
END;

CREATE TRIGGER trg_users_audit_insert AFTER INSERT ON users FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('users', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'name', NEW.name, 'display_name', NEW.display_name, 'email', NEW.email,
        'locale', NEW.locale, 'password_changed_ms', NEW.password_changed_ms,
        'must_change_password', NEW.must_change_password, 'is_enabled', NEW.is_enabled,
        'sees_all_tenants', NEW.sees_all_tenants));
END;

CREATE TRIGGER trg_users_audit_update AFTER UPDATE ON users FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
     OR NEW.display_name IS DISTINCT FROM OLD.display_name OR NEW.email IS DISTINCT FROM OLD.email
     OR NEW.locale IS DISTINCT FROM OLD.locale OR NEW.password_hash IS DISTINCT FROM OLD.password_hash
     OR NEW.password_changed_ms IS DISTINCT FROM OLD.password_changed_ms
     OR NEW.must_change_password IS DISTINCT FROM OLD.must_change_password
     OR NEW.is_enabled IS DISTINCT FROM OLD.is_enabled
     OR NEW.sees_all_tenants IS DISTINCT FROM OLD.sees_all_tenants
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('users', NEW.id, 'update', json_object(
        'id', OLD.id, 'name', OLD.name, 'display_name', OLD.display_name, 'email', OLD.email,
        'locale', OLD.locale, 'password_changed_ms', OLD.password_changed_ms,
        'must_change_password', OLD.must_change_password, 'is_enabled', OLD.is_enabled,
        'sees_all_tenants', OLD.sees_all_tenants), json_object(
        'id', NEW.id, 'name', NEW.name, 'display_name', NEW.display_name, 'email', NEW.email,
        'locale', NEW.locale, 'password_changed_ms', NEW.password_changed_ms,
        'must_change_password', NEW.must_change_password, 'is_enabled', NEW.is_enabled,
        'sees_all_tenants', NEW.sees_all_tenants));
END;

CREATE TRIGGER trg_users_audit_delete AFTER DELETE ON users FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('users', OLD.id, 'delete', json_object(
        'id', OLD.id, 'name', OLD.name, 'display_name', OLD.display_name, 'email', OLD.email,
        'locale', OLD.locale, 'password_changed_ms', OLD.password_changed_ms,
        'must_change_password', OLD.must_change_password, 'is_enabled', OLD.is_enabled,
        'sees_all_tenants', OLD.sees_all_tenants), '');
END;

CREATE TRIGGER trg_user_tenants_audit_insert AFTER INSERT ON user_tenants FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_tenants', NEW.user_id || '/' || NEW.tenant_id, 'insert', '', json_object(
        'user_id', NEW.user_id, 'tenant_id', NEW.tenant_id));
END;

CREATE TRIGGER trg_user_tenants_audit_update AFTER UPDATE ON user_tenants FOR EACH ROW
WHEN NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_tenants', NEW.user_id || '/' || NEW.tenant_id, 'update', json_object(
        'user_id', OLD.user_id, 'tenant_id', OLD.tenant_id), json_object(
        'user_id', NEW.user_id, 'tenant_id', NEW.tenant_id));
END;

CREATE TRIGGER trg_user_tenants_audit_delete AFTER DELETE ON user_tenants FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_tenants', OLD.user_id || '/' || OLD.tenant_id, 'delete', json_object(
        'user_id', OLD.user_id, 'tenant_id', OLD.tenant_id), '');
END;

CREATE TRIGGER trg_roles_audit_insert AFTER INSERT ON roles FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('roles', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'name', NEW.name, 'description', NEW.description, 'is_system', NEW.is_system,
        'requires_mfa', NEW.requires_mfa));
END;

CREATE TRIGGER trg_roles_audit_update AFTER UPDATE ON roles FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
     OR NEW.description IS DISTINCT FROM OLD.description OR NEW.is_system IS DISTINCT FROM OLD.is_system
     OR NEW.requires_mfa IS DISTINCT FROM OLD.requires_mfa
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('roles', NEW.id, 'update', json_object(
        'id', OLD.id, 'name', OLD.name, 'description', OLD.description, 'is_system', OLD.is_system,
        'requires_mfa', OLD.requires_mfa), json_object(
        'id', NEW.id, 'name', NEW.name, 'description', NEW.description, 'is_system', NEW.is_system,
        'requires_mfa', NEW.requires_mfa));
END;

CREATE TRIGGER trg_roles_audit_delete AFTER DELETE ON roles FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('roles', OLD.id, 'delete', json_object(
        'id', OLD.id, 'name', OLD.name, 'description', OLD.description, 'is_system', OLD.is_system,
        'requires_mfa', OLD.requires_mfa), '');
END;

CREATE TRIGGER trg_role_permissions_audit_insert AFTER INSERT ON role_permissions FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('role_permissions', NEW.role_id || '/' || NEW.permission, 'insert', '', json_object(
        'role_id', NEW.role_id, 'permission', NEW.permission));
END;

CREATE TRIGGER trg_role_permissions_audit_update AFTER UPDATE ON role_permissions FOR EACH ROW
WHEN NEW.role_id IS DISTINCT FROM OLD.role_id OR NEW.permission IS DISTINCT FROM OLD.permission
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('role_permissions', NEW.role_id || '/' || NEW.permission, 'update', json_object(
        'role_id', OLD.role_id, 'permission', OLD.permission), json_object(
        'role_id', NEW.role_id, 'permission', NEW.permission));
END;

CREATE TRIGGER trg_role_permissions_audit_delete AFTER DELETE ON role_permissions FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('role_permissions', OLD.role_id || '/' || OLD.permission, 'delete', json_object(
        'role_id', OLD.role_id, 'permission', OLD.permission), '');
END;

CREATE TRIGGER trg_user_roles_audit_insert AFTER INSERT ON user_roles FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_roles', NEW.user_id || '/' || NEW.role_id, 'insert', '', json_object(
        'user_id', NEW.user_id, 'role_id', NEW.role_id, 'granted_by', NEW.granted_by,
        'granted_at', NEW.granted_at));
END;

CREATE TRIGGER trg_user_roles_audit_update AFTER UPDATE ON user_roles FOR EACH ROW
WHEN NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.role_id IS DISTINCT FROM OLD.role_id
     OR NEW.granted_by IS DISTINCT FROM OLD.granted_by OR NEW.granted_at IS DISTINCT FROM OLD.granted_at
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_roles', NEW.user_id || '/' || NEW.role_id, 'update', json_object(
        'user_id', OLD.user_id, 'role_id', OLD.role_id, 'granted_by', OLD.granted_by,
        'granted_at', OLD.granted_at), json_object(
        'user_id', NEW.user_id, 'role_id', NEW.role_id, 'granted_by', NEW.granted_by,
        'granted_at', NEW.granted_at));
END;

CREATE TRIGGER trg_user_roles_audit_delete AFTER DELETE ON user_roles FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_roles', OLD.user_id || '/' || OLD.role_id, 'delete', json_object(
        'user_id', OLD.user_id, 'role_id', OLD.role_id, 'granted_by', OLD.granted_by,
        'granted_at', OLD.granted_at), '');
END;

CREATE TRIGGER trg_access_scopes_audit_insert AFTER INSERT ON access_scopes FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('access_scopes', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'user_id', NEW.user_id, 'role_id', NEW.role_id, 'effect', NEW.effect,
        'resource_kind', NEW.resource_kind, 'resource_id', NEW.resource_id));
END;

CREATE TRIGGER trg_access_scopes_audit_update AFTER UPDATE ON access_scopes FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.user_id IS DISTINCT FROM OLD.user_id
     OR NEW.role_id IS DISTINCT FROM OLD.role_id OR NEW.effect IS DISTINCT FROM OLD.effect
     OR NEW.resource_kind IS DISTINCT FROM OLD.resource_kind
     OR NEW.resource_id IS DISTINCT FROM OLD.resource_id
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('access_scopes', NEW.id, 'update', json_object(
        'id', OLD.id, 'user_id', OLD.user_id, 'role_id', OLD.role_id, 'effect', OLD.effect,
        'resource_kind', OLD.resource_kind, 'resource_id', OLD.resource_id), json_object(
        'id', NEW.id, 'user_id', NEW.user_id, 'role_id', NEW.role_id, 'effect', NEW.effect,
        'resource_kind', NEW.resource_kind, 'resource_id', NEW.resource_id));
END;

CREATE TRIGGER trg_access_scopes_audit_delete AFTER DELETE ON access_scopes FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('access_scopes', OLD.id, 'delete', json_object(
        'id', OLD.id, 'user_id', OLD.user_id, 'role_id', OLD.role_id, 'effect', OLD.effect,
        'resource_kind', OLD.resource_kind, 'resource_id', OLD.resource_id), '');
END;

CREATE TRIGGER trg_user_totp_audit_insert AFTER INSERT ON user_totp FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_totp', NEW.user_id, 'insert', '', json_object(
        'user_id', NEW.user_id, 'confirmed_ms', NEW.confirmed_ms));
END;

CREATE TRIGGER trg_user_totp_audit_update AFTER UPDATE ON user_totp FOR EACH ROW
WHEN NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.secret_encrypted IS DISTINCT FROM OLD.secret_encrypted
     OR NEW.confirmed_ms IS DISTINCT FROM OLD.confirmed_ms
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_totp', NEW.user_id, 'update', json_object(
        'user_id', OLD.user_id, 'confirmed_ms', OLD.confirmed_ms), json_object(
        'user_id', NEW.user_id, 'confirmed_ms', NEW.confirmed_ms));
END;

CREATE TRIGGER trg_user_totp_audit_delete AFTER DELETE ON user_totp FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('user_totp', OLD.user_id, 'delete', json_object(
        'user_id', OLD.user_id, 'confirmed_ms', OLD.confirmed_ms), '');
END;

CREATE TRIGGER trg_service_tokens_audit_insert AFTER INSERT ON service_tokens FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('service_tokens', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'name', NEW.name, 'scopes_json', NEW.scopes_json, 'tenant_id', NEW.tenant_id,
        'allowed_networks_json', NEW.allowed_networks_json, 'expires_ms', NEW.expires_ms,
        'revoked_ms', NEW.revoked_ms, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_service_tokens_audit_update AFTER UPDATE ON service_tokens FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
     OR NEW.token_hash IS DISTINCT FROM OLD.token_hash OR NEW.scopes_json IS DISTINCT FROM OLD.scopes_json
     OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
     OR NEW.allowed_networks_json IS DISTINCT FROM OLD.allowed_networks_json
     OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.revoked_ms IS DISTINCT FROM OLD.revoked_ms
     OR NEW.created_by IS DISTINCT FROM OLD.created_by
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('service_tokens', NEW.id, 'update', json_object(
        'id', OLD.id, 'name', OLD.name, 'scopes_json', OLD.scopes_json, 'tenant_id', OLD.tenant_id,
        'allowed_networks_json', OLD.allowed_networks_json, 'expires_ms', OLD.expires_ms,
        'revoked_ms', OLD.revoked_ms, 'created_by', OLD.created_by), json_object(
        'id', NEW.id, 'name', NEW.name, 'scopes_json', NEW.scopes_json, 'tenant_id', NEW.tenant_id,
        'allowed_networks_json', NEW.allowed_networks_json, 'expires_ms', NEW.expires_ms,
        'revoked_ms', NEW.revoked_ms, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_service_tokens_audit_delete AFTER DELETE ON service_tokens FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('service_tokens', OLD.id, 'delete', json_object(
        'id', OLD.id, 'name', OLD.name, 'scopes_json', OLD.scopes_json, 'tenant_id', OLD.tenant_id,
        'allowed_networks_json', OLD.allowed_networks_json, 'expires_ms', OLD.expires_ms,
        'revoked_ms', OLD.revoked_ms, 'created_by', OLD.created_by), '');
END;

CREATE TRIGGER trg_system_settings_audit_insert AFTER INSERT ON system_settings FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('system_settings', NEW.key, 'insert', '', json_object(
        'key', NEW.key, 'value_json', NEW.value_json, 'updated_by', NEW.updated_by));
END;

CREATE TRIGGER trg_system_settings_audit_update AFTER UPDATE ON system_settings FOR EACH ROW
WHEN NEW.key IS DISTINCT FROM OLD.key OR NEW.value_json IS DISTINCT FROM OLD.value_json
     OR NEW.updated_by IS DISTINCT FROM OLD.updated_by
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('system_settings', NEW.key, 'update', json_object(
        'key', OLD.key, 'value_json', OLD.value_json, 'updated_by', OLD.updated_by), json_object(
        'key', NEW.key, 'value_json', NEW.value_json, 'updated_by', NEW.updated_by));
END;

CREATE TRIGGER trg_system_settings_audit_delete AFTER DELETE ON system_settings FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('system_settings', OLD.key, 'delete', json_object(
        'key', OLD.key, 'value_json', OLD.value_json, 'updated_by', OLD.updated_by), '');
END;

CREATE TRIGGER trg_data_keys_audit_insert AFTER INSERT ON data_keys FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('data_keys', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'algorithm', NEW.algorithm, 'master_key_id', NEW.master_key_id,
        'destroyed_ms', NEW.destroyed_ms));
END;

CREATE TRIGGER trg_data_keys_audit_update AFTER UPDATE ON data_keys FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.job_id IS DISTINCT FROM OLD.job_id
     OR NEW.algorithm IS DISTINCT FROM OLD.algorithm OR NEW.master_key_id IS DISTINCT FROM OLD.master_key_id
     OR NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key OR NEW.destroyed_ms IS DISTINCT FROM OLD.destroyed_ms
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('data_keys', NEW.id, 'update', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'algorithm', OLD.algorithm, 'master_key_id', OLD.master_key_id,
        'destroyed_ms', OLD.destroyed_ms), json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'algorithm', NEW.algorithm, 'master_key_id', NEW.master_key_id,
        'destroyed_ms', NEW.destroyed_ms));
END;

CREATE TRIGGER trg_data_keys_audit_delete AFTER DELETE ON data_keys FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('data_keys', OLD.id, 'delete', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'algorithm', OLD.algorithm, 'master_key_id', OLD.master_key_id,
        'destroyed_ms', OLD.destroyed_ms), '');
END;

CREATE TRIGGER trg_endpoints_audit_insert AFTER INSERT ON endpoints FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoints', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'name', NEW.name, 'kind', NEW.kind, 'profile', NEW.profile,
        'host', NEW.host, 'port', NEW.port, 'tls', NEW.tls, 'auth', NEW.auth,
        'authzid_template', NEW.authzid_template, 'pin', NEW.pin, 'ca_pem', NEW.ca_pem,
        'connections_max', NEW.connections_max, 'tags_json', NEW.tags_json, 'is_enabled', NEW.is_enabled,
        'allow_cleartext', NEW.allow_cleartext, 'allow_private', NEW.allow_private,
        'allowed_networks_json', NEW.allowed_networks_json, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_endpoints_audit_update AFTER UPDATE ON endpoints FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
     OR NEW.name IS DISTINCT FROM OLD.name OR NEW.kind IS DISTINCT FROM OLD.kind
     OR NEW.profile IS DISTINCT FROM OLD.profile OR NEW.host IS DISTINCT FROM OLD.host
     OR NEW.port IS DISTINCT FROM OLD.port OR NEW.tls IS DISTINCT FROM OLD.tls
     OR NEW.auth IS DISTINCT FROM OLD.auth OR NEW.authzid_template IS DISTINCT FROM OLD.authzid_template
     OR NEW.pin IS DISTINCT FROM OLD.pin OR NEW.ca_pem IS DISTINCT FROM OLD.ca_pem
     OR NEW.connections_max IS DISTINCT FROM OLD.connections_max
     OR NEW.tags_json IS DISTINCT FROM OLD.tags_json OR NEW.is_enabled IS DISTINCT FROM OLD.is_enabled
     OR NEW.allow_cleartext IS DISTINCT FROM OLD.allow_cleartext
     OR NEW.allow_private IS DISTINCT FROM OLD.allow_private
     OR NEW.allowed_networks_json IS DISTINCT FROM OLD.allowed_networks_json
     OR NEW.created_by IS DISTINCT FROM OLD.created_by
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoints', NEW.id, 'update', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'name', OLD.name, 'kind', OLD.kind, 'profile', OLD.profile,
        'host', OLD.host, 'port', OLD.port, 'tls', OLD.tls, 'auth', OLD.auth,
        'authzid_template', OLD.authzid_template, 'pin', OLD.pin, 'ca_pem', OLD.ca_pem,
        'connections_max', OLD.connections_max, 'tags_json', OLD.tags_json, 'is_enabled', OLD.is_enabled,
        'allow_cleartext', OLD.allow_cleartext, 'allow_private', OLD.allow_private,
        'allowed_networks_json', OLD.allowed_networks_json, 'created_by', OLD.created_by), json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'name', NEW.name, 'kind', NEW.kind, 'profile', NEW.profile,
        'host', NEW.host, 'port', NEW.port, 'tls', NEW.tls, 'auth', NEW.auth,
        'authzid_template', NEW.authzid_template, 'pin', NEW.pin, 'ca_pem', NEW.ca_pem,
        'connections_max', NEW.connections_max, 'tags_json', NEW.tags_json, 'is_enabled', NEW.is_enabled,
        'allow_cleartext', NEW.allow_cleartext, 'allow_private', NEW.allow_private,
        'allowed_networks_json', NEW.allowed_networks_json, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_endpoints_audit_delete AFTER DELETE ON endpoints FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoints', OLD.id, 'delete', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'name', OLD.name, 'kind', OLD.kind, 'profile', OLD.profile,
        'host', OLD.host, 'port', OLD.port, 'tls', OLD.tls, 'auth', OLD.auth,
        'authzid_template', OLD.authzid_template, 'pin', OLD.pin, 'ca_pem', OLD.ca_pem,
        'connections_max', OLD.connections_max, 'tags_json', OLD.tags_json, 'is_enabled', OLD.is_enabled,
        'allow_cleartext', OLD.allow_cleartext, 'allow_private', OLD.allow_private,
        'allowed_networks_json', OLD.allowed_networks_json, 'created_by', OLD.created_by), '');
END;

CREATE TRIGGER trg_endpoint_credentials_audit_insert AFTER INSERT ON endpoint_credentials FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoint_credentials', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'endpoint_id', NEW.endpoint_id, 'name', NEW.name, 'login_user', NEW.login_user,
        'kind', NEW.kind, 'expires_ms', NEW.expires_ms, 'is_default', NEW.is_default,
        'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_endpoint_credentials_audit_update AFTER UPDATE ON endpoint_credentials FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.endpoint_id IS DISTINCT FROM OLD.endpoint_id
     OR NEW.name IS DISTINCT FROM OLD.name OR NEW.login_user IS DISTINCT FROM OLD.login_user
     OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.secret_encrypted IS DISTINCT FROM OLD.secret_encrypted
     OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.is_default IS DISTINCT FROM OLD.is_default
     OR NEW.created_by IS DISTINCT FROM OLD.created_by
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoint_credentials', NEW.id, 'update', json_object(
        'id', OLD.id, 'endpoint_id', OLD.endpoint_id, 'name', OLD.name, 'login_user', OLD.login_user,
        'kind', OLD.kind, 'expires_ms', OLD.expires_ms, 'is_default', OLD.is_default,
        'created_by', OLD.created_by), json_object(
        'id', NEW.id, 'endpoint_id', NEW.endpoint_id, 'name', NEW.name, 'login_user', NEW.login_user,
        'kind', NEW.kind, 'expires_ms', NEW.expires_ms, 'is_default', NEW.is_default,
        'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_endpoint_credentials_audit_delete AFTER DELETE ON endpoint_credentials FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('endpoint_credentials', OLD.id, 'delete', json_object(
        'id', OLD.id, 'endpoint_id', OLD.endpoint_id, 'name', OLD.name, 'login_user', OLD.login_user,
        'kind', OLD.kind, 'expires_ms', OLD.expires_ms, 'is_default', OLD.is_default,
        'created_by', OLD.created_by), '');
END;

CREATE TRIGGER trg_schedules_audit_insert AFTER INSERT ON schedules FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('schedules', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'name', NEW.name, 'kind', NEW.kind, 'cron', NEW.cron,
        'timezone', NEW.timezone, 'chain_parent_id', NEW.chain_parent_id,
        'chain_delay_minutes', NEW.chain_delay_minutes, 'run_type', NEW.run_type,
        'max_concurrent', NEW.max_concurrent, 'retry_attempts', NEW.retry_attempts,
        'retry_delay_minutes', NEW.retry_delay_minutes, 'skip_if_running', NEW.skip_if_running,
        'window_json', NEW.window_json, 'is_enabled', NEW.is_enabled, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_schedules_audit_update AFTER UPDATE ON schedules FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
     OR NEW.name IS DISTINCT FROM OLD.name OR NEW.kind IS DISTINCT FROM OLD.kind
     OR NEW.cron IS DISTINCT FROM OLD.cron OR NEW.timezone IS DISTINCT FROM OLD.timezone
     OR NEW.chain_parent_id IS DISTINCT FROM OLD.chain_parent_id
     OR NEW.chain_delay_minutes IS DISTINCT FROM OLD.chain_delay_minutes
     OR NEW.run_type IS DISTINCT FROM OLD.run_type OR NEW.max_concurrent IS DISTINCT FROM OLD.max_concurrent
     OR NEW.retry_attempts IS DISTINCT FROM OLD.retry_attempts
     OR NEW.retry_delay_minutes IS DISTINCT FROM OLD.retry_delay_minutes
     OR NEW.skip_if_running IS DISTINCT FROM OLD.skip_if_running
     OR NEW.window_json IS DISTINCT FROM OLD.window_json OR NEW.is_enabled IS DISTINCT FROM OLD.is_enabled
     OR NEW.created_by IS DISTINCT FROM OLD.created_by
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('schedules', NEW.id, 'update', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'name', OLD.name, 'kind', OLD.kind, 'cron', OLD.cron,
        'timezone', OLD.timezone, 'chain_parent_id', OLD.chain_parent_id,
        'chain_delay_minutes', OLD.chain_delay_minutes, 'run_type', OLD.run_type,
        'max_concurrent', OLD.max_concurrent, 'retry_attempts', OLD.retry_attempts,
        'retry_delay_minutes', OLD.retry_delay_minutes, 'skip_if_running', OLD.skip_if_running,
        'window_json', OLD.window_json, 'is_enabled', OLD.is_enabled, 'created_by', OLD.created_by), json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'name', NEW.name, 'kind', NEW.kind, 'cron', NEW.cron,
        'timezone', NEW.timezone, 'chain_parent_id', NEW.chain_parent_id,
        'chain_delay_minutes', NEW.chain_delay_minutes, 'run_type', NEW.run_type,
        'max_concurrent', NEW.max_concurrent, 'retry_attempts', NEW.retry_attempts,
        'retry_delay_minutes', NEW.retry_delay_minutes, 'skip_if_running', NEW.skip_if_running,
        'window_json', NEW.window_json, 'is_enabled', NEW.is_enabled, 'created_by', NEW.created_by));
END;

CREATE TRIGGER trg_schedules_audit_delete AFTER DELETE ON schedules FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('schedules', OLD.id, 'delete', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'name', OLD.name, 'kind', OLD.kind, 'cron', OLD.cron,
        'timezone', OLD.timezone, 'chain_parent_id', OLD.chain_parent_id,
        'chain_delay_minutes', OLD.chain_delay_minutes, 'run_type', OLD.run_type,
        'max_concurrent', OLD.max_concurrent, 'retry_attempts', OLD.retry_attempts,
        'retry_delay_minutes', OLD.retry_delay_minutes, 'skip_if_running', OLD.skip_if_running,
        'window_json', OLD.window_json, 'is_enabled', OLD.is_enabled, 'created_by', OLD.created_by), '');
END;

CREATE TRIGGER trg_migration_jobs_audit_insert AFTER INSERT ON migration_jobs FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_jobs', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'ticket_id', NEW.ticket_id, 'domain', NEW.domain,
        'phase', NEW.phase, 'migration_gate', NEW.migration_gate,
        'source_server_label', NEW.source_server_label, 'dest_imap_host', NEW.dest_imap_host,
        'notes', NEW.notes, 'approved_by', NEW.approved_by, 'approved_at', NEW.approved_at,
        'dns_cutover_at', NEW.dns_cutover_at, 'created_by', NEW.created_by,
        'source_endpoint_id', NEW.source_endpoint_id, 'dest_endpoint_id', NEW.dest_endpoint_id,
        'dest_platform_id', NEW.dest_platform_id, 'options_json', NEW.options_json,
        'schedule_id', NEW.schedule_id, 'dns_plan_hash', NEW.dns_plan_hash, 'is_paused', NEW.is_paused,
        'paused_reason', NEW.paused_reason, 'phase_before_failure', NEW.phase_before_failure,
        'failure_reason', NEW.failure_reason, 'closed_at', NEW.closed_at, 'deleted_at', NEW.deleted_at));
END;

CREATE TRIGGER trg_migration_jobs_audit_update AFTER UPDATE ON migration_jobs FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
     OR NEW.ticket_id IS DISTINCT FROM OLD.ticket_id OR NEW.domain IS DISTINCT FROM OLD.domain
     OR NEW.phase IS DISTINCT FROM OLD.phase OR NEW.migration_gate IS DISTINCT FROM OLD.migration_gate
     OR NEW.source_server_label IS DISTINCT FROM OLD.source_server_label
     OR NEW.dest_imap_host IS DISTINCT FROM OLD.dest_imap_host OR NEW.notes IS DISTINCT FROM OLD.notes
     OR NEW.approved_by IS DISTINCT FROM OLD.approved_by OR NEW.approved_at IS DISTINCT FROM OLD.approved_at
     OR NEW.dns_cutover_at IS DISTINCT FROM OLD.dns_cutover_at
     OR NEW.created_by IS DISTINCT FROM OLD.created_by
     OR NEW.source_endpoint_id IS DISTINCT FROM OLD.source_endpoint_id
     OR NEW.dest_endpoint_id IS DISTINCT FROM OLD.dest_endpoint_id
     OR NEW.dest_platform_id IS DISTINCT FROM OLD.dest_platform_id
     OR NEW.options_json IS DISTINCT FROM OLD.options_json OR NEW.schedule_id IS DISTINCT FROM OLD.schedule_id
     OR NEW.dns_plan_hash IS DISTINCT FROM OLD.dns_plan_hash OR NEW.is_paused IS DISTINCT FROM OLD.is_paused
     OR NEW.paused_reason IS DISTINCT FROM OLD.paused_reason
     OR NEW.phase_before_failure IS DISTINCT FROM OLD.phase_before_failure
     OR NEW.failure_reason IS DISTINCT FROM OLD.failure_reason OR NEW.closed_at IS DISTINCT FROM OLD.closed_at
     OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_jobs', NEW.id, 'update', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'ticket_id', OLD.ticket_id, 'domain', OLD.domain,
        'phase', OLD.phase, 'migration_gate', OLD.migration_gate,
        'source_server_label', OLD.source_server_label, 'dest_imap_host', OLD.dest_imap_host,
        'notes', OLD.notes, 'approved_by', OLD.approved_by, 'approved_at', OLD.approved_at,
        'dns_cutover_at', OLD.dns_cutover_at, 'created_by', OLD.created_by,
        'source_endpoint_id', OLD.source_endpoint_id, 'dest_endpoint_id', OLD.dest_endpoint_id,
        'dest_platform_id', OLD.dest_platform_id, 'options_json', OLD.options_json,
        'schedule_id', OLD.schedule_id, 'dns_plan_hash', OLD.dns_plan_hash, 'is_paused', OLD.is_paused,
        'paused_reason', OLD.paused_reason, 'phase_before_failure', OLD.phase_before_failure,
        'failure_reason', OLD.failure_reason, 'closed_at', OLD.closed_at, 'deleted_at', OLD.deleted_at), json_object(
        'id', NEW.id, 'tenant_id', NEW.tenant_id, 'ticket_id', NEW.ticket_id, 'domain', NEW.domain,
        'phase', NEW.phase, 'migration_gate', NEW.migration_gate,
        'source_server_label', NEW.source_server_label, 'dest_imap_host', NEW.dest_imap_host,
        'notes', NEW.notes, 'approved_by', NEW.approved_by, 'approved_at', NEW.approved_at,
        'dns_cutover_at', NEW.dns_cutover_at, 'created_by', NEW.created_by,
        'source_endpoint_id', NEW.source_endpoint_id, 'dest_endpoint_id', NEW.dest_endpoint_id,
        'dest_platform_id', NEW.dest_platform_id, 'options_json', NEW.options_json,
        'schedule_id', NEW.schedule_id, 'dns_plan_hash', NEW.dns_plan_hash, 'is_paused', NEW.is_paused,
        'paused_reason', NEW.paused_reason, 'phase_before_failure', NEW.phase_before_failure,
        'failure_reason', NEW.failure_reason, 'closed_at', NEW.closed_at, 'deleted_at', NEW.deleted_at));
END;

CREATE TRIGGER trg_migration_jobs_audit_delete AFTER DELETE ON migration_jobs FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_jobs', OLD.id, 'delete', json_object(
        'id', OLD.id, 'tenant_id', OLD.tenant_id, 'ticket_id', OLD.ticket_id, 'domain', OLD.domain,
        'phase', OLD.phase, 'migration_gate', OLD.migration_gate,
        'source_server_label', OLD.source_server_label, 'dest_imap_host', OLD.dest_imap_host,
        'notes', OLD.notes, 'approved_by', OLD.approved_by, 'approved_at', OLD.approved_at,
        'dns_cutover_at', OLD.dns_cutover_at, 'created_by', OLD.created_by,
        'source_endpoint_id', OLD.source_endpoint_id, 'dest_endpoint_id', OLD.dest_endpoint_id,
        'dest_platform_id', OLD.dest_platform_id, 'options_json', OLD.options_json,
        'schedule_id', OLD.schedule_id, 'dns_plan_hash', OLD.dns_plan_hash, 'is_paused', OLD.is_paused,
        'paused_reason', OLD.paused_reason, 'phase_before_failure', OLD.phase_before_failure,
        'failure_reason', OLD.failure_reason, 'closed_at', OLD.closed_at, 'deleted_at', OLD.deleted_at), '');
END;

CREATE TRIGGER trg_migration_mailboxes_audit_insert AFTER INSERT ON migration_mailboxes FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_mailboxes', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'email', NEW.email, 'source_type', NEW.source_type,
        'source_host', NEW.source_host, 'source_user', NEW.source_user, 'credentials_ref', NEW.credentials_ref,
        'pst_path', NEW.pst_path, 'folder_map_json', NEW.folder_map_json,
        'source_endpoint_id', NEW.source_endpoint_id, 'dest_endpoint_id', NEW.dest_endpoint_id,
        'dest_host', NEW.dest_host, 'dest_user', NEW.dest_user,
        'dest_credentials_ref', NEW.dest_credentials_ref, 'enabled', NEW.enabled,
        'excluded_reason', NEW.excluded_reason, 'group_id', NEW.group_id, 'options_json', NEW.options_json,
        'login_waived_reason', NEW.login_waived_reason));
END;

CREATE TRIGGER trg_migration_mailboxes_audit_update AFTER UPDATE ON migration_mailboxes FOR EACH ROW
WHEN NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.email IS DISTINCT FROM OLD.email
     OR NEW.source_type IS DISTINCT FROM OLD.source_type OR NEW.source_host IS DISTINCT FROM OLD.source_host
     OR NEW.source_user IS DISTINCT FROM OLD.source_user
     OR NEW.credentials_ref IS DISTINCT FROM OLD.credentials_ref OR NEW.pst_path IS DISTINCT FROM OLD.pst_path
     OR NEW.folder_map_json IS DISTINCT FROM OLD.folder_map_json
     OR NEW.source_endpoint_id IS DISTINCT FROM OLD.source_endpoint_id
     OR NEW.dest_endpoint_id IS DISTINCT FROM OLD.dest_endpoint_id
     OR NEW.dest_host IS DISTINCT FROM OLD.dest_host OR NEW.dest_user IS DISTINCT FROM OLD.dest_user
     OR NEW.dest_credentials_ref IS DISTINCT FROM OLD.dest_credentials_ref
     OR NEW.enabled IS DISTINCT FROM OLD.enabled OR NEW.excluded_reason IS DISTINCT FROM OLD.excluded_reason
     OR NEW.group_id IS DISTINCT FROM OLD.group_id OR NEW.options_json IS DISTINCT FROM OLD.options_json
     OR NEW.login_waived_reason IS DISTINCT FROM OLD.login_waived_reason
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_mailboxes', NEW.id, 'update', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'email', OLD.email, 'source_type', OLD.source_type,
        'source_host', OLD.source_host, 'source_user', OLD.source_user, 'credentials_ref', OLD.credentials_ref,
        'pst_path', OLD.pst_path, 'folder_map_json', OLD.folder_map_json,
        'source_endpoint_id', OLD.source_endpoint_id, 'dest_endpoint_id', OLD.dest_endpoint_id,
        'dest_host', OLD.dest_host, 'dest_user', OLD.dest_user,
        'dest_credentials_ref', OLD.dest_credentials_ref, 'enabled', OLD.enabled,
        'excluded_reason', OLD.excluded_reason, 'group_id', OLD.group_id, 'options_json', OLD.options_json,
        'login_waived_reason', OLD.login_waived_reason), json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'email', NEW.email, 'source_type', NEW.source_type,
        'source_host', NEW.source_host, 'source_user', NEW.source_user, 'credentials_ref', NEW.credentials_ref,
        'pst_path', NEW.pst_path, 'folder_map_json', NEW.folder_map_json,
        'source_endpoint_id', NEW.source_endpoint_id, 'dest_endpoint_id', NEW.dest_endpoint_id,
        'dest_host', NEW.dest_host, 'dest_user', NEW.dest_user,
        'dest_credentials_ref', NEW.dest_credentials_ref, 'enabled', NEW.enabled,
        'excluded_reason', NEW.excluded_reason, 'group_id', NEW.group_id, 'options_json', NEW.options_json,
        'login_waived_reason', NEW.login_waived_reason));
END;

CREATE TRIGGER trg_migration_mailboxes_audit_delete AFTER DELETE ON migration_mailboxes FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_mailboxes', OLD.id, 'delete', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'email', OLD.email, 'source_type', OLD.source_type,
        'source_host', OLD.source_host, 'source_user', OLD.source_user, 'credentials_ref', OLD.credentials_ref,
        'pst_path', OLD.pst_path, 'folder_map_json', OLD.folder_map_json,
        'source_endpoint_id', OLD.source_endpoint_id, 'dest_endpoint_id', OLD.dest_endpoint_id,
        'dest_host', OLD.dest_host, 'dest_user', OLD.dest_user,
        'dest_credentials_ref', OLD.dest_credentials_ref, 'enabled', OLD.enabled,
        'excluded_reason', OLD.excluded_reason, 'group_id', OLD.group_id, 'options_json', OLD.options_json,
        'login_waived_reason', OLD.login_waived_reason), '');
END;

CREATE TRIGGER trg_migration_credentials_audit_insert AFTER INSERT ON migration_credentials FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_credentials', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'mailbox_id', NEW.mailbox_id, 'expires_at', NEW.expires_at, 'side', NEW.side,
        'kind', NEW.kind, 'key_id', NEW.key_id));
END;

CREATE TRIGGER trg_migration_credentials_audit_update AFTER UPDATE ON migration_credentials FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.mailbox_id IS DISTINCT FROM OLD.mailbox_id
     OR NEW.secret_blob IS DISTINCT FROM OLD.secret_blob OR NEW.expires_at IS DISTINCT FROM OLD.expires_at
     OR NEW.side IS DISTINCT FROM OLD.side OR NEW.kind IS DISTINCT FROM OLD.kind
     OR NEW.key_id IS DISTINCT FROM OLD.key_id
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_credentials', NEW.id, 'update', json_object(
        'id', OLD.id, 'mailbox_id', OLD.mailbox_id, 'expires_at', OLD.expires_at, 'side', OLD.side,
        'kind', OLD.kind, 'key_id', OLD.key_id), json_object(
        'id', NEW.id, 'mailbox_id', NEW.mailbox_id, 'expires_at', NEW.expires_at, 'side', NEW.side,
        'kind', NEW.kind, 'key_id', NEW.key_id));
END;

CREATE TRIGGER trg_migration_credentials_audit_delete AFTER DELETE ON migration_credentials FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('migration_credentials', OLD.id, 'delete', json_object(
        'id', OLD.id, 'mailbox_id', OLD.mailbox_id, 'expires_at', OLD.expires_at, 'side', OLD.side,
        'kind', OLD.kind, 'key_id', OLD.key_id), '');
END;

CREATE TRIGGER trg_gate_approvals_audit_insert AFTER INSERT ON gate_approvals FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('gate_approvals', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'snapshot_id', NEW.snapshot_id, 'snapshot_hash', NEW.snapshot_hash,
        'decision', NEW.decision, 'approver', NEW.approver, 'comment', NEW.comment,
        'accepted_warnings_json', NEW.accepted_warnings_json, 'expires_ms', NEW.expires_ms,
        'voided_ms', NEW.voided_ms, 'void_reason', NEW.void_reason));
END;

CREATE TRIGGER trg_gate_approvals_audit_update AFTER UPDATE ON gate_approvals FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.job_id IS DISTINCT FROM OLD.job_id
     OR NEW.snapshot_id IS DISTINCT FROM OLD.snapshot_id
     OR NEW.snapshot_hash IS DISTINCT FROM OLD.snapshot_hash OR NEW.decision IS DISTINCT FROM OLD.decision
     OR NEW.approver IS DISTINCT FROM OLD.approver OR NEW.comment IS DISTINCT FROM OLD.comment
     OR NEW.accepted_warnings_json IS DISTINCT FROM OLD.accepted_warnings_json
     OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.voided_ms IS DISTINCT FROM OLD.voided_ms
     OR NEW.void_reason IS DISTINCT FROM OLD.void_reason
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('gate_approvals', NEW.id, 'update', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'snapshot_id', OLD.snapshot_id, 'snapshot_hash', OLD.snapshot_hash,
        'decision', OLD.decision, 'approver', OLD.approver, 'comment', OLD.comment,
        'accepted_warnings_json', OLD.accepted_warnings_json, 'expires_ms', OLD.expires_ms,
        'voided_ms', OLD.voided_ms, 'void_reason', OLD.void_reason), json_object(
        'id', NEW.id, 'job_id', NEW.job_id, 'snapshot_id', NEW.snapshot_id, 'snapshot_hash', NEW.snapshot_hash,
        'decision', NEW.decision, 'approver', NEW.approver, 'comment', NEW.comment,
        'accepted_warnings_json', NEW.accepted_warnings_json, 'expires_ms', NEW.expires_ms,
        'voided_ms', NEW.voided_ms, 'void_reason', NEW.void_reason));
END;

CREATE TRIGGER trg_gate_approvals_audit_delete AFTER DELETE ON gate_approvals FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('gate_approvals', OLD.id, 'delete', json_object(
        'id', OLD.id, 'job_id', OLD.job_id, 'snapshot_id', OLD.snapshot_id, 'snapshot_hash', OLD.snapshot_hash,
        'decision', OLD.decision, 'approver', OLD.approver, 'comment', OLD.comment,
        'accepted_warnings_json', OLD.accepted_warnings_json, 'expires_ms', OLD.expires_ms,
        'voided_ms', OLD.voided_ms, 'void_reason', OLD.void_reason), '');
END;

CREATE TRIGGER trg_quarantine_acknowledgements_audit_insert AFTER INSERT ON quarantine_acknowledgements FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('quarantine_acknowledgements', NEW.id, 'insert', '', json_object(
        'id', NEW.id, 'item_id', NEW.item_id, 'actor', NEW.actor, 'reason', NEW.reason, 'note', NEW.note,
        'revoked_at', NEW.revoked_at, 'at', NEW.at));
END;

CREATE TRIGGER trg_quarantine_acknowledgements_audit_update AFTER UPDATE ON quarantine_acknowledgements FOR EACH ROW
WHEN NEW.id IS DISTINCT FROM OLD.id OR NEW.item_id IS DISTINCT FROM OLD.item_id
     OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.reason IS DISTINCT FROM OLD.reason
     OR NEW.note IS DISTINCT FROM OLD.note OR NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
     OR NEW.at IS DISTINCT FROM OLD.at
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('quarantine_acknowledgements', NEW.id, 'update', json_object(
        'id', OLD.id, 'item_id', OLD.item_id, 'actor', OLD.actor, 'reason', OLD.reason, 'note', OLD.note,
        'revoked_at', OLD.revoked_at, 'at', OLD.at), json_object(
        'id', NEW.id, 'item_id', NEW.item_id, 'actor', NEW.actor, 'reason', NEW.reason, 'note', NEW.note,
        'revoked_at', NEW.revoked_at, 'at', NEW.at));
END;

CREATE TRIGGER trg_quarantine_acknowledgements_audit_delete AFTER DELETE ON quarantine_acknowledgements FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('quarantine_acknowledgements', OLD.id, 'delete', json_object(
        'id', OLD.id, 'item_id', OLD.item_id, 'actor', OLD.actor, 'reason', OLD.reason, 'note', OLD.note,
        'revoked_at', OLD.revoked_at, 'at', OLD.at), '');
END;
