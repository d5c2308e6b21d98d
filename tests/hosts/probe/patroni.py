"""What the host's member of the database cluster says of itself, and what etcd holds of that cluster."""

import http.client
import json
import pathlib
import re
import ssl
import subprocess

from infra.reach.onhost.https import ask, below, plain
from tests.hosts.probe.base import DEADLINE, read, run

CONFIG, UNIT = "/etc/patroni/patroni.yml", "patroni.service"
CHECK = "/usr/local/lib/flashtier/check-member"
#: Of etcd: an account with the role root, on control hosts.
ETCD, ACCOUNT = "/etc/default/etcd", "/etc/flashtier/etcd/snapshot_password"


def member(question):
    """None where no member is configured."""
    if not pathlib.Path(CONFIG).is_file():
        return None
    where = (question["address"], question["patroni_port"])
    try:
        unsigned = ask(*where, "/patroni", certificate=False)[1]
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        unsigned = "refused"
    started = run("systemctl", "show", "--property=ExecStart", "--value", UNIT)
    program = re.search(r"\bpath=(\S+)", started)
    return {
        **{path: json.loads(ask(*where, f"/{path}")[1]) for path in ("patroni", "cluster", "config")},
        "no certificate": unsigned,
        "no password": ask(*where, "/reload", {})[0],
        "program": program[1] if program else "",
        "medium": medium(),
        "markers": {path: text(path) for path in question["markers"]},
    }


def medium():
    """What the check before each start of Patroni says; "" where it would let it start."""
    done = subprocess.run([CHECK], capture_output=True, text=True, timeout=DEADLINE, check=False)
    return "" if done.returncode == 0 else f"rc {done.returncode}: {done.stderr.strip()[-300:]}"


def text(path):
    return read(path) if pathlib.Path(path).is_file() else None


def cluster_keys(question):
    """Every key of the cluster in etcd, asked of the host's own member of it; None where it has none."""
    if not pathlib.Path(ETCD).is_file() or not pathlib.Path(ACCOUNT).is_file():
        return None
    where = (question["address"], question["etcd_port"])
    signed_in = json.loads(
        ask(*where, "/v3/auth/authenticate", {"name": "snapshot", "password": read(ACCOUNT)})[1]
    )
    found = {}
    own = f"/flashtier/{question['scope']}"
    for prefix in (f"/service/{question['scope']}/", f"{own}/members/", f"{own}/probes/", f"{own}/takeover/"):
        status, answer = ask(*where, "/v3/kv/range", below(prefix), token=signed_in["token"])
        if status != 200:
            raise RuntimeError(f"{prefix}: {status} {answer.strip()[:200]}")
        for pair in json.loads(answer).get("kvs", ()):
            found[plain(pair["key"])] = plain(pair.get("value", ""))
    return found
