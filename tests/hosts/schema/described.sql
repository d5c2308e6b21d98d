-- Describes, one line a thing, what the migrations declare (in a schema of its own) and what the database has.
SET LOCAL search_path = pg_catalog;
WITH relations AS (
  SELECT pg_class.*, relnamespace = 'flashtier_declared'::regnamespace AS declared
    FROM pg_class
   WHERE relnamespace IN ('public'::regnamespace, 'flashtier_declared'::regnamespace)
     -- Those of an extension are its own.
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
), described AS (
  SELECT declared, concat_ws(' ', 'relation', relname, 'kind=' || relkind::text, 'owner=' || pg_get_userbyid(relowner),
           'persistence=' || relpersistence::text, 'tablespace=' || reltablespace, 'options=' || array_to_string(reloptions, ','),
           'replica_identity=' || relreplident::text, 'row_security=' || relrowsecurity, 'forced=' || relforcerowsecurity) AS line
    FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT declared, concat_ws(' ', 'column', relname || '.' || attname, format_type(atttypid, atttypmod),
           CASE WHEN attnotnull THEN 'NOT NULL' END, 'DEFAULT ' || pg_get_expr(adbin, adrelid),
           'identity=' || nullif(attidentity::text, ''), 'generated=' || nullif(attgenerated::text, ''),
           'collation=' || nullif(attcollation, 0)::regcollation, 'storage=' || attstorage::text,
           'compression=' || nullif(attcompression::text, ''), 'statistics=' || attstattarget)
    FROM relations JOIN pg_attribute ON attrelid = relations.oid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
   WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
  UNION ALL
  SELECT declared, concat_ws(' ', 'constraint', conname, 'on', relname || ':', pg_get_constraintdef(pg_constraint.oid))
    FROM relations JOIN pg_constraint ON conrelid = relations.oid
  UNION ALL
  SELECT declared, concat_ws(' ', 'index', relname || ':', pg_get_indexdef(relations.oid),
           CASE WHEN NOT indisvalid THEN 'INVALID' END, CASE WHEN NOT indisready THEN 'NOT READY' END)
    FROM relations JOIN pg_index ON indexrelid = relations.oid
  UNION ALL
  SELECT declared, concat_ws(' ', 'view', relname || ':', pg_get_viewdef(oid)) FROM relations WHERE relkind IN ('v', 'm')
  UNION ALL
  SELECT declared, concat_ws(' ', 'sequence', relname, format_type(seqtypid, NULL), 'start=' || seqstart,
           'increment=' || seqincrement, 'min=' || seqmin, 'max=' || seqmax, 'cycle=' || seqcycle)
    FROM relations JOIN pg_sequence ON seqrelid = relations.oid
  UNION ALL
  SELECT declared, concat_ws(' ', 'right', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
           privilege_type, 'on', relname, CASE WHEN is_grantable THEN 'WITH GRANT OPTION' END)
    FROM relations, aclexplode(relacl) WHERE grantee <> relowner AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
  UNION ALL
  SELECT declared, concat_ws(' ', 'right', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END,
           privilege_type, 'on', relname || '.' || attname, CASE WHEN is_grantable THEN 'WITH GRANT OPTION' END)
    FROM relations JOIN pg_attribute ON attrelid = relations.oid, aclexplode(attacl) WHERE grantee <> relowner
)
SELECT json_build_object(
  'declared', (SELECT coalesce(json_agg(replace(line, 'flashtier_declared.', '') ORDER BY line), '[]') FROM described WHERE declared),
  'present', (SELECT coalesce(json_agg(replace(line, 'public.', '') ORDER BY line), '[]') FROM described WHERE NOT declared));
ROLLBACK
