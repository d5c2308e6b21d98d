-- What the server reports of its settings, as one line of JSON. The role compares it with what is declared.
SELECT jsonb_build_object(
  -- Where it is in WAL, and where the WAL that it can send begins: a file's number, without the timeline.
  'place', jsonb_build_object(
    'follows', pg_is_in_recovery(),
    'reached', CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) END,
    'streams', EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
    'oldest', (SELECT min(substr(name, 9)) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$')),
  -- Every setting as it is in effect, in the form in which the contract declares it.
  -- tcp_*: SHOW answers 0 over a unix socket, whatever a client on the network gets.
  'settings', (
    SELECT jsonb_object_agg(name, CASE WHEN name LIKE 'tcp\_%' THEN reset_val ELSE current_setting(name) END)
      FROM pg_settings),
  -- Those that only a restart changes, and of them those that wait for one.
  'restart', ARRAY(SELECT name FROM pg_settings WHERE context = 'postmaster' ORDER BY name),
  'pending', ARRAY(SELECT name FROM pg_settings WHERE pending_restart ORDER BY name),
  -- What the server could not load of client authentication, as it is on disk now.
  'faults', ARRAY(
    SELECT file_name || ':' || line_number || ': ' || error
      FROM (SELECT file_name, line_number, error FROM pg_hba_file_rules
            UNION ALL SELECT file_name, line_number, error FROM pg_ident_file_mappings) AS read
     WHERE error IS NOT NULL))
