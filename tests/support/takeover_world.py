"""All hosts of a stack that have a part in a takeover, in one process: their own code, and etcd in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from takeover.config import Config
from takeover.keys import Seen
from takeover.lead import Lead
from takeover.release import Unit
from takeover.seal import Agent
from tests.support.takeover_etcd import MEMBERS, SERVICE, Etcd

Configs = Callable[[str], Config]


@dataclass
class Kernel:
    """The set of nftables of one host."""

    elements: list[str] = field(default_factory=list)
    puts: int = 0

    def put(self, addresses: list[str]) -> None:
        self.elements, self.puts = list(addresses), self.puts + 1

    def end(self) -> None:
        self.elements = []

    def sealed(self) -> list[str]:
        return list(self.elements)


class World:
    """All hosts of a stack; `clock` is everybody's. `silent`: hosts whose agents are gone."""

    def __init__(self, etcd: Etcd, config: Configs) -> None:
        self.etcd = etcd
        self.clock = 1000.0
        self.lines: list[str] = []
        self.silent: set[str] = set()
        self.leader_answers = ""
        #: What members hear of it.
        self.reached = ""
        self.left = 19
        self.kernels = {host: Kernel() for host in (*MEMBERS, "control1", "control2", "control3")}
        self.agents = {
            host: Agent(
                config(host),
                kernel,
                etcd.ask,
                etcd.seen,
                lambda address: self.reached,
                self.say,
                lambda: self.clock,
            )
            for host, kernel in self.kernels.items()
        }
        self.unit = self.new_unit(config)

    def new_unit(self, config: Configs, *, follows: bool = True) -> Unit:
        """`follows`: it has seen the leader lead for a ttl."""
        lead = Lead(lambda lease: self.left, lambda address: self.leader_answers, lambda: self.clock)
        unit = Unit(config("control1"), self.etcd.ask, self.newest, lead, self.say, lambda: self.clock)
        if follows:
            unit.lead.follow(self.etcd.seen().leader)
            self.clock += 21
        return unit

    def say(self, line: str) -> None:
        self.lines.append(line)

    def newest(self, seconds: float) -> Seen:
        self.agents_act()
        return self.etcd.seen()

    def agents_act(self) -> None:
        for host, agent in self.agents.items():
            if host not in self.silent:
                agent.act(self.etcd.seen(), old=False)

    def turn(self) -> list[str]:
        return self.unit.turn(self.etcd.seen())

    def sealed(self) -> set[str]:
        return {host for host, kernel in self.kernels.items() if kernel.elements}

    @property
    def leader(self) -> str | None:
        return self.etcd.value(SERVICE + "leader")

    def gone(self) -> None:
        """The lease is not renewed, and nothing answers."""
        self.left = 17
        self.turn()
        assert self.unit.lead.asking is not None
        self.unit.lead.asking.join(5)
        self.left = 16
        self.clock += 1

    def outcome(self) -> str:
        """`taken` with both others sealed, `kept` with no one sealed once the order is over, or what else."""
        if self.leader is None:
            return "taken" if {"db2", "db3"} <= self.sealed() else f"taken, and only {self.sealed()} sealed"
        self.etcd.end_all(4)
        self.agents_act()
        return (
            "kept" if self.leader == "db1" and not self.sealed() else f"{self.leader} leads: {self.sealed()}"
        )
