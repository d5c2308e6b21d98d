"""A restart of the process, as systemd does it, refuses and drops no request."""

from __future__ import annotations

import os
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


class Supervisor:
    """What photo-api.socket and photo-api.service are to the process: the socket outlives it."""

    def __init__(self, path, environment) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(512)
        self.environment = environment
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(f"{path}.notify")
        self.ready.settimeout(20)
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
        return self.process.wait(30)


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
    import asyncio

    async def count() -> int:
        observer = await migrated.connect("postgres")
        number = await observer.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = 'photos_app'")
        await observer.close()
        return int(number)

    return asyncio.run(count())


def test_no_request_fails_while_the_process_is_replaced(supervisor, migrated):
    """As nginx does: a connection a request. Every one is answered, by the old process or by the new."""
    stop, failures, answered = threading.Event(), [], [0, 0, 0]
    path = supervisor.socket.getsockname()

    def ask(number: int) -> None:
        while not stop.is_set():
            try:
                with httpx.Client(transport=httpx.HTTPTransport(uds=path), timeout=20) as client:
                    answer = client.get("http://app/users/1/timeline")
                    answer.raise_for_status()
                    answered[number] += 1
            except httpx.HTTPError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answered))]
    for thread in threads:
        thread.start()
    for _ in range(RESTARTS):
        before = sum(answered)
        wait_until(lambda before=before: sum(answered) > before + 20, "requests between restarts")
        assert supervisor.stop() == 0
        supervisor.start()
    stop.set()
    for thread in threads:
        thread.join(30)
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
    assert supervisor.process.wait(30) == 0


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
