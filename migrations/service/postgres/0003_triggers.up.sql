-- What keeps itself: the time of the last change, the rows of the audit trail that nobody changes or removes, and a
-- row of that trail for each change to what decides about access, secrets, gates and DNS, whoever made it and however.
-- Secrets are watched, never shown.

CREATE FUNCTION malote_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.updated_at = OLD.updated_at THEN
        NEW.updated_at := malote_now();
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION malote_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'raise_exception';
END $$;

-- Arguments: how many columns are the key, these columns, then the others that are shown.
CREATE FUNCTION malote_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    keys INTEGER := TG_ARGV[0]::INTEGER;
    row_before JSONB := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    row_after JSONB := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    key_text TEXT := '';
    shown_before JSONB := '{}';
    shown_after JSONB := '{}';
BEGIN
    FOR place IN 1 .. TG_NARGS - 1 LOOP
        IF place <= keys THEN
            key_text := key_text || CASE WHEN place > 1 THEN '/' ELSE '' END
                || (COALESCE(row_after, row_before) ->> TG_ARGV[place]);
        END IF;
        shown_before := shown_before || jsonb_build_object(TG_ARGV[place], row_before -> TG_ARGV[place]);
        shown_after := shown_after || jsonb_build_object(TG_ARGV[place], row_after -> TG_ARGV[place]);
    END LOOP;
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES (TG_TABLE_NAME, key_text, lower(TG_OP),
            CASE WHEN row_before IS NULL THEN '' ELSE shown_before::TEXT END,
            CASE WHEN row_after IS NULL THEN '' ELSE shown_after::TEXT END);
    RETURN NULL;
END $$;

CREATE TRIGGER trg_tenants_updated_at BEFORE UPDATE ON tenants FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_tickets_ref_updated_at BEFORE UPDATE ON tickets_ref FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_users_updated_at BEFORE UPDATE ON users FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_roles_updated_at BEFORE UPDATE ON roles FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_user_totp_updated_at BEFORE UPDATE ON user_totp FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_service_tokens_updated_at BEFORE UPDATE ON service_tokens FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_system_settings_updated_at BEFORE UPDATE ON system_settings FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_approval_requests_updated_at BEFORE UPDATE ON approval_requests FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_data_keys_updated_at BEFORE UPDATE ON data_keys FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_endpoints_updated_at BEFORE UPDATE ON endpoints FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_endpoint_credentials_updated_at BEFORE UPDATE ON endpoint_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_schedules_updated_at BEFORE UPDATE ON schedules FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_mailbox_contexts_updated_at BEFORE UPDATE ON mailbox_contexts FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_mailbox_groups_updated_at BEFORE UPDATE ON mailbox_groups FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_migration_jobs_updated_at BEFORE UPDATE ON migration_jobs FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_migration_mailboxes_updated_at BEFORE UPDATE ON migration_mailboxes FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_migration_runs_updated_at BEFORE UPDATE ON migration_runs FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_mailbox_folders_updated_at BEFORE UPDATE ON mailbox_folders FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_migration_credentials_updated_at BEFORE UPDATE ON migration_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_uploads_updated_at BEFORE UPDATE ON uploads FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
CREATE TRIGGER trg_quarantine_items_updated_at BEFORE UPDATE ON quarantine_items FOR EACH ROW
    EXECUTE FUNCTION malote_touch();

CREATE TRIGGER trg_audit_row_changes_no_update BEFORE UPDATE ON audit_row_changes FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();
CREATE TRIGGER trg_audit_row_changes_no_delete BEFORE DELETE ON audit_row_changes FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();
CREATE TRIGGER trg_audit_logs_no_update BEFORE UPDATE ON audit_logs FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();
CREATE TRIGGER trg_audit_logs_no_delete BEFORE DELETE ON audit_logs FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();
CREATE TRIGGER trg_audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();
CREATE TRIGGER trg_audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints FOR EACH ROW
    EXECUTE FUNCTION malote_refuse();

CREATE TRIGGER trg_users_audit_insert AFTER INSERT ON users FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'display_name', 'email', 'locale', 'password_changed_ms', 'must_change_password',
        'is_enabled', 'sees_all_tenants');

