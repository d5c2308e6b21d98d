"""The SSH host key from a console: what cloud-init prints, what others may write, and how long one waits."""

from __future__ import annotations

import base64
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.aws.console import reading, server
from infra.aws.console.output import ssh_host_key
from infra.errors import FlashtierError
from infra.plugin.marshalling import UNKNOWN

INSTANCE, REGION = "i-0123456789abcdef0", "eu-central-1"

LOGGED = "<14>Nov 28 01:02:03 ec2: "


def new_key() -> str:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def console(*keys: str, prefix: str = LOGGED, end: str = "\r\n", whole: bool = True) -> str:
    lines = [
        "[    0.000000] Linux version 6.12.43+deb13-cloud-arm64",
        f"{prefix}",
        f"{prefix}-----BEGIN SSH HOST KEY FINGERPRINTS-----",
        f"{prefix}256 SHA256:AAAA root@ip-10-64-1-5 (ED25519)",
        f"{prefix}-----END SSH HOST KEY FINGERPRINTS-----",
        f"{prefix}-----BEGIN SSH HOST KEY KEYS-----",
        *(f"{prefix}{key} root@ip-10-64-1-5" for key in keys),
    ]
    if whole:
        lines += [f"{prefix}-----END SSH HOST KEY KEYS-----", "ip-10-64-1-5 login: "]
    return end.join(lines)


@pytest.mark.parametrize("prefix", ["", "ec2: ", "<14>Nov 28 01:02:03 ec2: "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_key_is_found_with_every_form_of_line(prefix, end):
    key = new_key()
    assert ssh_host_key(console("ecdsa-sha2-nistp256 AAAAE2Vj", key, prefix=prefix, end=end), INSTANCE) == key


def test_a_block_that_is_still_being_printed_gives_none():
    assert ssh_host_key(console(new_key(), whole=False), INSTANCE) is None
    assert ssh_host_key("", INSTANCE) is None


def test_a_key_outside_the_block_is_none():
    assert ssh_host_key(f"{new_key()} me\n", INSTANCE) is None


def test_the_same_block_twice_is_one_key():
    text = console(new_key())
    assert ssh_host_key(text + text, INSTANCE) == ssh_host_key(text, INSTANCE)


def test_two_different_keys_are_refused():
    with pytest.raises(FlashtierError, match="2 different ssh-ed25519 host keys"):
        ssh_host_key(console(new_key()) + console(new_key()), INSTANCE)


@pytest.mark.parametrize(
    "blob",
    [
        b"short",
        struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 31) + b"x" * 31,
        struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + b"x" * 33,
        struct.pack(">I", 11) + b"ssh-ed25518" + struct.pack(">I", 32) + b"x" * 32,
    ],
)
def test_what_is_not_an_ed25519_key_is_refused(blob):
    with pytest.raises(FlashtierError, match="no whole one of type ssh-ed25519"):
        ssh_host_key(console(f"ssh-ed25519 {base64.b64encode(blob).decode()}"), INSTANCE)


class Ec2:
    """Answers one by one: a text, or an error's code. Counts what was asked."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def get_console_output(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"InstanceId": INSTANCE, "Output": answer}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetConsoleOutput")


class Clock:
    """Stands in for time and for the pause between two looks."""

    def __init__(self, cancel_at: float = 1e9) -> None:
        self.now, self.cancel_at = 0.0, cancel_at

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.cancel_at


def reader(ec2: Ec2, clock: Clock | None = None) -> tuple[reading.Reader, list[str], Clock]:
    said: list[str] = []
    clock = clock or Clock()
    event = threading.Event()
    event.wait = clock.wait  # type: ignore[assignment,method-assign]
    return reading.Reader(said.append, event, lambda region: ec2, clock), said, clock


def test_waits_until_the_key_is_printed_and_says_how_long():
    key = new_key()
    ec2 = Ec2(refusal("InvalidInstanceID.NotFound"), *[""] * 40, console(key))
    looks, said, clock = reader(ec2)
    assert looks.host_key(INSTANCE, REGION) == key
    assert ec2.asked[0] == {"InstanceId": INSTANCE, "Latest": True}
    assert clock.now == pytest.approx(100, abs=10)
    assert said == [f"{INSTANCE}: no SSH host key on its console yet, 60 s"]


def test_hosts_that_are_awaited_at_once_share_a_client_that_is_made_once():
    """boto3 makes clients for one thread at a time."""
    ec2, at_work, made = Ec2(console(new_key())), threading.Lock(), []

    def connect(region: str) -> Ec2:
        assert at_work.acquire(blocking=False), "two threads make a client"
        time.sleep(0.01)
        made.append(region)
        at_work.release()
        return ec2

    looks = reading.Reader(lambda line: None, threading.Event(), connect)
    with ThreadPoolExecutor(8) as hosts:
        answers = [hosts.submit(looks.host_key, INSTANCE, region) for region in [REGION, "eu-west-1"] * 8]
    assert len({answer.result() for answer in answers}) == 1
    assert sorted(made) == sorted([REGION, "eu-west-1"])


def test_a_type_without_latest_shows_its_first_boot():
    key = new_key()
    ec2 = Ec2(refusal("UnsupportedOperation"), console(key))
    looks, _, _ = reader(ec2)
    assert looks.host_key(INSTANCE, REGION) == key
    assert ec2.asked[1] == {"InstanceId": INSTANCE}


def test_the_wait_ends_at_its_deadline_with_what_to_do():
    looks, said, clock = reader(Ec2("booting"))
    with pytest.raises(FlashtierError, match=r"after 600 s; see .*--instance-id i-0123456789abcdef0"):
        looks.host_key(INSTANCE, REGION)
    assert clock.now == reading.DEADLINE_S
    assert len(said) == 9


def test_cancelling_ends_the_wait():
    looks, _, clock = reader(Ec2("booting"), Clock(cancel_at=10))
    with pytest.raises(FlashtierError, match="cancelled"):
        looks.host_key(INSTANCE, REGION)
    assert clock.now == 10


@pytest.mark.parametrize(
    "error", [refusal("UnauthorizedOperation"), EndpointConnectionError(endpoint_url="https://ec2")]
)
def test_a_refusal_ends_the_wait_at_once(error):
    looks, _, clock = reader(Ec2(error))
    with pytest.raises(FlashtierError, match="needs ec2:GetConsoleOutput"):
        looks.host_key(INSTANCE, REGION)
    assert clock.now == 0


def test_the_client_has_deadlines_and_takes_the_endpoint_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    client: Any = reading.client(REGION)
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (10, 20)


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({"instanceId": INSTANCE, "region": REGION}, []),
        ({"instanceId": UNKNOWN, "region": REGION}, []),
        ({"instanceId": "web1", "region": REGION}, ["instanceId"]),
        ({"instanceId": INSTANCE}, ["region"]),
        ({"instanceId": INSTANCE, "region": "eu", "key": "x"}, ["key", "region"]),
    ],
)
def test_inputs_are_checked(inputs, wrong):
    assert list(server.faults(inputs)) == wrong


def test_the_schema_names_every_input():
    assert set(server.schema()["resources"][server.TOKEN]["requiredInputs"]) == set(server.INPUTS)  # type: ignore[index]
