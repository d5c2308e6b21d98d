-- The rights that pg_rewind needs on the member that leads (its manual page) and that its role lacks, as statements.
SELECT format('GRANT EXECUTE ON FUNCTION %s TO rewinder', signature) AS statement
  FROM unnest(ARRAY[
    'pg_catalog.pg_ls_dir(text, boolean, boolean)',
    'pg_catalog.pg_stat_file(text, boolean)',
    'pg_catalog.pg_read_binary_file(text)',
    'pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)']) AS signature
 WHERE NOT has_function_privilege('rewinder', signature, 'EXECUTE')