CREATE TRIGGER trg_users_audit_update AFTER UPDATE ON users FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
          OR NEW.display_name IS DISTINCT FROM OLD.display_name OR NEW.email IS DISTINCT FROM OLD.email
          OR NEW.locale IS DISTINCT FROM OLD.locale OR NEW.password_hash IS DISTINCT FROM OLD.password_hash
          OR NEW.password_changed_ms IS DISTINCT FROM OLD.password_changed_ms
          OR NEW.must_change_password IS DISTINCT FROM OLD.must_change_password
          OR NEW.is_enabled IS DISTINCT FROM OLD.is_enabled
          OR NEW.sees_all_tenants IS DISTINCT FROM OLD.sees_all_tenants)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'display_name', 'email', 'locale', 'password_changed_ms', 'must_change_password',
        'is_enabled', 'sees_all_tenants');

CREATE TRIGGER trg_users_audit_delete AFTER DELETE ON users FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'display_name', 'email', 'locale', 'password_changed_ms', 'must_change_password',
        'is_enabled', 'sees_all_tenants');

CREATE TRIGGER trg_user_tenants_audit_insert AFTER INSERT ON user_tenants FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'tenant_id');

CREATE TRIGGER trg_user_tenants_audit_update AFTER UPDATE ON user_tenants FOR EACH ROW
    WHEN (NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id)
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'tenant_id');

CREATE TRIGGER trg_user_tenants_audit_delete AFTER DELETE ON user_tenants FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'tenant_id');

CREATE TRIGGER trg_roles_audit_insert AFTER INSERT ON roles FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'description', 'is_system', 'requires_mfa');

CREATE TRIGGER trg_roles_audit_update AFTER UPDATE ON roles FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
          OR NEW.description IS DISTINCT FROM OLD.description OR NEW.is_system IS DISTINCT FROM OLD.is_system
          OR NEW.requires_mfa IS DISTINCT FROM OLD.requires_mfa)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'description', 'is_system', 'requires_mfa');

CREATE TRIGGER trg_roles_audit_delete AFTER DELETE ON roles FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'description', 'is_system', 'requires_mfa');

CREATE TRIGGER trg_role_permissions_audit_insert AFTER INSERT ON role_permissions FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'role_id', 'permission');

CREATE TRIGGER trg_role_permissions_audit_update AFTER UPDATE ON role_permissions FOR EACH ROW
    WHEN (NEW.role_id IS DISTINCT FROM OLD.role_id OR NEW.permission IS DISTINCT FROM OLD.permission)
    EXECUTE FUNCTION malote_audit(
        2, 'role_id', 'permission');

CREATE TRIGGER trg_role_permissions_audit_delete AFTER DELETE ON role_permissions FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'role_id', 'permission');

CREATE TRIGGER trg_user_roles_audit_insert AFTER INSERT ON user_roles FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'role_id', 'granted_by', 'granted_at');

CREATE TRIGGER trg_user_roles_audit_update AFTER UPDATE ON user_roles FOR EACH ROW
    WHEN (NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.role_id IS DISTINCT FROM OLD.role_id
          OR NEW.granted_by IS DISTINCT FROM OLD.granted_by OR NEW.granted_at IS DISTINCT FROM OLD.granted_at)
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'role_id', 'granted_by', 'granted_at');

CREATE TRIGGER trg_user_roles_audit_delete AFTER DELETE ON user_roles FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        2, 'user_id', 'role_id', 'granted_by', 'granted_at');

CREATE TRIGGER trg_access_scopes_audit_insert AFTER INSERT ON access_scopes FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'user_id', 'role_id', 'effect', 'resource_kind', 'resource_id');

CREATE TRIGGER trg_access_scopes_audit_update AFTER UPDATE ON access_scopes FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.user_id IS DISTINCT FROM OLD.user_id
          OR NEW.role_id IS DISTINCT FROM OLD.role_id OR NEW.effect IS DISTINCT FROM OLD.effect
          OR NEW.resource_kind IS DISTINCT FROM OLD.resource_kind
          OR NEW.resource_id IS DISTINCT FROM OLD.resource_id)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'user_id', 'role_id', 'effect', 'resource_kind', 'resource_id');

CREATE TRIGGER trg_access_scopes_audit_delete AFTER DELETE ON access_scopes FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'user_id', 'role_id', 'effect', 'resource_kind', 'resource_id');

CREATE TRIGGER trg_user_totp_audit_insert AFTER INSERT ON user_totp FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'user_id', 'confirmed_ms');

