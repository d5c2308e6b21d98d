"""Whoever fills a file system in memory gets "No space left on device"; the host's services go on.

/tmp used to be half the machine's memory: a dump of 1.9 GB in it killed PostgreSQL in its host of 2 GiB,
again and again, since the kernel cannot take back what is written there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import requests

from infra.contract import Contract
from infra.paths import ca_certificate
from tests.drills.hosts import Inside
from tests.drills.verifier import Verifier
from tests.hosts.promises import units

#: Seconds for one call; calls are made one after the other for as long as something is being filled.
PATIENCE = 20
PLACES = ("/tmp", "/dev/shm", "/run")  # noqa: S108 - mount points


@dataclass
class Calls:
    """Searches through edge, web host and database."""

    good: int = 0
    bad: list[str] = field(default_factory=list)


@contextmanager
def calling(contract: Contract) -> Iterator[Calls]:
    calls, ended = Calls(), threading.Event()

    def call() -> None:
        with requests.Session() as session:
            session.trust_env = False  # a bundle that the environment names would come first
            session.verify = str(ca_certificate(contract.stack))
            while not ended.is_set():
                try:
                    answer = session.get(f"{contract.url}/search?tag=none", timeout=PATIENCE)
                    answer.raise_for_status()
                    calls.good += 1
                except requests.RequestException as error:
                    calls.bad.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield calls
    finally:
        ended.set()
        thread.join(2 * PATIENCE)


#: How often the kernel killed something for want of memory, in every group of processes.
KILLS = """
find /sys/fs/cgroup -name memory.oom_control -o -name memory.events |
    xargs grep -h '^oom_kill ' | sort | uniq -c | grep -v 'oom_kill 0$' || true
"""


def services(inside: Inside, contract: Contract, host: str) -> str:
    """Main processes of the declared units, and kills: what a kill would change."""
    declared = " ".join(units(contract, contract.host(host)))
    return inside.run(host, f"systemctl show --property=Id,MainPID,NRestarts {declared}\n{KILLS}")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("tier", ["database", "web"])
def test_a_full_file_system_in_memory_stops_no_service(
    verifier: Verifier, figure: Callable[[str], None], tier: str, place: str
) -> None:
    contract = verifier.contract
    inside = Inside(contract)
    host = inside.first(tier)
    memory = contract.host(host).size.memory_mib
    before = services(inside, contract, host)
    with calling(contract) as calls:
        try:
            said = inside.run(host, f"head -c {2 * memory}M /dev/zero >{place}/fill", check=False)
            assert "No space left on device" in said, said
            # Empty files take the kernel's memory, which is the host's as well.
            folder = f"rm -f {place}/fill; mkdir {place}/many; cd {place}/many"
            touch = f"seq {memory * 300} | xargs touch 2>&1 | tail -n 1"
            many = inside.run(host, f"{folder}; {touch}", check=False, seconds=300)
            assert "No space left on device" in many, many
        finally:
            inside.run(host, f"rm -rf {place}/fill {place}/many", seconds=300)
    assert calls.bad == [], f"{len(calls.bad)} of {calls.good + len(calls.bad)} calls failed: {calls.bad[0]}"
    assert calls.good > 0
    assert services(inside, contract, host) == before
    figure(f"{place} of {host} filled twice: {calls.good} calls, none failed, nothing was killed")


def test_afterwards_all_is_as_declared(verifier: Verifier) -> None:
    assert verifier.run().faults == []
