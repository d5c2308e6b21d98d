"""Checks by servers that are started as their units start them; they serve only this program."""

import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time

from tests.daemons.inside.base import CLEAN, must, run, stop
from tests.daemons.inside.commands import settings_of

#: Seconds until a server serves.
SERVES = 30
CA = "/etc/flashtier/tls/ca.crt"
LOG = pathlib.Path("/run/server.log")


def node_exporter(path):
    return serves("/usr/bin/prometheus-node-exporter", "/etc/default/prometheus-node-exporter", "/")


def prometheus(path):
    return serves("/usr/bin/prometheus", "/etc/default/prometheus", "/-/ready")


def serves(program, options, target):
    """The program, started with the ARGS of its unit, answers over TLS with the host's certificate."""
    arguments = settings_of(options)["ARGS"].split()
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    address, _, port = given.get("--web.listen-address", "127.0.0.1:1").rpartition(":")
    account = ["setpriv", "--reuid=prometheus", "--regid=prometheus", "--groups=ssl-cert", "--"]
    with LOG.open("w") as out:
        server = subprocess.Popen(
            [*account, program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=CLEAN,
            cwd="/",
        )
    answer, end = "", time.monotonic() + SERVES
    while not answer.startswith(("HTTP/1.0 200", "HTTP/1.1 200")):
        if server.poll() is not None or time.monotonic() > end:
            stop(server)
            last = [line for line in LOG.read_text().splitlines() if "level=info" not in line.lower()]
            return "\n".join(last[-6:]) or f"answers {answer!r}, no output"
        time.sleep(0.05)
        answer = asked(address, int(port), target)
    stop(server)
    return ""


#: What a member without data ends with, whose settings are right: no play has told it of a cluster.
ALONE = "cannot fetch cluster info from peer urls"


def etcd(path):
    """etcd takes all of its settings, reads the host's key, listens, and does not start without data."""
    data = pathlib.Path("/run/etcd")
    data.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(data, "etcd", "etcd")
    account = ["setpriv", "--reuid=etcd", "--regid=etcd", "--groups=ssl-cert", "--"]
    given = settings_of("/etc/default/etcd") | {"ETCD_DATA_DIR": str(data), "ETCD_LOG_LEVEL": "warn"}
    said = run(*account, "/usr/bin/etcd", env=CLEAN | given).stdout
    unknown = [line for line in said.splitlines() if "unrecognized environment variable" in line]
    if unknown or ALONE not in said:
        return "\n".join(unknown or said.splitlines()[-3:]) or "no output"
    return ""


#: Made by the follower, and not of a contract: a member that is not asked, as no client connects.
POOLS = "[databases]\nphotos = host=127.0.0.1 port=5432 dbname=photos\n"


def pgbouncer(path):
    """pgBouncer starts, and says nothing against its files: it serves without a line that it cannot read."""
    pools = pathlib.Path("/var/lib/flashtier-follower/databases.ini")
    pools.parent.mkdir(exist_ok=True)
    pools.write_text(POOLS)
    folder = pathlib.Path("/run/pgbouncer")
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, "pgbouncer", "pgbouncer")
    account = ["setpriv", "--reuid=pgbouncer", "--regid=pgbouncer", "--clear-groups", "--"]
    with LOG.open("w") as out:
        server = subprocess.Popen(
            [*account, "/usr/sbin/pgbouncer", "/etc/pgbouncer/pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=CLEAN,
        )
    end = time.monotonic() + SERVES
    while "process up" not in LOG.read_text() and server.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    serves = "process up" in LOG.read_text()
    stop(server)
    lines = LOG.read_text().splitlines()
    wrong = [line for line in lines if re.search(r" (WARNING|ERROR|FATAL) ", line)]
    return "\n".join(wrong) or ("" if serves else "\n".join(lines[-3:]) or "no output")


def asked(address, port, target):
    """The first bytes of an answer over TLS, or why there is none."""
    # The certificate belongs to the host that this runs on, and so to another name.
    context = ssl.create_default_context(cafile=CA)
    context.check_hostname = False
    try:
        with (
            socket.create_connection((address, port), timeout=5) as plain,
            context.wrap_socket(plain) as connection,
        ):
            connection.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
            return connection.recv(64).decode(errors="replace")
    except OSError as error:
        return str(error)


#: Settings that override PostgreSQL's file: the memory of another machine, and a log that this program reads.
INSTEAD = {
    "shared_buffers": "16MB",
    "huge_pages": "off",
    "logging_collector": "off",
    "log_line_prefix": "",
}
#: Log lines of a server that do not concern its files.
USUAL = ("LOG:  starting PostgreSQL", "LOG:  listening on", "LOG:  database system")
FAULTS = """
SELECT concat_ws(':', sourcefile, sourceline, name, error) FROM pg_file_settings
 WHERE error IS NOT NULL AND name NOT IN ({instead})
UNION ALL SELECT concat_ws(':', file_name, line_number, error) FROM pg_hba_file_rules
 WHERE error IS NOT NULL
UNION ALL SELECT concat_ws(':', file_name, line_number, error) FROM pg_ident_file_mappings
 WHERE error IS NOT NULL
"""


#: As Patroni gives them to the server.
FILES = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}


