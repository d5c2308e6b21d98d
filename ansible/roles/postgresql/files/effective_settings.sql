-- Every setting as it is in effect, in the form in which the contract declares it.
-- tcp_*: SHOW answers 0 over a unix socket, whatever a client on the network gets.
SELECT name,
       CASE WHEN name LIKE 'tcp\_%' THEN reset_val ELSE current_setting(name) END AS value,
       pending_restart
  FROM pg_settings
