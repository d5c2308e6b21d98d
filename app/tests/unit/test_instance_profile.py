"""Credentials of an instance's role, from a stand-in for EC2's metadata service that takes version 2 only."""

from __future__ import annotations

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError
from pydantic import SecretStr

from photo_api.instance_profile import InstanceProfile
from photo_api.metrics import Metrics
from photo_api.settings import Credentials, Settings
from photo_api.storage import open_storage

pytestmark = pytest.mark.anyio

ROLE = "/latest/meta-data/iam/security-credentials/"
SESSION = "of-the-session"


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Metadata(ThreadingHTTPServer):
    """Answers as IMDSv2 does with `HttpTokens: required`; `available` and `version` say what it can do now."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.available, self.version, self.given, self.minutes = True, 2, 0, 360
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Answer(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        if not self.server.available:
            self.answer(503)
        elif self.server.version == 1 or "x-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
            self.answer(403)
        else:
            self.answer(200, SESSION)

    def do_GET(self) -> None:
        if not self.server.available:
            self.answer(503)
        elif self.server.version == 2 and self.headers.get("x-aws-ec2-metadata-token") != SESSION:
            self.answer(401)
        elif self.path == ROLE:
            self.answer(200, "flashtier-unit-web")
        elif self.path == ROLE + "flashtier-unit-web":
            self.server.given += 1
            until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=self.server.minutes)
            keys = {"AccessKeyId": f"ASIA{self.server.given}", "SecretAccessKey": "secret", "Token": "session"}
            self.answer(200, json.dumps({**keys, "Code": "Success", "Expiration": f"{until:%Y-%m-%dT%H:%M:%SZ}"}))
        else:
            self.answer(404)

    def answer(self, status: int, body: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def metadata():
    with Metadata() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


async def frozen(source: InstanceProfile):
    return await (await source.load_credentials()).get_frozen_credentials()


async def test_the_role_s_credentials_come_with_a_token(metadata):
    assert await frozen(InstanceProfile(metadata.url)) == ("ASIA1", "secret", "session", None)


async def test_version_1_is_not_asked(metadata):
    metadata.version = 1
    with pytest.raises(BotoCoreError, match="IMDSv1"):
        await frozen(InstanceProfile(metadata.url))
    assert metadata.given == 0


async def test_a_service_that_comes_late_is_asked_again(metadata):
    metadata.available = False
    credentials = await InstanceProfile(metadata.url).load_credentials()
    with pytest.raises(BotoCoreError):
        await credentials.get_frozen_credentials()
    metadata.available = True
    assert (await credentials.get_frozen_credentials()).access_key == "ASIA1"


async def test_credentials_are_kept_until_they_near_their_end(metadata):
    credentials = await InstanceProfile(metadata.url).load_credentials()
    for _ in range(3):
        assert (await credentials.get_frozen_credentials()).access_key == "ASIA1"
    metadata.minutes = 5  # of what comes next; what is held still has hours
    credentials._expiry_time = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    assert (await credentials.get_frozen_credentials()).access_key == "ASIA2"


@pytest.fixture
def settings(tmp_path):
    authority = tmp_path / "ca.crt"
    authority.write_text("x")
    values = {
        "s3_credentials": "instance-profile",
        "s3_addressing": "virtual",
        "pool_size": 1,
        "write_pool_size": 1,
        "max_upload_mib": 1,
    }
    return Settings(
        database_host="db1",
        database_ca_file=authority,
        s3_ca_file=authority,
        s3_endpoint="https://s3.eu-south-1.amazonaws.com",
        s3_region="eu-south-1",
        **values,
    )


async def test_a_client_starts_without_credentials_and_asks_no_other_source(settings, monkeypatch):
    """The environment's keys, which botocore's own chain would have taken first, are not used here."""
    made = []
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    monkeypatch.setattr("photo_api.storage.get_session", lambda: made.append(get_session()) or made[-1])
    async with open_storage(settings, Credentials(database_password=SecretStr("x")), Metrics()) as storage:
        assert (await made[0].get_credentials()).method == "instance-profile"
        url = storage._client.meta.endpoint_url
        assert url == "https://s3.eu-south-1.amazonaws.com"
