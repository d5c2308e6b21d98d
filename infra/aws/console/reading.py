"""Reads an instance's console through the EC2 API until the SSH host key is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.console.output import ssh_host_key
from infra.errors import FlashtierError

#: A first boot takes a minute or two; types that know no `Latest` show their console minutes later.
DEADLINE_S = 600.0
#: Between two looks, and between two lines that say how long it has taken.
PAUSE_S, PROGRESS_S = 5.0, 60.0

#: Of one client: each host that is awaited asks in its own thread.
CONNECTIONS = 50
#: The instance was just made, and not every part of EC2 knows it yet.
_NOT_YET = frozenset({"InvalidInstanceID.NotFound"})
#: What types that are not of the Nitro System answer to `Latest`.
_NO_LATEST = frozenset({"UnsupportedOperation"})


class Ec2(Protocol):
    """What is used of boto3's EC2 client."""

    def get_console_output(self, **parameters: object) -> dict[str, Any]: ...


def client(region: str) -> Ec2:
    """A client with deadlines. Credentials and AWS_ENDPOINT_URL are the environment's, as for pulumi-aws."""
    # Half of what the plugin takes to start, and a preview reads no console.
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=10,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=CONNECTIONS,
    )
    found: Ec2 = boto3.client("ec2", region_name=region, config=config)
    return found


class Reader:
    """Waits for the host key of an instance. The clock and the pause are arguments for the tests."""

    def __init__(
        self,
        say: Callable[[str], None],
        cancelled: threading.Event,
        connect: Callable[[str], Ec2] = client,
        clock: Callable[[], float] = time.monotonic,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._say = say
        self._cancelled = cancelled
        self._connect = connect
        self._clock = clock
        self._deadline_s = deadline_s
        self._clients: dict[str, Ec2] = {}
        self._lock = threading.Lock()

    def host_key(self, instance: str, region: str) -> str:
        """The instance's key. Raises `FlashtierError` after the deadline, when refused and when cancelled."""
        ec2 = self._client(region)
        start = said = self._clock()
        while True:
            if key := self._look(ec2, instance):
                return key
            now = self._clock()
            if now - start >= self._deadline_s:
                raise FlashtierError(_late(instance, region, self._deadline_s))
            if now - said >= PROGRESS_S:
                said = now
                self._say(f"{instance}: no SSH host key on its console yet, {now - start:.0f} s")
            if self._cancelled.wait(PAUSE_S):
                raise FlashtierError(f"instance {instance}: cancelled while its SSH host key was awaited")

    def _client(self, region: str) -> Ec2:
        """One client for all hosts of a region: clients serve many threads, but boto3 makes them in one."""
        with self._lock:
            if region not in self._clients:
                self._clients[region] = self._connect(region)
            return self._clients[region]

    def _look(self, ec2: Ec2, instance: str) -> str | None:
        """The key in what the console shows now, else in what it showed after the first boot."""
        for more in ({"Latest": True}, {}):
            try:
                answer = ec2.get_console_output(InstanceId=instance, **more)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code in _NOT_YET:
                    return None
                if code in _NO_LATEST and more:
                    continue
                raise FlashtierError(_refused(instance, error)) from error
            except BotoCoreError as error:
                raise FlashtierError(_refused(instance, error)) from error
            # boto3 decodes the console from base64 itself.
            if key := ssh_host_key(answer.get("Output") or "", instance):
                return key
        return None


def _refused(instance: str, error: Exception) -> str:
    return (
        f"instance {instance}: its console cannot be read: {error}; the account that runs Pulumi needs "
        "ec2:GetConsoleOutput and a way to the EC2 API"
    )


def _late(instance: str, region: str, deadline_s: float) -> str:
    look = f"aws ec2 get-console-output --latest --output text --region {region} --instance-id {instance}"
    return (
        f"instance {instance}: no SSH host key on its console after {deadline_s:.0f} s; see `{look}`: "
        "it did not boot, or the console has forgotten its first boot: then replace the instance"
    )
