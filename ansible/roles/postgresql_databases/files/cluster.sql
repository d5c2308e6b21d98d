-- Whether the member leads, and what belongs to the whole cluster, as one line of JSON.
-- The role compares it with what is declared, which it gives as flashtier.declared: {databases: [], roles: []}.
WITH databases AS (
  SELECT * FROM jsonb_to_recordset(current_setting('flashtier.declared')::jsonb -> 'databases') AS one (name text, owner text)
), roles AS (
  SELECT * FROM jsonb_to_recordset(current_setting('flashtier.declared')::jsonb -> 'roles')
             AS one (name text, databases jsonb, connection_limit integer)
), held AS (
  -- Rights on declared databases that are not their owner's.
  SELECT datname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee,
         privilege_type, is_grantable
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
   WHERE datname IN (SELECT name FROM databases) AND grantee <> datdba
), wanted AS (
  SELECT databases.name AS datname, quote_ident(roles.name) AS grantee, 'CONNECT' AS privilege_type, false AS is_grantable
    FROM databases JOIN roles ON roles.databases ? databases.name AND roles.name <> databases.owner
)
SELECT jsonb_build_object(
  'in_recovery', pg_is_in_recovery(),
  'objects', jsonb_build_object(
    'tablespace', (
      SELECT jsonb_build_object(
               'location', pg_tablespace_location(oid),
               'public', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(spcacl) WHERE grantee = 0 ORDER BY 1))
        FROM pg_tablespace WHERE spcname = 'temp'),
    'databases', (
      SELECT coalesce(jsonb_object_agg(datname, jsonb_build_object(
               'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding))), '{}')
        FROM pg_database WHERE datname IN (SELECT name FROM databases)),
    'statistics', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'),
    'missing_roles', ARRAY(
      SELECT name FROM (SELECT name FROM roles UNION ALL SELECT 'flashtier_follower') AS needed
       WHERE to_regrole(name) IS NULL),
    -- What takes back limits, settings, rights and memberships that nothing declares, and gives what is declared.
    'cluster_statements', ARRAY(
      SELECT format('ALTER ROLE %I CONNECTION LIMIT %s', rolname, connection_limit)
        FROM pg_roles JOIN roles ON rolname = name WHERE rolconnlimit <> connection_limit
      UNION ALL
      SELECT format('ALTER ROLE %I VALID UNTIL ''infinity''', rolname)
        FROM pg_roles
       WHERE (rolname = 'flashtier_follower' OR rolname IN (SELECT name FROM roles)) AND rolvaliduntil <> 'infinity'
      UNION ALL
      SELECT format('ALTER DATABASE %I CONNECTION LIMIT -1', datname)
        FROM pg_database
       WHERE (datname = 'postgres' OR datname IN (SELECT name FROM databases)) AND datconnlimit <> -1
      UNION ALL
      SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname)
        FROM pg_database
       WHERE (datname = 'postgres' OR datname IN (SELECT name FROM databases)) AND NOT datallowconn
      UNION ALL
      SELECT CASE setrole WHEN 0 THEN format('ALTER DATABASE %I RESET ALL', datname)
             ELSE format('ALTER ROLE %I IN DATABASE %I RESET ALL', pg_get_userbyid(setrole), datname) END
        FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
      UNION ALL
      SELECT format('REVOKE %s ON DATABASE %I FROM %s CASCADE', privilege_type, datname, grantee)
        FROM (SELECT * FROM held EXCEPT SELECT * FROM wanted) AS much
      UNION ALL
      -- What a revoked right to give on takes along is given again.
      SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, datname, grantee)
        FROM (SELECT * FROM wanted EXCEPT SELECT * FROM held) AS little
       WHERE datname IN (SELECT datname FROM pg_database)
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
