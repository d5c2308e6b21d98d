"""flashtier-follower: `python3 -m follower /etc/flashtier/follower.json`, as a unit of systemd."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from follower.access import ConfigError, context, credentials
from follower.bouncer import Bouncer
from follower.config import Config, read
from follower.daemon import Daemon
from follower.etcd import Endpoint
from follower.journal import Journal
from follower.probe import Libpq, Prober
from follower.publisher import Publisher
from follower.standbys import Standbys
from follower.state import boot_id
from follower.threads import die_with_threads
from follower.view import Keys, View
from follower.watcher import Watcher

#: Seconds that the lease's end may take when the follower stops; resuming comes first.
LAST_WORDS = 0.5


def connection(config: Config, member: str) -> Libpq:
    address = config.members.get(member)
    if address is None:
        raise OSError(f"has no address: none of {', '.join(config.members)}")
    return Libpq(
        {
            "host": address,
            "port": str(config.database_port),
            "dbname": "postgres",
            "user": config.probe_user,
            "password": config.probe_password,
            "sslmode": "verify-full",
            "sslrootcert": config.tls.ca,
            "application_name": "flashtier-follower",
            "tcp_user_timeout": "1000",
            "connect_timeout": "2",
        }
    )


def run(config: Config, journal: Journal) -> None:
    say = journal.say

    die_with_threads()
    endpoints = [
        [Endpoint(url, config.login, lambda: context(config.tls)) for url in config.etcd] for _ in range(2)
    ]
    publisher = Publisher(endpoints[0], f"/flashtier/{config.stack}/followers/{config.host}", say)
    prober = Prober(
        lambda member: connection(config, member), config.quorum, lambda *found: daemon.writable(*found), say
    )
    bouncer = Bouncer(config.console, config.console_user, (pool.name for pool in config.pools))
    daemon = Daemon(config, bouncer, prober, publisher.publish, say, boot_id())
    watcher = Watcher(endpoints[1], View(Keys.of(config.stack), time.time, say), daemon.seen, say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: daemon.stop(number))
    daemon.seed()
    if config.read_pools:
        Standbys(
            config.host,
            config.members,
            config.max_lag,
            daemon.leader,
            lambda member: connection(config, member),
            daemon.reads,
            say,
        ).start()
    publisher.start()
    watcher.start()
    daemon.run()
    watcher.stop()
    publisher.stop(LAST_WORDS)


def main() -> int:
    journal = Journal()
    try:
        config = read(Path(sys.argv[1]), credentials("flashtier-follower"))
    except (ConfigError, IndexError) as error:
        print(f"flashtier-follower: {error or 'the configuration file is its one argument'}", file=sys.stderr)
        return 2
    try:
        run(config, journal)
    finally:
        journal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
