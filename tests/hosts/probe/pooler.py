"""pgBouncer and the follower of a web host: what they say of themselves, and what etcd says of the leader."""

import base64
import json
import pathlib
import ssl
import urllib.request

from tests.hosts.probe.base import DEADLINE, read, run

SOCKET = pathlib.Path("/run/pgbouncer/.s.PGSQL.6432")
FOLLOWER = pathlib.Path("/etc/flashtier/follower.json")
STATE = pathlib.Path("/run/flashtier-follower/state.json")
ACCOUNT = "flashtier-follower"
#: The account and the socket's group: its unit gives it that one, and /etc/group does not.
AS_THE_FOLLOWER = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--groups=pgbouncer", "--")

#: As the only account that the console lets in beside pgBouncer's own.
CONSOLE = """
import json, sys, psycopg2, psycopg2.extras
place = dict(zip(("host", "port", "user"), sys.argv[1:]))
session = psycopg2.connect(dbname="pgbouncer", connect_timeout=5, **place)
session.autocommit = True
cursor = session.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
told = {}
for what in ("CONFIG", "DATABASES"):
    cursor.execute("SHOW " + what)
    told[what] = cursor.fetchall()
print(json.dumps(told, default=str))
"""


def pooler(question):
    """Settings by name and pools by name; None where pgBouncer has no socket."""
    if not SOCKET.is_socket():
        return None
    port = SOCKET.name.rpartition(".")[2]
    program = ("python3", "-c", CONSOLE, str(SOCKET.parent), port, ACCOUNT)
    told = json.loads(run(*AS_THE_FOLLOWER, *program))
    return {
        "settings": {row["key"]: row["value"] for row in told["CONFIG"]},
        "pools": {
            row["name"]: {key: row[key] for key in ("host", "port", "database", "pool_size", "paused")}
            for row in told["DATABASES"]
            if row["name"] != "pgbouncer"
        },
        "ini": [read(path) for path in ("/etc/pgbouncer/pgbouncer.ini", "/etc/pgbouncer/fixed.ini")],
    }


def follower(question):
    """What it says that it does, and the leader that etcd names to it; None where there is none."""
    if not FOLLOWER.is_file():
        return None
    settings = json.loads(FOLLOWER.read_text())
    state = json.loads(STATE.read_text())
    return {
        **{key: state[key] for key in ("state", "holds", "leader", "pgbouncer", "pools_lead_to")},
        "hold": settings["hold"],
        "max_lag_ms": [pool["max_lag_ms"] for pool in settings["pools"] if "max_lag_ms" in pool],
        "reads_from": state.get("reads_from"),
        "leader_in_etcd": leader(settings),
    }


def leader(settings):
    """The leader key's value, asked as the follower asks; "" where there is none."""
    tls = settings["tls"]
    context = ssl.create_default_context(cafile=tls["ca"])
    context.load_cert_chain(tls["certificate"], tls["key"])
    password = read("/etc/flashtier/follower/etcd_password").strip()
    login = {"name": settings["etcd_user"], "password": password}
    token = asked(settings, context, "auth/authenticate", login, {})["token"]
    key = base64.b64encode(f"/service/{settings['stack']}/leader".encode()).decode()
    found = asked(settings, context, "kv/range", {"key": key}, {"Authorization": token})
    return "".join(base64.b64decode(kv["value"]).decode() for kv in found.get("kvs", []))


def asked(settings, context, path, body, headers):
    url = f"{settings['etcd'][0]}/v3/{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - https, of the role
    # Past any proxy: the password goes to etcd alone.
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with urllib.request.build_opener(*handlers).open(request, timeout=DEADLINE) as answer:
        return json.loads(answer.read())
