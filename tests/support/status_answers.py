"""What the hosts of a healthy stack of nine answer to `flashtier status`, and what a fault changes in it.

data/status-answers.json and -without-etcd.json were printed by a living stack on platform local (Patroni
4.1.5, etcd 3.5.16) that db3 leads; certificates are made here.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.contract import Contract
from infra.environment import Environment
from infra.paths import ROOT
from ops.status.facts import Status
from ops.status.merge import status
from tests.support.declared import contract_of, local_environment

Hosts = dict[str, Any]

RECORDED: Hosts = json.loads((ROOT / "tests/support/data/status-answers.json").read_text())
WITHOUT_ETCD: Hosts = json.loads((ROOT / "tests/support/data/status-answers-without-etcd.json").read_text())
CONTRACT: Contract = contract_of("test", Environment.parse(local_environment()))
#: When it was recorded.
NOW = datetime.fromtimestamp(RECORDED["db1"]["now"], UTC)
REFUSED = {"error": "Connection refused"}
#: What the controller's kernel says of a host that is down.
DOWN = {"error": "ssh: connect to host 10.89.0.101 port 22: No route to host"}
_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(name: str, ends: datetime) -> str:
    """A certificate of that common name that ends then."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_KEY.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=3650))
        .not_valid_after(ends)
        .sign(_KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


AUTHORITY = pem("flashtier test authority", NOW + timedelta(days=3649, hours=1))
HOST = pem("host", NOW + timedelta(days=365, hours=1))


def healthy() -> Hosts:
    """A fresh copy of what all nine answer; no probe finds anything wrong."""
    found = certified(RECORDED)
    for member in ("db1", "db2", "db3"):
        put(found, f"probes/{member}", probe_of(member))
        put(found, f"takeover/agents/{member}", {"host": member, "sealed": []})
    for host in ("control1", "control2", "control3"):
        put(found, f"takeover/agents/{host}", {"host": host, "sealed": []})
        put(found, f"takeover/units/{host}", {"host": host, "enabled": True, "hindered": []})
    return found


def etcd_is_silent() -> Hosts:
    """A fresh copy of what they answered 27 s after etcd was stopped on all control hosts."""
    return certified(WITHOUT_ETCD)


def certified(recorded: Hosts) -> Hosts:
    """A copy with certificates that end in a year."""
    found = copy.deepcopy(recorded)
    for answer in found.values():
        answer["certificates"] = {"ca.crt": AUTHORITY, "host.crt": HOST}
    return found


def probe_of(member: str, verdict: str = "fine", why: str = "", state: str = "fine") -> Any:
    """What a member's probe publishes; `state` is that of its data."""
    fine = {"state": "fine", "seconds": 0.002, "volume": "flash"}
    return {
        "host": member,
        "verdict": verdict,
        "why": why,
        "since": NOW.timestamp() - 7,
        "data": fine | {"state": state},
        "wal": fine,
        "connection": {"state": "fine", "seconds": 0.001},
    }


def put(hosts: Hosts, key: str, value: object, leased: bool = True) -> Hosts:
    """The same with a key in etcd; `key` begins below /flashtier/test/."""
    text = value if isinstance(value, str) else json.dumps(value)
    for name in ("db1", "db2", "db3"):
        hosts[name]["keys"][f"/flashtier/test/{key}"] = {"value": text, "leased": leased}
    return hosts


def judged(hosts: Hosts, contract: Contract = CONTRACT) -> Status:
    """The status of those answers."""
    return status(contract, hosts, NOW, 1.2)
