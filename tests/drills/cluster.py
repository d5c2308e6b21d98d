"""The database cluster of a drill's stack: who leads, who follows, and what is in the tables."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from infra.contract import Contract
from tests.drills.counting import USER, Counting
from tests.drills.hosts import Inside

#: Prints the answer of an address to a host that shows its certificate. Hosts have no curl.
ASK = """python3 - <<'END'
import ssl, sys, urllib.request
tls = "/etc/flashtier/tls"
context = ssl.create_default_context(cafile=f"{{tls}}/ca.crt")
context.load_cert_chain(f"{{tls}}/host.crt", f"{{tls}}/host.key")
try:
    print(urllib.request.urlopen("{url}", timeout=5, context=context).read().decode())
except OSError:
    pass  # no answer, and so nothing printed
END"""
#: The kit's keys in etcd below a prefix, with the account that takes snapshots; the password is in no
#: argument.
KEYS = """cd /etc/flashtier/tls
export ETCDCTL_USER="snapshot:$(cat /etc/flashtier/etcd/snapshot_password)"
etcdctl --endpoints=https://{address}:{port} --cacert ca.crt --cert host.crt --key host.key \\
    --write-out=json get --prefix /flashtier/{stack}/{prefix}"""
#: What drills have written: the rows of their user.
SELECT, DELETE = (f"{verb} FROM photos WHERE user_id = {USER}" for verb in ("SELECT id", "DELETE"))

#: Seconds in which a cluster is whole again after a member was hit: rewind, replay and two turns of the loop.
WHOLE = 180


class Cluster:
    """Asked from inside the hosts, so that it works whoever leads."""

    def __init__(self, contract: Contract, inside: Inside) -> None:
        self.contract, self.inside = contract, inside
        self.members = contract.database.members

    def asked(self, of: str) -> dict[str, Any]:
        """What Patroni on a member says of the cluster; empty where it does not answer."""
        port, address = self.contract.ports["patroni"], self.contract.host(of).address
        if not self.inside.runs(of):
            return {}
        said = self.inside.run(of, ASK.format(url=f"https://{address}:{port}/cluster"))
        found: dict[str, Any] = json.loads(said or "{}")
        return found

    def states(self, of: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
        """Role and state of each member, as the first member of `of` that answers sees them."""
        for name in of or self.members:
            if found := self.asked(name):
                return {member["name"]: (member["role"], member["state"]) for member in found["members"]}
        return {}

    def leader(self, of: tuple[str, ...] = ()) -> str:
        """The member that leads; "" where none does."""
        leading = [name for name, (role, _) in self.states(of).items() if role == "leader"]
        return leading[0] if leading else ""

    def whole(self) -> bool:
        """Whether one member leads, and all others stream as members of the quorum."""
        states = list(self.states().values())
        return (
            len(states) == len(self.members)
            and states.count(("quorum_standby", "streaming")) == len(self.members) - 1
            and ("leader", "running") in states
        )

    def wait_whole(self, seconds: float) -> float:
        """Seconds until it is whole. Fails after `seconds`."""
        begun = time.monotonic()
        while not self.whole():
            assert time.monotonic() - begun < seconds, f"not whole after {seconds:.0f} s: {self.states()}"
            time.sleep(0.5)
        return time.monotonic() - begun

    def query(self, sql: str) -> str:
        """The answer of the member that leads."""
        leader = self.leader()
        assert leader, f"no member leads: {self.states()}"
        return self.inside.run(leader, f'runuser -u postgres -- psql -XAtq -d photos -c "{sql}"')

    def lost(self, acknowledged: list[int]) -> list[int]:
        """Acknowledged uploads that the leader does not have."""
        kept = set(map(int, self.query(SELECT).split()))
        return sorted(set(acknowledged) - kept)

    def lost_views(self, acknowledged: dict[int, int]) -> dict[int, tuple[int, int]]:
        """By photo, the views that were acknowledged and those that the leader has, where it has less."""
        lines = self.query("SELECT id, views FROM photos").splitlines()
        views = dict(map(int, line.split("|")) for line in lines if line)
        return {one: (acked, views[one]) for one, acked in acknowledged.items() if views[one] < acked}

    def keys(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The kit's keys in etcd that begin so, by the rest of their names."""
        stack, port = self.contract.stack, self.contract.ports["etcd_client"]
        host = next(
            host for host in self.contract.hosts if "etcd" in host.components and self.inside.runs(host.name)
        )
        script = KEYS.format(address=host.address, port=port, stack=stack, prefix=prefix)
        found = json.loads(self.inside.run(host.name, script))
        whole = f"/flashtier/{stack}/{prefix}"
        return {
            base64.b64decode(kv["key"]).decode().removeprefix(whole): json.loads(
                base64.b64decode(kv["value"])
            )
            for kv in found.get("kvs", [])
        }

    def hindered(self) -> list[str]:
        """Why a leader would keep its lead, as the units that take it say; or that one says nothing."""
        units = self.keys("takeover/units/")
        silent = [
            f"{host.name} says nothing"
            for host in self.contract.hosts
            if "release" in host.components and host.name not in units
        ]
        return silent + sorted({why for unit in units.values() for why in unit["hindered"]})

    def report(self, what: str, client: Counting, since: float, whole: float) -> str:
        """A drill's figures. Fails where an acknowledged upload is lost."""
        lost = self.lost(client.acknowledged)
        assert not lost, f"{what}: {len(lost)} acknowledged uploads are lost: {lost[:10]}"
        return (
            f"{what}: {len(client.acknowledged)} uploads acknowledged, 0 lost; {client.failed} failed, gap "
            f"{client.gap(since):.2f} s, whole again after {whole:.1f} s"
        )

    def tidy(self) -> None:
        """Remove the rows of drills, as the verification wants no other than its own."""
        self.query(DELETE)
