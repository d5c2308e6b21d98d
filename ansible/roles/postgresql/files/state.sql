-- What the server says of its settings and of what belongs to the whole cluster, as one line of JSON.
-- The role compares it with what is declared (postgresql_objects_declared and the settings of the contract).
SELECT jsonb_build_object(
  -- Every setting as it is in effect, in the form in which the contract declares it.
  -- tcp_*: SHOW answers 0 over a unix socket, whatever a client on the network gets.
  'settings', (
    SELECT jsonb_object_agg(name, CASE WHEN name LIKE 'tcp\_%' THEN reset_val ELSE current_setting(name) END)
      FROM pg_settings),
  -- Those that only a restart changes.
  'pending', ARRAY(SELECT name FROM pg_settings WHERE pending_restart ORDER BY name),
  -- What the server could not load of client authentication, as it is on disk now.
  'faults', ARRAY(
    SELECT file_name || ':' || line_number || ': ' || error
      FROM (SELECT file_name, line_number, error FROM pg_hba_file_rules
            UNION ALL SELECT file_name, line_number, error FROM pg_ident_file_mappings) AS read
     WHERE error IS NOT NULL),
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
    'statistics', EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')))
