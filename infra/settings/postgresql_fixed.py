"""The managed PostgreSQL settings that are the same for every environment, each with its reason and source.

Values are written as `SHOW` prints them. `statement_timeout` is missing on purpose: it is set for each
role, since here it would also end backups and vacuums.
"""

from __future__ import annotations

from infra.settings.setting import Owner, PostgresqlSetting

FACTS = "docs/sizing-facts.md"
STALL = f"{FACTS}, stall_settings"


def manual(section: str) -> str:
    """A section of PostgreSQL's manual, as a source."""
    return f"PostgreSQL 17 manual, {section}"


def _group(source: str, *rows: tuple[str, str, str], owner: Owner = "file") -> tuple[PostgresqlSetting, ...]:
    return tuple(
        PostgresqlSetting(name=name, value=value, reason=reason, source=source, owner=owner)
        for name, value, reason in rows
    )


CONNECTIONS = _group(
    manual("19.3"),
    ("superuser_reserved_connections", "3", "an administrator can connect when all other slots are in use"),
    ("reserved_connections", "5", "monitoring sees a full server instead of an error"),
    ("password_encryption", "scram-sha-256", "no password is stored or sent readably"),
    ("authentication_timeout", "10s", "a client that stalls in its login frees its slot"),
    ("ssl", "on", "passwords and people's data cross the network encrypted"),
    ("ssl_min_protocol_version", "TLSv1.3", "every client is the kit's own and speaks it"),
    ("tcp_keepalives_idle", "60", "seconds; a web host that died frees its slots after 90"),
    ("tcp_keepalives_interval", "10", "seconds between the probes of a silent client"),
    ("tcp_keepalives_count", "3", "probes until a silent client counts as dead"),
    ("tcp_user_timeout", "30000", "milliseconds until an unacknowledged answer ends its connection"),
    (
        "client_connection_check_interval",
        "10s",
        "a query ends when its client has gone",
    ),
)

MEMORY = _group(
    manual("19.4"),
    ("huge_pages", "try", "used where the host has reserved some; a container cannot"),
    ("hash_mem_multiplier", "2", "the default, written down because work_mem is sized by it"),
)

DURABILITY = _group(
    f"{manual('19.5')}; {STALL}",
    ("fsync", "on", "an acknowledged write is on the medium"),
    ("synchronous_commit", "on", "an acknowledged write survives a crash"),
    ("full_page_writes", "on", "no device here promises to write 8 KiB in one piece"),
    ("data_sync_retry", "off", "after a failed fsync only recovery knows what is on disk"),
    (
        "wal_compression",
        "lz4",
        "full-page images are most of the WAL after a checkpoint; lz4 costs little time",
    ),
    ("wal_recycle", "on", "a commit overwrites blocks that exist instead of making a file grow"),
    ("wal_init_zero", "on", "as wal_recycle: 0.02 ms a write on flash where growing costs 0.06"),
    ("commit_siblings", "5", "the default: commit_delay waits only where five others are at work"),
    ("checkpoint_timeout", "15min", "fewer full-page images, and writes spread over 13.5 minutes"),
    ("checkpoint_completion_target", "0.9", "a checkpoint's writes are spread, not one burst"),
    ("checkpoint_flush_after", "256kB", "the kernel never gathers a burst of dirty pages"),
    ("checkpoint_warning", "5min", "a line in the log when writes outgrow max_wal_size"),
)

#: Patroni gives these on the command line, so that all members have the same.
CLUSTER = _group(
    f"{manual('19.5')}; {manual('19.6')}",
    ("wal_level", "replica", "standbys and archiving need it, and a change takes a restart"),
    ("hot_standby", "on", "a standby answers reads and checks"),
    ("wal_log_hints", "on", "pg_rewind needs it or checksums, which log the same: it costs nothing more"),
    ("max_prepared_transactions", "0", "no client uses two-phase commit"),
    ("max_locks_per_transaction", "64", "the default: no statement touches as many tables"),
    ("track_commit_timestamp", "off", "nothing reads it"),
    owner="dcs",
)

REPLICATION = _group(
    manual("19.6"),
    ("wal_receiver_timeout", "5s", "a leader that is silent is left before its lease ends"),
    ("wal_sender_timeout", "5s", "a standby that is silent leaves the quorum before commits queue for long"),
    ("wal_retrieve_retry_interval", "200ms", "a standby follows a new leader at once, not after 5 s"),
    ("max_standby_streaming_delay", "1s", "a promotion replays everything first: no query holds it up"),
)

PLANNER = _group(
    manual("30.2"),
    ("jit", "off", "short queries pay for compiling and gain nothing; no code is made at run time"),
)

AUTOVACUUM = _group(
    manual("19.10"),
    ("autovacuum", "on", "dead rows and old transaction ids never pile up"),
    ("autovacuum_naptime", "30s", "small and often instead of long and seldom"),
    (
        "autovacuum_vacuum_scale_factor",
        "0.05",
        "a table of 100 million rows does not wait for 20 million dead ones",
    ),
    ("autovacuum_analyze_scale_factor", "0.02", "estimates follow growth"),
    ("autovacuum_vacuum_cost_delay", "2ms", "the default, written down because the limit is sized by it"),
)

TIMEOUTS = _group(
    f"{manual('19.11')}; {STALL}",
    ("idle_in_transaction_session_timeout", "30s", "an abandoned transaction frees its locks and dead rows"),
    ("lock_timeout", "5s", "nothing queues behind a lock for longer than a client waits"),
    ("deadlock_timeout", "1s", "the default; log_lock_waits reports a wait that is longer"),
    ("TimeZone", "UTC", "the same answer on every host"),
)

LOGS = _group(
    f"{manual('19.8')}; {STALL}",
    ("logging_collector", "on", "the log lies on its declared volume"),
    ("log_destination", "stderr", "plain text, read by everything"),
    (
        "log_filename",
        "postgresql-%a-%H.log",
        "a file for each hour of the week, overwritten after seven days",
    ),
    ("log_rotation_age", "1h", "as log_filename counts"),
    ("log_rotation_size", "0", "rotation by size would append to last week's file"),
    ("log_truncate_on_rotation", "on", "last week's file is replaced: the log does not grow for ever"),
    ("log_file_mode", "0600", "statements may hold people's data"),
    ("log_line_prefix", "%m [%p] %q%u@%d/%a %h ", "when, which process, who, from where"),
    ("log_timezone", "UTC", "logs of all hosts compare"),
    ("log_checkpoints", "on", "a checkpoint is often the first link of a stall"),
    ("log_lock_waits", "on", "names the waiting session and the holder"),
    ("log_temp_files", "10MB", "says which query spills over work_mem, and how far"),
    ("log_autovacuum_min_duration", "10s", "a vacuum that takes long says what it did"),
    ("log_min_duration_statement", "500ms", "half of the second at which watcher http_p99 fires"),
    ("log_statement", "none", "a statement may hold a password"),
    ("log_parameter_max_length", "0", "parameters are people's data"),
)

STATISTICS = _group(
    f"{manual('19.9')}; {manual('F.30')}; {STALL}",
    ("track_io_timing", "on", "distinguishes a slow device from a slow query"),
    ("track_wal_io_timing", "on", "as track_io_timing, for WAL"),
    ("track_functions", "pl", "the default hides time spent in functions"),
    ("shared_preload_libraries", "pg_stat_statements", "which statements cause the load"),
    ("pg_stat_statements.track_utility", "off", "a utility statement may hold a password"),
)