CREATE TRIGGER trg_user_totp_audit_update AFTER UPDATE ON user_totp FOR EACH ROW
    WHEN (NEW.user_id IS DISTINCT FROM OLD.user_id
          OR NEW.secret_encrypted IS DISTINCT FROM OLD.secret_encrypted
          OR NEW.confirmed_ms IS DISTINCT FROM OLD.confirmed_ms)
    EXECUTE FUNCTION malote_audit(
        1, 'user_id', 'confirmed_ms');

CREATE TRIGGER trg_user_totp_audit_delete AFTER DELETE ON user_totp FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'user_id', 'confirmed_ms');

CREATE TRIGGER trg_service_tokens_audit_insert AFTER INSERT ON service_tokens FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'scopes_json', 'tenant_id', 'allowed_networks_json', 'expires_ms', 'revoked_ms',
        'created_by');

CREATE TRIGGER trg_service_tokens_audit_update AFTER UPDATE ON service_tokens FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.name IS DISTINCT FROM OLD.name
          OR NEW.token_hash IS DISTINCT FROM OLD.token_hash OR NEW.scopes_json IS DISTINCT FROM OLD.scopes_json
          OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
          OR NEW.allowed_networks_json IS DISTINCT FROM OLD.allowed_networks_json
          OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.revoked_ms IS DISTINCT FROM OLD.revoked_ms
          OR NEW.created_by IS DISTINCT FROM OLD.created_by)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'scopes_json', 'tenant_id', 'allowed_networks_json', 'expires_ms', 'revoked_ms',
        'created_by');

CREATE TRIGGER trg_service_tokens_audit_delete AFTER DELETE ON service_tokens FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'name', 'scopes_json', 'tenant_id', 'allowed_networks_json', 'expires_ms', 'revoked_ms',
        'created_by');

CREATE TRIGGER trg_system_settings_audit_insert AFTER INSERT ON system_settings FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'key', 'value_json', 'updated_by');

CREATE TRIGGER trg_system_settings_audit_update AFTER UPDATE ON system_settings FOR EACH ROW
    WHEN (NEW.key IS DISTINCT FROM OLD.key OR NEW.value_json IS DISTINCT FROM OLD.value_json
          OR NEW.updated_by IS DISTINCT FROM OLD.updated_by)
    EXECUTE FUNCTION malote_audit(
        1, 'key', 'value_json', 'updated_by');

CREATE TRIGGER trg_system_settings_audit_delete AFTER DELETE ON system_settings FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'key', 'value_json', 'updated_by');

CREATE TRIGGER trg_data_keys_audit_insert AFTER INSERT ON data_keys FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'algorithm', 'master_key_id', 'destroyed_ms');

CREATE TRIGGER trg_data_keys_audit_update AFTER UPDATE ON data_keys FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.job_id IS DISTINCT FROM OLD.job_id
          OR NEW.algorithm IS DISTINCT FROM OLD.algorithm
          OR NEW.master_key_id IS DISTINCT FROM OLD.master_key_id
          OR NEW.wrapped_key IS DISTINCT FROM OLD.wrapped_key
          OR NEW.destroyed_ms IS DISTINCT FROM OLD.destroyed_ms)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'algorithm', 'master_key_id', 'destroyed_ms');

CREATE TRIGGER trg_data_keys_audit_delete AFTER DELETE ON data_keys FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'algorithm', 'master_key_id', 'destroyed_ms');

CREATE TRIGGER trg_endpoints_audit_insert AFTER INSERT ON endpoints FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'profile', 'host', 'port', 'tls', 'auth', 'authzid_template',
        'pin', 'ca_pem', 'connections_max', 'tags_json', 'is_enabled', 'allow_cleartext', 'allow_private',
        'allowed_networks_json', 'created_by');

CREATE TRIGGER trg_endpoints_audit_update AFTER UPDATE ON endpoints FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
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
          OR NEW.created_by IS DISTINCT FROM OLD.created_by)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'profile', 'host', 'port', 'tls', 'auth', 'authzid_template',
        'pin', 'ca_pem', 'connections_max', 'tags_json', 'is_enabled', 'allow_cleartext', 'allow_private',
        'allowed_networks_json', 'created_by');

CREATE TRIGGER trg_endpoints_audit_delete AFTER DELETE ON endpoints FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'profile', 'host', 'port', 'tls', 'auth', 'authzid_template',
        'pin', 'ca_pem', 'connections_max', 'tags_json', 'is_enabled', 'allow_cleartext', 'allow_private',
        'allowed_networks_json', 'created_by');

