-- What belongs to the database that is asked, as one line of JSON, with what declare.sql made next to it.
-- flashtier.declared: {databases: [], roles: []}. Tables and rights of extensions are the extensions' own.
WITH here AS (
  SELECT name, owner, extensions FROM jsonb_to_recordset(current_setting('flashtier.declared')::jsonb -> 'databases')
           AS one (name text, owner text, extensions jsonb)
   WHERE name = current_database()
), roles AS (
  SELECT one.name, to_regrole(one.name)::oid AS oid, access
    FROM jsonb_to_recordset(current_setting('flashtier.declared')::jsonb -> 'roles')
           AS one (name text, databases jsonb, access text), here
   WHERE databases ? here.name AND one.name <> here.owner
), access (access, kind, letter, privilege_type) AS (
  -- By the letter of pg_default_acl.
  VALUES ('read-only', 'TABLE', 'r', 'SELECT'), ('read-write', 'TABLE', 'r', 'SELECT'), ('read-write', 'TABLE', 'r', 'INSERT'),
         ('read-write', 'TABLE', 'r', 'UPDATE'), ('read-write', 'TABLE', 'r', 'DELETE'), ('read-write', 'SEQUENCE', 'S', 'USAGE')
), given AS (
  SELECT roles.oid, roles.name, kind, letter, privilege_type FROM roles JOIN access USING (access)
), relations AS (
  SELECT oid, relnamespace = 'flashtier_declared'::regnamespace AS declared, relname, relowner, relacl,
         CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
    FROM pg_class
   WHERE relnamespace IN ('public'::regnamespace, 'flashtier_declared'::regnamespace)
     AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
), held AS (
  -- Rights on relations and columns that are not their owner's.
  SELECT declared, relname, ''::name AS attname, kind, grantee, acl.privilege_type, is_grantable
    FROM relations, aclexplode(relacl) AS acl WHERE grantee <> relowner
  UNION ALL
  SELECT declared, relname, attname, 'TABLE', grantee, acl.privilege_type, is_grantable
    FROM pg_attribute JOIN relations ON relations.oid = attrelid, aclexplode(attacl) AS acl WHERE grantee <> relowner
  UNION ALL
  -- Of roles whose access is declared, on all that there is.
  SELECT true, relname, '', kind, given.oid, privilege_type, false
    FROM relations JOIN given USING (kind) WHERE NOT declared
), named AS (
  SELECT declared, relname, attname, kind, privilege_type, is_grantable,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee,
         privilege_type || CASE attname WHEN '' THEN '' ELSE format(' (%I)', attname) END AS privilege
    FROM held
   -- Other rights are known where the migrations are in the tree, unless a newer release than this one has migrated.
   WHERE grantee IN (SELECT oid FROM given)
      OR (jsonb_array_length(current_setting('flashtier.migrations')::jsonb) > 0
          AND current_setting('flashtier.version')::integer
              <= jsonb_array_length(current_setting('flashtier.migrations')::jsonb))
), different AS (
  SELECT relname FROM named
   GROUP BY relname, attname, kind, privilege_type, is_grantable, grantee HAVING count(*) = 1
), revoked AS (
  SELECT format('REVOKE %s ON %s public.%I FROM %s CASCADE', privilege, kind, relname, grantee) AS statement
    FROM named AS have
   WHERE NOT declared AND relname IN (SELECT relname FROM different)
     AND NOT EXISTS (
       SELECT FROM named AS wanted
        WHERE wanted.declared AND (wanted.relname, wanted.privilege, wanted.grantee, wanted.is_grantable)
                                = (have.relname, have.privilege, have.grantee, have.is_grantable))
), granted AS (
  -- All of such a relation: a right on a table that is revoked takes those on its columns along.
  SELECT format('GRANT %s ON %s public.%I TO %s%s', privilege, kind, relname, grantee,
                CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
    FROM named
   WHERE declared AND relname IN (SELECT relname FROM different)
     AND EXISTS (
       SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_class.relname = named.relname
          AND (named.attname = '' OR EXISTS (
            SELECT FROM pg_attribute
             WHERE attrelid = pg_class.oid AND pg_attribute.attname = named.attname AND NOT attisdropped)))
), later AS (
  -- Rights on what is made later.
  SELECT pg_get_userbyid(defaclrole) AS owner, coalesce(nspname, '') AS schema, defaclobjtype::text AS letter,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, privilege_type, is_grantable
    FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace, aclexplode(defaclacl)
   WHERE grantee <> defaclrole AND NOT (grantee = 0 AND defaclobjtype IN ('f', 'T'))
), later_wanted AS (
  SELECT here.owner, 'public', letter, quote_ident(given.name), privilege_type, false FROM given, here
), defaults AS (
  SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s %s ON %s %s %s', owner,
                CASE schema WHEN '' THEN '' ELSE format('IN SCHEMA %I', schema) END, verb || ' ' || privilege_type,
                CASE letter WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                            WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
                CASE verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END, grantee) AS statement, verb
    FROM (SELECT 'REVOKE' AS verb, * FROM (TABLE later EXCEPT TABLE later_wanted) AS much
          UNION ALL
          SELECT 'GRANT', * FROM (TABLE later_wanted EXCEPT TABLE later) AS little) AS change
), schema_held AS (
  SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee, privilege_type, is_grantable
    FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
   WHERE nspname = 'public' AND grantee <> nspowner
), schema_wanted AS (
  SELECT quote_ident(name), 'USAGE', false FROM roles
), schemas AS (
  SELECT format('REVOKE %s ON SCHEMA public FROM %s CASCADE', privilege_type, grantee) AS statement, 'REVOKE' AS verb
    FROM (TABLE schema_held EXCEPT TABLE schema_wanted) AS much
  UNION ALL
  SELECT format('GRANT %s ON SCHEMA public TO %s', privilege_type, grantee), 'GRANT'
    FROM (TABLE schema_wanted EXCEPT TABLE schema_held) AS little (grantee, privilege_type, is_grantable)
)
SELECT jsonb_build_object(
  'database', current_database(),
  'missing_extensions', ARRAY(
    SELECT name FROM jsonb_array_elements_text((SELECT extensions FROM here)) AS wanted (name)
     WHERE name NOT IN (SELECT extname FROM pg_extension)),
  -- What takes back rights that nothing declares, and gives those that are declared.
  'statements',
    ARRAY(SELECT statement FROM schemas WHERE verb = 'REVOKE' UNION SELECT statement FROM defaults WHERE verb = 'REVOKE'
          UNION SELECT statement FROM revoked ORDER BY 1)
    || ARRAY(SELECT statement FROM schemas WHERE verb = 'GRANT' UNION SELECT statement FROM defaults WHERE verb = 'GRANT'
             UNION SELECT statement FROM granted ORDER BY 1))
