"""A restart of the process, as systemd does it, refuses and drops no request."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from tests.integration.conftest import ACCESS_KEY, PASSWORDS, SECRET_KEY, wait_until

RESTARTS = 4
#: Seconds for a start or an end of the process, which take as long as the machine is busy.
PATIENCE = 120


class Supervisor:
    """What photo-api.socket and photo-api.service are to the process: the socket outlives it."""

    def __init__(self, path, environment) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(512)
        self.environment = environment
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(f"{path}.notify")
        self.ready.settimeout(PATIENCE)
        self.environment["NOTIFY_SOCKET"] = f"{path}.notify"

    def start(self) -> None:
        fd = self.socket.fileno()
        # The child puts the socket at descriptor 3 and its own id into LISTEN_PID, as systemd does.
        code = (
            f"import os; os.dup2({fd}, 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
            "from photo_api.cli import main; main()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve"], env=self.environment, pass_fds=(fd,), stderr=subprocess.DEVNULL
        )
        assert self.ready.recv(100) == b"READY=1"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        assert self.ready.recv(100) == b"STOPPING=1"
        return self.process.wait(PATIENCE)


@pytest.fixture
def supervisor(migrated, gateway, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "database_password").write_text(PASSWORDS["photos_app"])
    (credentials / "s3_access_key").write_text(ACCESS_KEY)
    (credentials / "s3_secret_key").write_text(SECRET_KEY)
    authority = str(migrated.authority.ca_file)
    supervisor = Supervisor(
        tmp_path / "socket",
        {
            "PATH": os.environ["PATH"],
            "CREDENTIALS_DIRECTORY": str(credentials),
            "PHOTO_API_DATABASE_HOST": "localhost",
            "PHOTO_API_DATABASE_PORT": str(migrated.port),
            "PHOTO_API_DATABASE_CA_FILE": authority,
            "PHOTO_API_S3_CA_FILE": authority,
            "PHOTO_API_S3_ENDPOINT": gateway.endpoint,
            "PHOTO_API_POOL_SIZE": "3",
            "PHOTO_API_WRITE_POOL_SIZE": "2",
            "PHOTO_API_MAX_UPLOAD_MIB": "1",
        },
    )
    supervisor.start()
    yield supervisor
    if supervisor.process.poll() is None:
        supervisor.process.kill()
        supervisor.process.wait(10)
    supervisor.socket.close()
    supervisor.ready.close()


def connections(migrated) -> int:
    async def count() -> int:
        observer = await migrated.connect("postgres")
        number = await observer.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = 'photos_app'")
        await observer.close()
        return int(number)

    return asyncio.run(count())


class Kept(http.client.HTTPConnection):
    """As nginx keeps one: used again unless the answer says that it was the last."""

    def __init__(self, path: str) -> None:
        super().__init__("app", timeout=PATIENCE)
        self.path = path
        self.opened = 0

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)
        self.opened += 1

    def ask(self, path: str) -> http.client.HTTPResponse:
        self.request("GET", path)
        answer = self.getresponse()
        answer.read()
        return answer


def test_no_request_on_a_kept_connection_fails_while_the_process_is_replaced(supervisor):
    """Busy ones and ones that are idle for a while. A request that finds its connection closed is lost."""
    stop, failures = threading.Event(), []
    clients = [Kept(supervisor.socket.getsockname()) for _ in range(6)]
    answered, reopened = [0] * len(clients), 0

    def ask(number: int, client: Kept) -> None:
        draw = random.Random(number)  # noqa: S311
        while not stop.is_set():
            try:
                assert client.ask("/users/1/timeline").status == 200
                answered[number] += 1
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                client.close()
            stop.wait(draw.uniform(0, 0.15) * (number % 3))

    threads = [threading.Thread(target=ask, args=one) for one in enumerate(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(RESTARTS // 2):
            before, opened = sum(answered), sum(client.opened for client in clients)
            wait_until(lambda before=before: sum(answered) > before + 60, "requests between restarts", PATIENCE)
            # Between restarts only: a process that ends answers each connection once, for as long as it takes to end.
            reopened += sum(client.opened for client in clients) - opened
            assert supervisor.stop() == 0
            supervisor.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failures == []
    assert 3 * reopened < 60 * (RESTARTS // 2), "connections were not kept"
    for client in clients:
        client.close()


def test_an_idle_connection_is_closed_by_the_client_alone(supervisor):
    """A request that is on its way when the process is told to stop finds it open, and is told to come back anew."""
    path = supervisor.socket.getsockname()
    busy, idle = Kept(path), Kept(path)
    for client in (busy, idle):
        assert client.ask("/healthz").getheader("connection") is None
    supervisor.process.send_signal(signal.SIGTERM)
    assert supervisor.ready.recv(100) == b"STOPPING=1"
    other = Kept(path)
    for client in (busy, other):
        answer = client.ask("/healthz")
        assert (answer.status, answer.getheader("connection")) == (200, "close")
    assert select.select([idle.sock], [], [], 1) == ([], [], []), "closed by the application"
    assert supervisor.process.poll() is None
    idle.close()
    assert supervisor.process.wait(PATIENCE) == 0


def test_an_answer_under_way_when_the_process_is_told_to_stop_is_the_last_of_its_connection(supervisor, migrated):
    async def held() -> None:
        """A timeline that is asked for while its table is locked, until the process has been told to stop."""
        connection, observer = await migrated.connect("postgres"), await migrated.connect("postgres")
        await connection.execute("ALTER ROLE photos_app SET lock_timeout = 0")
        async with connection.transaction():
            await connection.execute("LOCK TABLE photos")
            thread.start()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'photos_app' AND wait_event_type = 'Lock'"
            async with asyncio.timeout(PATIENCE):
                while not await observer.fetchval(waits):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            supervisor.process.send_signal(signal.SIGTERM)
            assert supervisor.ready.recv(100) == b"STOPPING=1"
        await connection.close()
        await observer.close()

    client, answers = Kept(supervisor.socket.getsockname()), []
    thread = threading.Thread(target=lambda: answers.append(client.ask("/users/1/timeline")))
    asyncio.run(held())
    thread.join(PATIENCE)
    assert answers[0].getheader("connection") == "close"
    assert supervisor.process.wait(PATIENCE) == 0


def test_no_request_fails_while_the_process_is_replaced(supervisor, migrated):
    """A connection a request. Every one is answered, by the old process or by the new."""
    stop, failures, answered = threading.Event(), [], [0, 0, 0]
    path = supervisor.socket.getsockname()

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                with httpx.Client(transport=httpx.HTTPTransport(uds=path), timeout=PATIENCE) as client:
                    answer = client.get("http://app/users/1/timeline")
                    answer.raise_for_status()
                    answered[number] += 1
            except httpx.HTTPError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answered))]
    for thread in threads:
        thread.start()
    try:
        for _ in range(RESTARTS):
            before = sum(answered)
            wait_until(lambda before=before: sum(answered) > before + 20, "requests between restarts", PATIENCE)
            assert supervisor.stop() == 0
            supervisor.start()
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert failures == []
    assert supervisor.stop() == 0
    wait_until(lambda: connections(migrated) == 0, "the pool's connections to close", 5)


def test_a_client_that_connected_but_has_not_asked_yet_gets_its_answer(supervisor):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(supervisor.socket.getsockname())
        time.sleep(0.2)
        supervisor.process.send_signal(signal.SIGTERM)
        assert supervisor.ready.recv(100) == b"STOPPING=1"
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
        answer = client.recv(100)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert supervisor.process.wait(PATIENCE) == 0


def test_refuses_to_run_without_a_socket(supervisor):
    done = subprocess.run(
        [sys.executable, "-c", "from photo_api.cli import main; main()", "serve"],
        env=supervisor.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "systemd must pass one socket" in done.stderr