def postgresql(path):
    """A server of its own, on a cluster made here, reports how it parsed its files."""
    programs, data = pathlib.Path("/usr/lib/postgresql/17/bin"), "/pg/data/17"
    files = {name: f"/etc/flashtier/postgresql/{file}" for name, file in FILES.items()}
    start = [str(programs / "postgres"), "-D", data, *(f"--{name}={path}" for name, path in files.items())]
    account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    if not pathlib.Path(data, "PG_VERSION").exists():
        pathlib.Path("/run/postgresql").mkdir()
        shutil.chown("/run/postgresql", "postgres", "postgres")
        options = ["--auth=peer", "--no-sync", "--no-instructions", "--locale=C.UTF-8"]
        must(*account, str(programs / "initdb"), f"--pgdata={data}", *options)
    with LOG.open("w") as out:
        changed = (f"--{name}={value}" for name, value in INSTEAD.items())
        server = subprocess.Popen(
            [*account, *start, *changed], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=CLEAN
        )
    psql = [
        str(programs / "psql"),
        "-XqAt",
        "host=/run/postgresql dbname=postgres user=postgres connect_timeout=5",
    ]
    instead = ", ".join(f"'{name}'" for name in INSTEAD)
    end = time.monotonic() + SERVES
    while True:
        done = run(*account, *psql, "-c", FAULTS.format(instead=instead))
        if done.returncode == 0:
            stop(server)
            warned = [line for line in LOG.read_text().splitlines() if line.startswith("WARNING")]
            return "\n".join([*warned, done.stdout]).strip()
        if server.poll() is not None or time.monotonic() > end:
            stop(server)
            said = LOG.read_text().replace("\nCONTEXT:", "; CONTEXT:").splitlines()
            return "\n".join(line for line in said if not line.startswith(USUAL)) or done.stdout.strip()
        time.sleep(0.1)


#: Patroni connects to etcd as a part of the check, and here there is none.
NO_ETCD = re.compile(r"etcd3\.hosts\.\d+ \S+ didn't pass validation: \S+ is not reachable")


def patroni(path):
    """Patroni's own check of its file, by the release that the host has. Nothing is started."""
    programs = sorted(pathlib.Path("/opt/patroni/releases").glob("*/bin/patroni"))
    if not programs:
        return "not checked: no release of Patroni is on the host"
    account = ["setpriv", "--reuid=postgres", "--regid=postgres", "--groups=ssl-cert", "--"]
    done = run(*account, str(programs[-1]), "--validate-config", path)
    said = done.stdout.strip().splitlines()
    silent = [line for line in said if NO_ETCD.fullmatch(line)]
    if not silent:
        return "\n".join(said) or f"ended with {done.returncode} before it asked etcd"
    return "\n".join(line for line in said if line not in silent)
