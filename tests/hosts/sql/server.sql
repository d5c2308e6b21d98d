SELECT json_build_object(
    'settings', (
        SELECT json_object_agg(name, json_build_object(
            'setting', setting, 'reset', reset_val, 'unit', unit, 'source', source, 'file', sourcefile,
            'pending_restart', pending_restart, 'shown', current_setting(name)))
        FROM pg_settings),
    'file_errors', (
        SELECT coalesce(json_agg(concat_ws(' ', sourcefile || ':' || sourceline, name, error)), '[]')
        FROM pg_file_settings
        -- Patroni writes what it gives on the command line into its file, too.
        WHERE error IS NOT NULL OR (NOT applied AND lower(name) NOT IN (
            SELECT pg_settings.name FROM pg_settings WHERE source = 'command line'))),
    'auto_settings', (
        SELECT coalesce(json_agg(name), '[]')
        FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'
        -- A standby or a restore keeps these there.
        AND lower(name) NOT IN ('archive_cleanup_command', 'primary_conninfo', 'primary_slot_name', 'recovery_end_command',
            'recovery_min_apply_delay', 'restore_command') AND lower(name) !~ '^recovery_target(_|$)'),
    'hba', (SELECT json_agg(row_to_json(rule) ORDER BY rule_number, line_number) FROM pg_hba_file_rules AS rule),
    'scoped_settings', (
        SELECT json_object_agg(coalesce(rolname, '*') || '@' || coalesce(datname, '*'), setconfig)
        FROM pg_db_role_setting
        LEFT JOIN pg_roles ON pg_roles.oid = setrole
        LEFT JOIN pg_database ON pg_database.oid = setdatabase),
    'roles', (
        SELECT json_object_agg(rolname, json_build_object(
            'superuser', rolsuper, 'login', rolcanlogin, 'create_role', rolcreaterole,
            'create_db', rolcreatedb, 'replication', rolreplication, 'bypass_rls', rolbypassrls,
            'inherit', rolinherit, 'connections', rolconnlimit, 'valid_until', nullif(rolvaliduntil, 'infinity'),
            'password', split_part(rolpassword, '$', 1), 'verifier', rolpassword))
        FROM pg_authid WHERE rolname !~ '^pg_'),
    'memberships', (
        SELECT coalesce(json_agg(concat(pg_get_userbyid(member), ' in ', pg_get_userbyid(roleid),
            CASE WHEN inherit_option THEN ', inherits' END, CASE WHEN set_option THEN ', becomes it' END,
            CASE WHEN admin_option THEN ', gives it' END)), '[]')
        FROM pg_auth_members WHERE NOT (member < 16384 AND roleid < 16384)),
    'database_rights', (
        SELECT json_object_agg(datname, json_build_object(
            'rights', (SELECT json_agg(
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END || ' ' || privilege_type
                || CASE WHEN is_grantable AND grantee <> datdba THEN ' WITH GRANT OPTION' ELSE '' END
                ORDER BY 1) FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))),
            'connections', datconnlimit, 'open', datallowconn,
            'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = dattablespace)))
        FROM pg_database WHERE NOT datistemplate),
    'templates', (SELECT json_agg(datname ORDER BY datname) FROM pg_database WHERE datistemplate),
    'extensions', (SELECT json_object_agg(extname, extversion) FROM pg_extension),
    'parameter_rights', (SELECT coalesce(json_agg(parname), '[]') FROM pg_parameter_acl),
    'slots', (
        SELECT coalesce(json_object_agg(slot_name, json_build_object(
            'type', slot_type, 'temporary', temporary, 'active', active, 'wal', wal_status)), '{}')
        FROM pg_replication_slots),
    'standbys', (
        SELECT coalesce(json_object_agg(application_name, json_build_object(
            'address', host(client_addr), 'role', usename, 'state', state, 'sync', sync_state)), '{}')
        FROM pg_stat_replication),
    'receiver', (
        SELECT json_build_object('status', status, 'host', sender_host, 'slot', slot_name, 'connection', conninfo)
        FROM pg_stat_wal_receiver),
    'system_identifier', (SELECT system_identifier::text FROM pg_control_system()),
    -- Of functions to roles that somebody made.
    'function_rights', (
        SELECT coalesce(json_agg(pg_get_userbyid(grantee) || ' ' || pg_proc.oid::regprocedure::text), '[]')
        FROM pg_proc, aclexplode(proacl) WHERE grantee >= 16384),
    'subscriptions', (SELECT coalesce(json_agg(subname), '[]') FROM pg_subscription),
    'names_mapped', (SELECT coalesce(json_agg(map_name || ' ' || sys_name || ' ' || pg_username), '[]')
        FROM pg_ident_file_mappings),
    'unread', (
        SELECT coalesce(json_agg(file), '[]') FROM unnest(ARRAY[
            current_setting('config_file'), current_setting('hba_file'), current_setting('ident_file'),
            '/etc/flashtier/postgresql/postgresql.conf']) AS file
        WHERE (pg_stat_file(file)).modification > pg_conf_load_time()),
    'databases', (
        SELECT json_object_agg(datname, pg_get_userbyid(datdba)) FROM pg_database WHERE NOT datistemplate),
    'encodings', (SELECT json_object_agg(datname, pg_encoding_to_char(encoding)) FROM pg_database WHERE NOT datistemplate),
    'tablespaces', (
        SELECT json_object_agg(spcname, pg_tablespace_location(oid))
        FROM pg_tablespace WHERE spcname !~ '^pg_'),
    'tablespace_rights', (
        SELECT json_object_agg(spcname, (SELECT json_agg(
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END || ' ' || privilege_type ORDER BY 1)
            FROM aclexplode(spcacl)))
        FROM pg_tablespace WHERE spcname !~ '^pg_'),
    'log_file', pg_current_logfile(),
    'in_recovery', pg_is_in_recovery(),
    'version', current_setting('server_version_num')::int / 10000)
