-- What belongs to the database photos, as one line of JSON, with what declare.sql made next to it.
WITH held AS (
  -- Rights on relations and columns that are not their owner's.
  SELECT relnamespace = 'flashtier_declared'::regnamespace AS declared, relname, '' AS attname,
         CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, grantee, privilege_type, is_grantable
    FROM pg_class, aclexplode(relacl)
   WHERE relnamespace IN ('public'::regnamespace, 'flashtier_declared'::regnamespace)
     AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND grantee <> relowner
  UNION ALL
  SELECT relnamespace = 'flashtier_declared'::regnamespace, relname, attname, 'TABLE', grantee, privilege_type, is_grantable
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl)
   WHERE relnamespace IN ('public'::regnamespace, 'flashtier_declared'::regnamespace) AND grantee <> relowner
), named AS (
  SELECT declared, relname, attname, kind, privilege_type, is_grantable,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee,
         privilege_type || CASE attname WHEN '' THEN '' ELSE format(' (%I)', attname) END AS privilege
    FROM held
   -- A newer release than this one has migrated: what it declares is not known here.
   WHERE current_setting('flashtier.version')::integer
         <= jsonb_array_length(current_setting('flashtier.migrations')::jsonb)
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
), defaults AS (
  -- Rights on what is made later: none is declared.
  SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %s REVOKE %s ON %s FROM %s', pg_get_userbyid(defaclrole),
                CASE defaclnamespace WHEN 0 THEN '' ELSE format('IN SCHEMA %s', defaclnamespace::regnamespace) END,
                privilege_type,
                CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                   WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS statement
    FROM pg_default_acl, aclexplode(defaclacl)
   WHERE grantee <> defaclrole AND NOT (grantee = 0 AND defaclobjtype IN ('f', 'T'))
)
SELECT jsonb_build_object(
  'schema', (
    SELECT jsonb_build_object(
             'public', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl) WHERE grantee = 0 ORDER BY 1),
             'app', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl)
                           WHERE grantee = to_regrole('photos_app') ORDER BY 1))
      FROM (SELECT *, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace) AS schemas
     WHERE nspname = 'public'),
  -- What takes back rights that nothing declares, and gives those that the migrations declare.
  'photos_statements',
    ARRAY(SELECT statement FROM defaults UNION SELECT statement FROM revoked ORDER BY 1)
    || ARRAY(SELECT DISTINCT statement FROM granted ORDER BY 1))
