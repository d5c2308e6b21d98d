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

    def member(self, *, leads: bool) -> str:
        """A member of the database that leads, or the first that follows, by its server's own word."""
        asked = "runuser -u postgres -- psql -XAtqc 'SELECT pg_is_in_recovery()'"
        for name in self.contract.database.members:
            if self.run(name, asked, check=False) == ("f" if leads else "t"):
                return name
        raise AssertionError(f"no member of the database {'leads' if leads else 'follows'}")

    def chosen(self, word: str) -> str:
        """`leader` and `standby` by what they do now, any other word by the tier."""
        return self.member(leads=word == "leader") if word in ("leader", "standby") else self.first(word)

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

    def cut(self, host: str, *others: str) -> None:
        """Drop everything between a host and others, as a broken network does: no one gets an answer."""
        addresses = ", ".join(self.contract.host(other).address for other in others)
        rules = (
            "table inet flashtier_drill {",
            f"chain in {{ type filter hook input priority -300; ip saddr {{ {addresses} }} drop; }}",
            f"chain out {{ type filter hook output priority -300; ip daddr {{ {addresses} }} drop; }}",
            "}",
        )
        self.run(host, f"nft -f - <<'END'\n{chr(10).join(rules)}\nEND")

    def heal(self, host: str) -> None:
        """Undo `cut`; nothing where it is undone."""
        self.run(host, "nft destroy table inet flashtier_drill")

    def stop(self, host: str) -> None:
        """Cut its power: no process of it gets a signal."""
        self._lxc("stop", "--force", host)

    def start(self, host: str) -> None:
        """Power it on, unless it runs."""
        if not self.runs(host):
            self._lxc("start", host)

    def freeze(self, host: str) -> None:
        """Every process of it stands still, until `thaw`."""
        self._lxc("pause", host)

    def thaw(self, host: str) -> None:
        self._lxc("start", host)

    def runs(self, host: str) -> bool:
        """Whether its power is on."""
        return self._lxc("list", f"^{host}$", "--format=csv", "--columns=s").strip() == "RUNNING"

    def _lxc(self, verb: str, *arguments: str) -> str:
        done = subprocess.run(
            ["lxc", verb, "--project", self.project, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"lxc {verb} {' '.join(arguments)}: {done.stdout}"
        return done.stdout
