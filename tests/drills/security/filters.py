"""Opens one firewall chain at a time, and restores everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from infra.contract import Contract
from infra.local import guard
from tests.drills.security.places import everywhere

Chain = Literal["input", "output"]


class Filters:
    """The hosts' own firewalls and the machine's rules; `restored` is true if all is as before."""

    def __init__(self, contract: Contract, hosts: Mapping[str, Sequence[str]]) -> None:
        self._contract = contract
        self._hosts = hosts
        self._before = self._listed()

    def _listed(self) -> dict[str, str]:
        return everywhere(self._hosts, "nft", "--stateless", "list", "ruleset")

    @contextmanager
    def opened(self, chains: Mapping[str, Sequence[Chain]], *, machine: bool = False) -> Iterator[None]:
        """The named chains of the named hosts accept everything, and so does the machine with `machine`."""
        try:
            for chain in ("input", "output"):
                if some := {name: self._hosts[name] for name, opened in chains.items() if chain in opened}:
                    where = f"inet flashtier {chain}"
                    everywhere(some, "nft", f"flush chain {where}; add chain {where} {{ policy accept; }}")
            if machine:
                guard.unload(self._contract.stack)
            yield
        finally:
            if machine:
                guard.load(self._contract.stack, self._contract.controller)
            if some := {name: self._hosts[name] for name in chains}:
                everywhere(some, "nft", "--file", "/etc/nftables.conf")

    def restored(self) -> bool:
        return self._listed() == self._before and guard.is_loaded(
            self._contract.stack, self._contract.controller
        )