CREATE TRIGGER trg_endpoint_credentials_audit_insert AFTER INSERT ON endpoint_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'endpoint_id', 'name', 'login_user', 'kind', 'expires_ms', 'is_default', 'created_by');

CREATE TRIGGER trg_endpoint_credentials_audit_update AFTER UPDATE ON endpoint_credentials FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.endpoint_id IS DISTINCT FROM OLD.endpoint_id
          OR NEW.name IS DISTINCT FROM OLD.name OR NEW.login_user IS DISTINCT FROM OLD.login_user
          OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.secret_encrypted IS DISTINCT FROM OLD.secret_encrypted
          OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.is_default IS DISTINCT FROM OLD.is_default
          OR NEW.created_by IS DISTINCT FROM OLD.created_by)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'endpoint_id', 'name', 'login_user', 'kind', 'expires_ms', 'is_default', 'created_by');

CREATE TRIGGER trg_endpoint_credentials_audit_delete AFTER DELETE ON endpoint_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'endpoint_id', 'name', 'login_user', 'kind', 'expires_ms', 'is_default', 'created_by');

CREATE TRIGGER trg_schedules_audit_insert AFTER INSERT ON schedules FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'cron', 'timezone', 'chain_parent_id', 'chain_delay_minutes',
        'run_type', 'max_concurrent', 'retry_attempts', 'retry_delay_minutes', 'skip_if_running',
        'window_json', 'is_enabled', 'created_by');

CREATE TRIGGER trg_schedules_audit_update AFTER UPDATE ON schedules FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
          OR NEW.name IS DISTINCT FROM OLD.name OR NEW.kind IS DISTINCT FROM OLD.kind
          OR NEW.cron IS DISTINCT FROM OLD.cron OR NEW.timezone IS DISTINCT FROM OLD.timezone
          OR NEW.chain_parent_id IS DISTINCT FROM OLD.chain_parent_id
          OR NEW.chain_delay_minutes IS DISTINCT FROM OLD.chain_delay_minutes
          OR NEW.run_type IS DISTINCT FROM OLD.run_type
          OR NEW.max_concurrent IS DISTINCT FROM OLD.max_concurrent
          OR NEW.retry_attempts IS DISTINCT FROM OLD.retry_attempts
          OR NEW.retry_delay_minutes IS DISTINCT FROM OLD.retry_delay_minutes
          OR NEW.skip_if_running IS DISTINCT FROM OLD.skip_if_running
          OR NEW.window_json IS DISTINCT FROM OLD.window_json OR NEW.is_enabled IS DISTINCT FROM OLD.is_enabled
          OR NEW.created_by IS DISTINCT FROM OLD.created_by)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'cron', 'timezone', 'chain_parent_id', 'chain_delay_minutes',
        'run_type', 'max_concurrent', 'retry_attempts', 'retry_delay_minutes', 'skip_if_running',
        'window_json', 'is_enabled', 'created_by');

CREATE TRIGGER trg_schedules_audit_delete AFTER DELETE ON schedules FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'name', 'kind', 'cron', 'timezone', 'chain_parent_id', 'chain_delay_minutes',
        'run_type', 'max_concurrent', 'retry_attempts', 'retry_delay_minutes', 'skip_if_running',
        'window_json', 'is_enabled', 'created_by');

CREATE TRIGGER trg_migration_jobs_audit_insert AFTER INSERT ON migration_jobs FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'ticket_id', 'domain', 'phase', 'migration_gate', 'source_server_label',
        'dest_imap_host', 'notes', 'approved_by', 'approved_at', 'dns_cutover_at', 'created_by',
        'source_endpoint_id', 'dest_endpoint_id', 'dest_platform_id', 'options_json', 'schedule_id',
        'dns_plan_hash', 'is_paused', 'paused_reason', 'phase_before_failure', 'failure_reason', 'closed_at',
        'deleted_at');

