"""A PostgreSQL cluster and an S3 gateway of the tests' own, both with TLS, on loopback, gone afterwards.

PostgreSQL is Debian's (initdb under /usr/lib/postgresql), the gateway is versitygw from $FLASHTIER_CACHE/bin or PATH.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
import trustme

from photo_api.application import application
from photo_api.database import tls
from photo_api.migrate import migrate
from photo_api.settings import Credentials, DatabaseSettings, Settings
from tests.integration.standby import Standby

PASSWORDS = {role: secrets.token_hex(8) for role in ("postgres", "photos_owner", "photos_app")}
ACCESS_KEY, SECRET_KEY = "photos-access", secrets.token_hex(16)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition, what: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Authority:
    ca_file: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Reachable by the account that PostgreSQL runs as, which pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="photo-api-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def authority(folder) -> Authority:
    made = trustme.CA()
    server = made.issue_cert("localhost")
    files = Authority(folder / "ca.crt", folder / "host.crt", folder / "host.key")
    made.cert_pem.write_to_path(files.ca_file)
    server.cert_chain_pems[0].write_to_path(files.certificate)
    server.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    return files


class Cluster:
    """A cluster that can be stopped and started."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.bin = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda p: int(p.parent.name))
        if self.bin is None:
            pytest.skip("no PostgreSQL server on this machine; apt-get install postgresql")
        self.data = folder / "cluster"
        self.port = free_port()
        self.authority = authority
        self.account = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        password = folder / "password"
        password.write_text(PASSWORDS["postgres"])
        for path in (folder / "cluster", password, authority.key):
            path.mkdir(mode=0o700, exist_ok=True) if path == self.data else None
            if os.geteuid() == 0:
                shutil.chown(path, self.account, self.account)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password}", "-N")
        with (self.data / "postgresql.conf").open("a") as out:
            out.write(
                f"listen_addresses='127.0.0.1'\nport={self.port}\nunix_socket_directories=''\nssl=on\n"
                f"ssl_cert_file='{authority.certificate}'\nssl_key_file='{authority.key}'\nfsync=off\n"
                "max_connections=60\nlogging_collector=off\n"
            )
        (self.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self.bin / program, *map(str, arguments)],
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
            user=self.account if os.geteuid() == 0 else None,
            cwd="/",
        )

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-l", self.data / "log", "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def settings(self) -> DatabaseSettings:
        return DatabaseSettings(
            database_host="localhost", database_port=self.port, database_ca_file=self.authority.ca_file
        )

    async def connect(self, role: str, database: str = "photos") -> asyncpg.Connection:
        return await asyncpg.connect(
            host="localhost",
            port=self.port,
            user=role,
            password=PASSWORDS[role],
            database=database,
            ssl=tls(self.settings()),
            timeout=5,
        )


@pytest.fixture(scope="session")
def cluster(folder, authority) -> Iterator[Cluster]:
    cluster = Cluster(folder, authority)
    yield cluster
    cluster.stop()


async def create_database(cluster: Cluster) -> None:
    """As Ansible makes it: owned by the owner, who alone may create. All rights of the app are the migrations'."""
    connection = await cluster.connect("postgres", "postgres")
    await connection.execute("DROP DATABASE IF EXISTS photos WITH (FORCE)")
    for role in ("photos_owner", "photos_app"):
        await connection.execute(f"DROP ROLE IF EXISTS {role}")
        await connection.execute(f"CREATE ROLE {role} LOGIN NOINHERIT PASSWORD '{PASSWORDS[role]}'")
    await connection.execute("ALTER ROLE photos_app SET lock_timeout = '2s'")
    await connection.execute("ALTER ROLE photos_app SET statement_timeout = '5s'")
    await connection.execute("CREATE DATABASE photos OWNER photos_owner")
    await connection.close()
    connection = await cluster.connect("postgres")
    await connection.execute("GRANT CREATE ON SCHEMA public TO photos_owner")
    await connection.close()


@pytest.fixture
def database(cluster) -> Cluster:
    """The cluster with an empty database."""
    asyncio.run(create_database(cluster))
    return cluster


@pytest.fixture
def migrated(database) -> Cluster:
    asyncio.run(migrate(database.settings(), PASSWORDS["photos_owner"], lambda _: None))
    return database


@pytest.fixture
def standby(database) -> Iterator[Standby]:
    standby = Standby(database)
    yield standby
    asyncio.run(standby.find())


@dataclass(frozen=True)
class Gateway:
    endpoint: str
    bucket: Path


@pytest.fixture(scope="session")
def gateway(folder, authority) -> Iterator[Gateway]:
    cache = Path(os.environ.get("FLASHTIER_CACHE", "/var/cache/flashtier")) / "bin" / "versitygw"
    program = str(cache) if cache.exists() else shutil.which("versitygw")
    if program is None:
        pytest.skip("no versitygw in $FLASHTIER_CACHE/bin or on PATH; `make setup` builds it")
    root, port = folder / "s3", free_port()
    (root / "data" / "photos").mkdir(parents=True)
    (root / "meta").mkdir()
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, "--port", f"127.0.0.1:{port}", "--cert", authority.certificate, "--key", authority.key),
                # Metadata next to the data: a temporary folder need not be on a file system with extended attributes.
                *("--keep-alive", "posix", "--sidecar", root / "meta", root / "data"),
            ],
            env={"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY, "PATH": os.environ["PATH"]},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is None and listens(port), f"versitygw: {(root / 'log').read_text()}")
        yield Gateway(f"https://localhost:{port}", root / "data" / "photos")
    finally:
        process.terminate()
        process.wait(10)


def make_settings(cluster: Cluster, endpoint: str, **changes) -> Settings:
    values = {
        "database_host": "localhost",
        "database_port": cluster.port,
        "database_ca_file": cluster.authority.ca_file,
        "s3_ca_file": cluster.authority.ca_file,
        "s3_endpoint": endpoint,
        "pool_size": 5,
        "write_pool_size": 3,
        "max_upload_mib": 1,
        "exif_location": "keep",
        **changes,
    }
    return Settings(**values)


def credentials(**changes: str) -> Credentials:
    values = {
        "database_password": PASSWORDS["photos_app"],
        "s3_access_key": ACCESS_KEY,
        "s3_secret_key": SECRET_KEY,
        **changes,
    }
    return Credentials(**values)


@pytest.fixture
def settings(migrated, gateway) -> Settings:
    return make_settings(migrated, gateway.endpoint)


@asynccontextmanager
async def client_of(settings, secrets=None):
    """A client of the application as one process runs it, without a socket between."""
    async with application(settings, secrets or credentials()) as app:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client


@pytest.fixture
async def client(settings):
    async with client_of(settings) as client:
        yield client
