-- What belongs to the database photos, as one line of JSON. See state.sql.
SELECT jsonb_build_object(
  'schema', (
    SELECT jsonb_build_object(
             'public', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl) WHERE grantee = 0 ORDER BY 1),
             'app', ARRAY(SELECT DISTINCT privilege_type FROM aclexplode(acl)
                           WHERE grantee = to_regrole('photos_app') ORDER BY 1))
      FROM (SELECT *, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace) AS schemas
     WHERE nspname = 'public'),
  -- Rights of the app on tables and sequences that the owner will make.
  'tables', ARRAY(
    SELECT DISTINCT privilege_type FROM pg_default_acl, aclexplode(defaclacl)
     WHERE defaclrole = to_regrole('photos_owner') AND defaclnamespace = to_regnamespace('public')
       AND defaclobjtype = 'r' AND grantee = to_regrole('photos_app') ORDER BY 1),
  'sequences', ARRAY(
    SELECT DISTINCT privilege_type FROM pg_default_acl, aclexplode(defaclacl)
     WHERE defaclrole = to_regrole('photos_owner') AND defaclnamespace = to_regnamespace('public')
       AND defaclobjtype = 'S' AND grantee = to_regrole('photos_app') ORDER BY 1))