CREATE TRIGGER trg_migration_jobs_audit_update AFTER UPDATE ON migration_jobs FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id
          OR NEW.ticket_id IS DISTINCT FROM OLD.ticket_id OR NEW.domain IS DISTINCT FROM OLD.domain
          OR NEW.phase IS DISTINCT FROM OLD.phase OR NEW.migration_gate IS DISTINCT FROM OLD.migration_gate
          OR NEW.source_server_label IS DISTINCT FROM OLD.source_server_label
          OR NEW.dest_imap_host IS DISTINCT FROM OLD.dest_imap_host OR NEW.notes IS DISTINCT FROM OLD.notes
          OR NEW.approved_by IS DISTINCT FROM OLD.approved_by
          OR NEW.approved_at IS DISTINCT FROM OLD.approved_at
          OR NEW.dns_cutover_at IS DISTINCT FROM OLD.dns_cutover_at
          OR NEW.created_by IS DISTINCT FROM OLD.created_by
          OR NEW.source_endpoint_id IS DISTINCT FROM OLD.source_endpoint_id
          OR NEW.dest_endpoint_id IS DISTINCT FROM OLD.dest_endpoint_id
          OR NEW.dest_platform_id IS DISTINCT FROM OLD.dest_platform_id
          OR NEW.options_json IS DISTINCT FROM OLD.options_json
          OR NEW.schedule_id IS DISTINCT FROM OLD.schedule_id
          OR NEW.dns_plan_hash IS DISTINCT FROM OLD.dns_plan_hash
          OR NEW.is_paused IS DISTINCT FROM OLD.is_paused
          OR NEW.paused_reason IS DISTINCT FROM OLD.paused_reason
          OR NEW.phase_before_failure IS DISTINCT FROM OLD.phase_before_failure
          OR NEW.failure_reason IS DISTINCT FROM OLD.failure_reason
          OR NEW.closed_at IS DISTINCT FROM OLD.closed_at OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'ticket_id', 'domain', 'phase', 'migration_gate', 'source_server_label',
        'dest_imap_host', 'notes', 'approved_by', 'approved_at', 'dns_cutover_at', 'created_by',
        'source_endpoint_id', 'dest_endpoint_id', 'dest_platform_id', 'options_json', 'schedule_id',
        'dns_plan_hash', 'is_paused', 'paused_reason', 'phase_before_failure', 'failure_reason', 'closed_at',
        'deleted_at');

CREATE TRIGGER trg_migration_jobs_audit_delete AFTER DELETE ON migration_jobs FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'tenant_id', 'ticket_id', 'domain', 'phase', 'migration_gate', 'source_server_label',
        'dest_imap_host', 'notes', 'approved_by', 'approved_at', 'dns_cutover_at', 'created_by',
        'source_endpoint_id', 'dest_endpoint_id', 'dest_platform_id', 'options_json', 'schedule_id',
        'dns_plan_hash', 'is_paused', 'paused_reason', 'phase_before_failure', 'failure_reason', 'closed_at',
        'deleted_at');

CREATE TRIGGER trg_migration_mailboxes_audit_insert AFTER INSERT ON migration_mailboxes FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'email', 'source_type', 'source_host', 'source_user', 'credentials_ref', 'pst_path',
        'folder_map_json', 'source_endpoint_id', 'dest_endpoint_id', 'dest_host', 'dest_user',
        'dest_credentials_ref', 'enabled', 'excluded_reason', 'group_id', 'options_json', 'login_waived_reason');

CREATE TRIGGER trg_migration_mailboxes_audit_update AFTER UPDATE ON migration_mailboxes FOR EACH ROW
    WHEN (NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.email IS DISTINCT FROM OLD.email
          OR NEW.source_type IS DISTINCT FROM OLD.source_type
          OR NEW.source_host IS DISTINCT FROM OLD.source_host
          OR NEW.source_user IS DISTINCT FROM OLD.source_user
          OR NEW.credentials_ref IS DISTINCT FROM OLD.credentials_ref
          OR NEW.pst_path IS DISTINCT FROM OLD.pst_path
          OR NEW.folder_map_json IS DISTINCT FROM OLD.folder_map_json
          OR NEW.source_endpoint_id IS DISTINCT FROM OLD.source_endpoint_id
          OR NEW.dest_endpoint_id IS DISTINCT FROM OLD.dest_endpoint_id
          OR NEW.dest_host IS DISTINCT FROM OLD.dest_host OR NEW.dest_user IS DISTINCT FROM OLD.dest_user
          OR NEW.dest_credentials_ref IS DISTINCT FROM OLD.dest_credentials_ref
          OR NEW.enabled IS DISTINCT FROM OLD.enabled
          OR NEW.excluded_reason IS DISTINCT FROM OLD.excluded_reason
          OR NEW.group_id IS DISTINCT FROM OLD.group_id OR NEW.options_json IS DISTINCT FROM OLD.options_json
          OR NEW.login_waived_reason IS DISTINCT FROM OLD.login_waived_reason)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'email', 'source_type', 'source_host', 'source_user', 'credentials_ref', 'pst_path',
        'folder_map_json', 'source_endpoint_id', 'dest_endpoint_id', 'dest_host', 'dest_user',
        'dest_credentials_ref', 'enabled', 'excluded_reason', 'group_id', 'options_json', 'login_waived_reason');

