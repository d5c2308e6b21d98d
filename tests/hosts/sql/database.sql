SELECT json_build_object(
    'extensions', (SELECT json_object_agg(extname, extversion) FROM pg_extension),
    'schemas', (
        SELECT json_object_agg(nspname, json_build_object('owner', pg_get_userbyid(nspowner), 'rights', (
            SELECT json_agg(
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END || ' ' || privilege_type
                || CASE WHEN is_grantable AND grantee <> nspowner THEN ' WITH GRANT OPTION' ELSE '' END)
            FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))))))
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
        SELECT coalesce(json_agg(concat(pg_get_userbyid(defaclrole), ' in ', coalesce(nspname, 'any schema'), ': ',
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END, ' ', privilege_type,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END, ' on ', defaclobjtype::text)), '[]')
        FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace, aclexplode(defaclacl)
        -- What is given to the owner, or to PUBLIC on functions and types, is there without a line as well.
        WHERE grantee <> defaclrole AND NOT (grantee = 0 AND defaclobjtype IN ('f', 'T'))),
    -- Tables (r) and sequences (S), and rights on them that are not their owner's; those of an extension are its own.
    'relations', (
        SELECT coalesce(json_object_agg(relname, CASE relkind WHEN 'S' THEN 'S' ELSE 'r' END), '{}')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
          AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')),
    'table_rights', (
        SELECT coalesce(json_agg(concat(
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END, ' ', privilege_type,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END, ' on ', name)), '[]')
        FROM (SELECT relname::text AS name, relowner, relacl AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace
              UNION ALL
              SELECT relname || '.' || attname, relowner, attacl FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
              WHERE relnamespace = 'public'::regnamespace) AS things, aclexplode(acl)
        WHERE grantee <> relowner))
