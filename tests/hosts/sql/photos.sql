SELECT json_build_object(
    'migrations', (SELECT count(*) FROM schema_versions),
    'extensions', (SELECT json_object_agg(extname, extversion) FROM pg_extension),
    'schemas', (
        SELECT json_object_agg(nspname, json_build_object('owner', pg_get_userbyid(nspowner), 'rights', nspacl::text))
        FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' AND nspname NOT IN ('pg_catalog', 'information_schema')),
    'functions', (
        SELECT coalesce(json_agg(nspname || '.' || proname), '[]')
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE nspname !~ '^(pg_|information_schema)'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')),
    'triggers', (
        SELECT coalesce(json_agg(tgname || ' on ' || tgrelid::regclass::text), '[]') FROM pg_trigger WHERE NOT tgisinternal),
    'event_triggers', (SELECT coalesce(json_agg(evtname), '[]') FROM pg_event_trigger),
    'policies', (SELECT coalesce(json_agg(polname || ' on ' || polrelid::regclass::text), '[]') FROM pg_policy),
    'foreign_servers', (SELECT coalesce(json_agg(srvname), '[]') FROM pg_foreign_server),
    'publications', (SELECT coalesce(json_agg(pubname), '[]') FROM pg_publication),
    'languages', (SELECT json_agg(lanname ORDER BY lanname) FROM pg_language),
    'default_rights', (
        SELECT coalesce(json_object_agg(pg_get_userbyid(defaclrole) || ' ' || defaclobjtype::text, defaclacl::text), '{}')
        FROM pg_default_acl))