CREATE TRIGGER trg_migration_mailboxes_audit_delete AFTER DELETE ON migration_mailboxes FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'email', 'source_type', 'source_host', 'source_user', 'credentials_ref', 'pst_path',
        'folder_map_json', 'source_endpoint_id', 'dest_endpoint_id', 'dest_host', 'dest_user',
        'dest_credentials_ref', 'enabled', 'excluded_reason', 'group_id', 'options_json', 'login_waived_reason');

CREATE TRIGGER trg_migration_credentials_audit_insert AFTER INSERT ON migration_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'mailbox_id', 'expires_at', 'side', 'kind', 'key_id');

CREATE TRIGGER trg_migration_credentials_audit_update AFTER UPDATE ON migration_credentials FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.mailbox_id IS DISTINCT FROM OLD.mailbox_id
          OR NEW.secret_blob IS DISTINCT FROM OLD.secret_blob OR NEW.expires_at IS DISTINCT FROM OLD.expires_at
          OR NEW.side IS DISTINCT FROM OLD.side OR NEW.kind IS DISTINCT FROM OLD.kind
          OR NEW.key_id IS DISTINCT FROM OLD.key_id)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'mailbox_id', 'expires_at', 'side', 'kind', 'key_id');

CREATE TRIGGER trg_migration_credentials_audit_delete AFTER DELETE ON migration_credentials FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'mailbox_id', 'expires_at', 'side', 'kind', 'key_id');

CREATE TRIGGER trg_gate_approvals_audit_insert AFTER INSERT ON gate_approvals FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'snapshot_id', 'snapshot_hash', 'decision', 'approver', 'comment',
        'accepted_warnings_json', 'expires_ms', 'voided_ms', 'void_reason');

CREATE TRIGGER trg_gate_approvals_audit_update AFTER UPDATE ON gate_approvals FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.job_id IS DISTINCT FROM OLD.job_id
          OR NEW.snapshot_id IS DISTINCT FROM OLD.snapshot_id
          OR NEW.snapshot_hash IS DISTINCT FROM OLD.snapshot_hash OR NEW.decision IS DISTINCT FROM OLD.decision
          OR NEW.approver IS DISTINCT FROM OLD.approver OR NEW.comment IS DISTINCT FROM OLD.comment
          OR NEW.accepted_warnings_json IS DISTINCT FROM OLD.accepted_warnings_json
          OR NEW.expires_ms IS DISTINCT FROM OLD.expires_ms OR NEW.voided_ms IS DISTINCT FROM OLD.voided_ms
          OR NEW.void_reason IS DISTINCT FROM OLD.void_reason)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'snapshot_id', 'snapshot_hash', 'decision', 'approver', 'comment',
        'accepted_warnings_json', 'expires_ms', 'voided_ms', 'void_reason');

CREATE TRIGGER trg_gate_approvals_audit_delete AFTER DELETE ON gate_approvals FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'job_id', 'snapshot_id', 'snapshot_hash', 'decision', 'approver', 'comment',
        'accepted_warnings_json', 'expires_ms', 'voided_ms', 'void_reason');

CREATE TRIGGER trg_quarantine_acknowledgements_audit_insert AFTER INSERT ON quarantine_acknowledgements FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'item_id', 'actor', 'reason', 'note', 'revoked_at', 'at');

CREATE TRIGGER trg_quarantine_acknowledgements_audit_update AFTER UPDATE ON quarantine_acknowledgements FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.item_id IS DISTINCT FROM OLD.item_id
          OR NEW.actor IS DISTINCT FROM OLD.actor OR NEW.reason IS DISTINCT FROM OLD.reason
          OR NEW.note IS DISTINCT FROM OLD.note OR NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
          OR NEW.at IS DISTINCT FROM OLD.at)
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'item_id', 'actor', 'reason', 'note', 'revoked_at', 'at');

CREATE TRIGGER trg_quarantine_acknowledgements_audit_delete AFTER DELETE ON quarantine_acknowledgements FOR EACH ROW
    EXECUTE FUNCTION malote_audit(
        1, 'id', 'item_id', 'actor', 'reason', 'note', 'revoked_at', 'at');
