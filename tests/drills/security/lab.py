"""Attempts to connect between all machines of an environment, and which of them the contract allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from infra.contract import Contract
from tests.drills.security.filters import Filters
from tests.drills.security.neighbours import METADATA, OTHER, OUTSIDE
from tests.drills.security.places import Target, attempt, everywhere

CONTROLLER, MACHINE, INTERNET, NEIGHBOUR = "controller", "machine", "outside", "other stack"
CLOUD = "metadata service"


@dataclass(frozen=True)
class Try:
    """An attempt to connect to `port` of the protocol at `address`, which is IPv6 where `link_local`."""

    source: str
    destination: str
    protocol: str
    port: int
    address: str
    link_local: bool = False

    def __str__(self) -> str:
        version = " over link-local IPv6" if self.link_local else ""
        return f"{self.source} to {self.destination} ({self.address}) {self.protocol} {self.port}{version}"


@dataclass
class Lab:
    contract: Contract
    places: dict[str, list[str]]
    filters: Filters
    link_local: dict[str, str]
    tries: list[Try] = field(default_factory=list)
    count: int = 0

    @property
    def hosts(self) -> list[str]:
        return [host.name for host in self.contract.hosts]

    def outcomes(self, chosen: Callable[[Try], bool]) -> dict[Try, str]:
        """The outcomes of the chosen tries, from all sources at once.

        One answer is proof; no answer, which a slow machine may cause, counts after the second try.
        """
        found: dict[Try, str] = {}
        tries = [each for each in self.tries if chosen(each)]
        for _ in range(2):
            if not (again := [each for each in tries if found.get(each, "dropped") == "dropped"]):
                break
            by_source: dict[str, list[Try]] = {}
            for each in again:
                by_source.setdefault(each.source, []).append(each)
            targets: dict[str, list[Target]] = {
                source: [(each.protocol, each.address, each.port) for each in group]
                for source, group in by_source.items()
            }
            for source, answers in attempt({name: self.places[name] for name in targets}, targets).items():
                found |= dict(zip(by_source[source], answers, strict=True))
        self.count += len(tries)
        return found

    def leaves(self, each: Try) -> bool:
        """Whether the firewall of the source, a host, allows it."""
        if each.link_local:
            return False
        if each.destination in self.hosts:
            return (each.source, each.destination, each.port, each.protocol) in self._flows
        if each.destination == CONTROLLER:
            return each.port == 53
        if each.destination == CLOUD:
            return False
        outside = {("tcp", 80), ("tcp", 443)} | ({("udp", 123)} if self.keeps_time(each.source) else set())
        return (each.protocol, each.port) in outside

    def arrives(self, each: Try) -> bool:
        """Whether the destination's own firewall, or the machine's rules for it, allow it."""
        if each.destination in self.hosts:
            known = (each.destination, each.port, each.protocol)
            if each.link_local:  # the contract's addresses are IPv4; the client "world" is any address
                return ("world", *known) in self._flows
            if each.source == NEIGHBOUR:
                return False
            return (each.source, *known) in self._flows or ("world", *known) in self._flows
        if each.destination == CONTROLLER:
            return each.port == 53
        return each.destination == INTERNET and (each.protocol, each.port) in {
            ("tcp", 80),
            ("tcp", 443),
            ("udp", 123),
        }

    @property
    def _flows(self) -> set[tuple[str, str, int, str]]:
        return {(flow.source, flow.destination, flow.port, flow.protocol) for flow in self.contract.flows}

    def keeps_time(self, host: str) -> bool:
        return "set_clock" not in {entry.what for entry in self.contract.unsupported if entry.host == host}


def set_link_local(place: list[str], what: str, address: str) -> None:
    everywhere(
        {"": place},
        "ip",
        "-6",
        "address",
        what,
        f"{address}/64",
        "dev",
        "eth0",
        *(["nodad"] if what == "add" else []),
    )


def tries(lab: Lab, machine: str, declared: dict[str, list[int]]) -> Iterator[Try]:
    addresses = {host.name: host.address for host in lab.contract.hosts}
    elsewhere = {
        CONTROLLER: lab.contract.controller,
        MACHINE: machine,
        INTERNET: OUTSIDE.address,
        NEIGHBOUR: OTHER.address,
        CLOUD: METADATA,
    }
    for protocol, ports in declared.items():
        for port in ports:
            for source in lab.places:
                for name, address in addresses.items():
                    if name != source:
                        yield Try(source, name, protocol, port, address)
                        if source in addresses:
                            yield Try(
                                source, name, protocol, port, f"{lab.link_local[name]}%eth0", link_local=True
                            )
                if source in addresses:
                    for name, address in elsewhere.items():
                        # The bridge's dnsmasq answers queries, not any datagram: tested with a name below.
                        if (name, protocol, port) != (CONTROLLER, "udp", 53):
                            yield Try(source, name, protocol, port, address)


def hold(outcomes: dict[Try, str], expected: Callable[[Try], bool]) -> None:
    """Compare outcomes. A refusal is an answer: the packet passed every filter."""
    assert outcomes, "nothing was tried"
    wrong = [
        f"{each}: {outcome}, expected {'an answer' if expected(each) else 'no answer'}"
        for each, outcome in outcomes.items()
        if (outcome in ("open", "refused")) != expected(each)
    ]
    assert not wrong, f"{len(wrong)} of {len(outcomes)}:\n" + "\n".join(wrong[:40])
