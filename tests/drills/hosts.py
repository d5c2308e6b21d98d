"""Commands inside the hosts of a stack, as root through LXD, which works whatever a drill has done to SSH."""

from __future__ import annotations

import subprocess

from infra.contract import Contract
from infra.local import names


class Inside:
    """The hosts of a contract, by tier."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.project = names.project(contract.stack)

    def first(self, tier: str) -> str:
        """The first host of a tier; for the database, the member on which the cluster is made."""
        return next(host.name for host in self.contract.hosts if host.tier == tier)

    def run(self, host: str, script: str, *, seconds: float = 120, check: bool = True) -> str:
        """The output of a shell script, including its errors. The script may have several lines."""
        done = subprocess.run(
            ["lxc", "exec", "--project", self.project, host, "--", "bash", "-euc", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{host}: `{script}` ended with {done.returncode}: {done.stdout}"
        )
        return done.stdout.strip()
