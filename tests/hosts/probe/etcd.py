"""What the host's own member of etcd says of itself, of its cluster and its accounts."""

import http.client
import json
import pathlib
import ssl
import time
import urllib.parse

from tests.hosts.probe.base import numbers, read, run

SETTINGS, TLS = "/etc/default/etcd", "/etc/flashtier/tls"
#: Of an account with the role root.
SECRET = "/etc/flashtier/etcd/snapshot_password"  # noqa: S105 - a path
MARKS = {"host": "/etc/flashtier/etcd/cluster", "volume": "/var/lib/etcd/cluster"}
START = "/run/flashtier-etcd-start"


class Member:
    """The member at `url`. `certificate`: whether the host's own is shown to it."""

    def __init__(self, url, certificate=True):
        self.place, self.token = urllib.parse.urlsplit(url), ""
        self.context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
        if certificate:
            self.context.load_cert_chain(f"{TLS}/host.crt", f"{TLS}/host.key")

    def ask(self, path, body=None):
        """Status and text of the answer."""
        asked = http.client.HTTPSConnection(
            self.place.hostname, self.place.port, timeout=10, context=self.context
        )
        try:
            headers = {"Authorization": self.token} if self.token else {}
            text = None if body is None else json.dumps(body)
            asked.request("GET" if body is None else "POST", path, body=text, headers=headers)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()
        finally:
            asked.close()

    def request(self, path, body=None):
        status, text = self.ask(path, {} if body is None else body)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {text.strip()[:200]}")
        return json.loads(text)


def etcd(question):
    """None where no member is configured."""
    if not pathlib.Path(SETTINGS).is_file() or not pathlib.Path(SECRET).is_file():
        return None
    process = run("systemctl", "show", "--property=MainPID", "--value", "etcd.service").strip()
    pairs = read(f"/proc/{process}/environ").split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if pair.startswith(("ETCD_", "GOMAXPROCS=")))
    url = environment["ETCD_LISTEN_CLIENT_URLS"]
    member = Member(url)
    status = member.request("/v3/maintenance/status")
    health = json.loads(member.ask("/health")[1])
    refused = member.ask("/v3/auth/authenticate", {"name": "root", "password": "not-the-password"})
    unsigned = member.ask("/v3/kv/range", {"key": "AA=="})
    signed_in = {"name": "snapshot", "password": read(SECRET)}
    member.token = member.request("/v3/auth/authenticate", signed_in)["token"]
    users = member.request("/v3/auth/user/list").get("users", [])
    roles = member.request("/v3/auth/role/list").get("roles", [])
    return {
        "environment": environment,
        "health": health["health"],
        "status": status,
        "members": member.request("/v3/cluster/member/list", {"linearizable": True})["members"],
        "auth": member.request("/v3/auth/status").get("enabled", False),
        "users": {
            name: member.request("/v3/auth/user/get", {"name": name}).get("roles", []) for name in users
        },
        "roles": {
            name: member.request("/v3/auth/role/get", {"role": name}).get("perm", []) for name in roles
        },
        "wrong password": refused[0],
        "no account": unsigned[0],
        "no certificate": without_certificate(url),
        "metrics": metrics(member),
        "marks": {name: text(path) for name, path in MARKS.items()},
        "start file": pathlib.Path(START).exists(),
        "data": numbers(pathlib.Path(environment["ETCD_DATA_DIR"], "member").stat().st_dev),
        "snapshots": snapshots(question),
        "age": age(MARKS["host"]),
    }


def without_certificate(url):
    """ "refused", or what the member answers to a client that shows no certificate."""
    try:
        return Member(url, certificate=False).ask("/health")[1]
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return "refused"


def metrics(member):
    """Figures without labels, by name."""
    lines = (line for line in member.ask("/metrics")[1].splitlines() if line.startswith("etcd_server_"))
    return {
        name: float(value) for name, _, value in (line.partition(" ") for line in lines) if "{" not in name
    }


def age(path):
    """Seconds since the file was written; 0 where there is none."""
    found = pathlib.Path(path)
    return time.time() - found.stat().st_mtime if found.exists() else 0.0


def text(path):
    return read(path).strip() if pathlib.Path(path).is_file() else None


def snapshots(question):
    """Of each file its bytes, its age in seconds and its rights."""
    found = {}
    for path in pathlib.Path("/var/lib/etcd-snapshots").iterdir():
        stat = path.stat()
        found[path.name] = [stat.st_size, time.time() - stat.st_mtime, f"{stat.st_mode & 0o7777:04o}"]
    return found
