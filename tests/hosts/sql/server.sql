SELECT json_build_object(
    'settings', (
        SELECT json_object_agg(name, json_build_object(
            'setting', setting, 'reset', reset_val, 'unit', unit, 'source', source, 'file', sourcefile,
            'pending_restart', pending_restart, 'shown', current_setting(name)))
        FROM pg_settings),
    'file_errors', (
        SELECT coalesce(json_agg(concat_ws(' ', sourcefile || ':' || sourceline, name, error)), '[]')
        FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied),
    'auto_settings', (
        SELECT coalesce(json_agg(name), '[]')
        FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'),
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
            'password', split_part(rolpassword, '$', 1)))
        FROM pg_authid WHERE rolname !~ '^pg_'),
    'databases', (
        SELECT json_object_agg(datname, pg_get_userbyid(datdba)) FROM pg_database WHERE NOT datistemplate),
    'tablespaces', (
        SELECT json_object_agg(spcname, pg_tablespace_location(oid))
        FROM pg_tablespace WHERE spcname !~ '^pg_'),
    'log_file', pg_current_logfile(),
    'in_recovery', pg_is_in_recovery(),
    'version', current_setting('server_version_num')::int / 10000)
