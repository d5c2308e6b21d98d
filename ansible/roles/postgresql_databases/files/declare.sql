-- Lets the server itself say what the migrations declare: it runs those that this database has, in a schema of their own,
-- in a transaction that is rolled back. So the migrations are the only list of rights. Where the tree has none of them
-- (flashtier.migrations is empty), the schema stays empty.
BEGIN;
SET LOCAL lock_timeout = '3s';
SET LOCAL pg_stat_statements.track = 'none';
CREATE SCHEMA flashtier_declared;
DO $declare$
DECLARE
  one record;
  last integer := 0;
  owner text := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
BEGIN
  EXECUTE format('ALTER SCHEMA flashtier_declared OWNER TO %I', owner);
  PERFORM set_config('role', owner, true), set_config('search_path', 'flashtier_declared', true);
  IF jsonb_array_length(current_setting('flashtier.migrations')::jsonb) > 0
     AND to_regclass('public.schema_versions') IS NOT NULL THEN
    last := (SELECT coalesce(max(version), 0) FROM public.schema_versions);
  END IF;
  PERFORM set_config('flashtier.version', last::text, true);
  IF last = 0 THEN
    RETURN;
  END IF;
  -- Whoever migrates makes it before the first migration.
  CREATE TABLE schema_versions (LIKE public.schema_versions);
  FOR one IN
    SELECT statement
      FROM jsonb_array_elements_text(current_setting('flashtier.migrations')::jsonb) WITH ORDINALITY AS given (statement, version)
     WHERE version <= last
     ORDER BY version
  LOOP
    -- No transaction may run CONCURRENTLY, and an empty table needs none.
    EXECUTE regexp_replace(one.statement, '\mCONCURRENTLY\M', '', 'gi');
  END LOOP;
END
$declare$;
RESET ROLE
