-- Whether the member leads, and what belongs to the whole cluster, as one line of JSON.
-- The role compares it with what is declared (postgresql_databases_declared).
SELECT jsonb_build_object(
  'in_recovery', pg_is_in_recovery(),
  'objects', jsonb_build_object(
    'tablespace', (
      SELECT jsonb_build_object(
               'location', pg_tablespace_location(oid),
               'public', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(spcacl) WHERE grantee = 0 ORDER BY 1))
        FROM pg_tablespace WHERE spcname = 'temp'),
    'database', (
      SELECT jsonb_build_object(
               'owner', pg_get_userbyid(datdba),
               'encoding', pg_encoding_to_char(encoding),
               'public', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl) WHERE grantee = 0 ORDER BY 1),
               'app', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl)
                             WHERE grantee = to_regrole('photos_app') ORDER BY 1))
        FROM (SELECT *, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database) AS databases
       WHERE datname = 'photos'),
    'statistics', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'),
    'follower', to_regrole('flashtier_follower') IS NOT NULL,
    -- What takes back limits, settings and memberships that nothing declares, and gives what is declared.
    'cluster_statements', ARRAY(
      SELECT format('ALTER ROLE %I CONNECTION LIMIT -1', rolname)
        FROM pg_roles WHERE rolname IN ('photos_app', 'photos_owner') AND rolconnlimit <> -1
      UNION ALL
      SELECT format('ALTER ROLE %I VALID UNTIL ''infinity''', rolname)
        FROM pg_roles WHERE rolname IN ('photos_app', 'photos_owner', 'flashtier_follower') AND rolvaliduntil <> 'infinity'
      UNION ALL
      SELECT format('ALTER DATABASE %I CONNECTION LIMIT -1', datname)
        FROM pg_database WHERE datname IN ('photos', 'postgres') AND datconnlimit <> -1
      UNION ALL
      SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname)
        FROM pg_database WHERE datname IN ('photos', 'postgres') AND NOT datallowconn
      UNION ALL
      SELECT CASE setrole WHEN 0 THEN format('ALTER DATABASE %I RESET ALL', datname)
             ELSE format('ALTER ROLE %I IN DATABASE %I RESET ALL', pg_get_userbyid(setrole), datname) END
        FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
      UNION ALL
      -- From 16384 on identifiers are not those of initdb.
      SELECT format('REVOKE %I FROM %I', pg_get_userbyid(roleid), pg_get_userbyid(member))
        FROM pg_auth_members
       WHERE (member >= 16384 OR roleid >= 16384)
         AND (member = to_regrole('flashtier_follower') AND roleid = to_regrole('pg_read_all_stats')
              AND inherit_option AND NOT set_option AND NOT admin_option) IS NOT TRUE
      UNION ALL
      -- Who confirms commits is in pg_stat_replication, and shown to this role alone. It inherits nothing else.
      SELECT 'GRANT pg_read_all_stats TO flashtier_follower WITH ADMIN FALSE, INHERIT TRUE, SET FALSE'
       WHERE NOT EXISTS (
         SELECT FROM pg_auth_members
          WHERE member = to_regrole('flashtier_follower') AND roleid = to_regrole('pg_read_all_stats')
            AND inherit_option AND NOT set_option AND NOT admin_option))))
