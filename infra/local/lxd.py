"""LXD over its unix socket by pylxd, with a deadline on every wait and the kit's mark on every object."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pylxd  # type: ignore[import-untyped]
import requests
from pylxd.client import _APINode  # type: ignore[import-untyped]
from pylxd.exceptions import (  # type: ignore[import-untyped]
    ClientConnectionFailed,
    LXDAPIException,
    NotFound,
)

from infra.errors import FlashtierError
from infra.local.names import MARK

#: Seconds for one answer of the API. Waits for operations have deadlines of their own.
ANSWER = 60.0
#: Seconds of one slice of a wait, after which `cancelled` is checked.
SLICE = 2


class Cancelled(FlashtierError):
    """The user or the engine asked to stop."""


class Lxd:
    """One LXD daemon seen from one of its projects. Safe to use from several threads."""

    def __init__(self, project: str = "default", cancelled: Callable[[], bool] = lambda: False) -> None:
        self.project = project
        self._cancelled = cancelled
        self._threads = threading.local()

    @property
    def client(self) -> pylxd.Client:
        """pylxd's client of this thread: its HTTP session must not be shared."""
        if not hasattr(self._threads, "client"):
            try:
                self._threads.client = pylxd.Client(project=self.project, timeout=ANSWER)
            except (ClientConnectionFailed, requests.exceptions.RequestException) as error:
                raise FlashtierError(
                    "LXD does not answer on its unix socket; start the daemon (tools/setup does), then "
                    "run it again"
                ) from error
        return self._threads.client

    def get(self, *path: str, recursion: int = 0) -> dict[str, Any] | None:
        """An object's metadata, None where it does not exist."""
        try:
            answer = self._node(path).get(params={"recursion": recursion}).json()
        except NotFound:
            return None
        except (LXDAPIException, requests.exceptions.RequestException) as error:
            raise _readable("get", path, error) from error
        metadata: dict[str, Any] = answer["metadata"]
        return metadata

    def names(self, *path: str) -> list[str]:
        """The last parts of the addresses in a collection."""
        addresses = self.get(*path) or {}
        return [_last(address) for address in addresses]

    def post(self, *path: str, body: Mapping[str, Any], seconds: float = 60) -> dict[str, Any]:
        return self._change("post", path, {"json": body}, seconds)

    def put(self, *path: str, body: Mapping[str, Any], seconds: float = 60) -> dict[str, Any]:
        return self._change("put", path, {"json": body}, seconds)

    def patch(self, *path: str, body: Mapping[str, Any], seconds: float = 60) -> dict[str, Any]:
        return self._change("patch", path, {"json": body}, seconds)

    def delete(self, *path: str, seconds: float = 60) -> None:
        """Delete an object; one that is already gone is fine."""
        try:
            self._change("delete", path, {}, seconds)
        except FlashtierError as error:
            if not isinstance(error.__cause__, NotFound):
                raise

    def upload(
        self, *path: str, data: Iterator[bytes], headers: Mapping[str, str], seconds: float = 300
    ) -> dict[str, Any]:
        return self._change(
            "post", path, {"data": data, "headers": dict(headers), "timeout": seconds}, seconds
        )

    def execute(self, instance: str, command: Sequence[str], *, seconds: float) -> tuple[int, str, str]:
        """Run a command in a host; its exit code and what it wrote to its outputs."""
        body = {
            "command": list(command),
            "wait-for-websocket": False,
            "record-output": True,
            "interactive": False,
        }
        operation = self.post("instances", instance, "exec", body=body, seconds=seconds)
        outcome = operation["metadata"]
        said = {"1": "", "2": ""}
        for descriptor, address in outcome.get("output", {}).items():
            name = address.rsplit("/", 1)[1]
            said[descriptor] = (
                self._node(("instances", instance, "logs", name)).get(is_api=False).text.strip()
            )
            self.delete("instances", instance, "logs", name)
        return int(outcome["return"]), said["1"], said["2"]

    def read_file(self, instance: str, path: str) -> str | None:
        """A file of a host, None where it does not exist."""
        try:
            text: str = (
                self._node(("instances", instance, "files")).get(params={"path": path}, is_api=False).text
            )
        except NotFound:
            return None
        except (LXDAPIException, requests.exceptions.RequestException) as error:
            raise _readable("read", ("instances", instance, path), error) from error
        return text

    def write_file(self, instance: str, path: str, text: str, mode: str) -> None:
        headers = {"X-LXD-uid": "0", "X-LXD-gid": "0", "X-LXD-mode": mode, "X-LXD-type": "file"}
        self._change(
            "post",
            ("instances", instance, "files"),
            {"params": {"path": path}, "data": text.encode(), "headers": headers},
            ANSWER,
        )

    def make_directory(self, instance: str, path: str, mode: str) -> None:
        headers = {"X-LXD-uid": "0", "X-LXD-gid": "0", "X-LXD-mode": mode, "X-LXD-type": "directory"}
        self._change(
            "post", ("instances", instance, "files"), {"params": {"path": path}, "headers": headers}, ANSWER
        )

    def poll(self, what: str, ready: Callable[[], bool], *, seconds: float, longest: float = 1.0) -> None:
        """Ask until it is so, less and less often. Raises `FlashtierError` naming `what` after `seconds`."""
        deadline, pause = time.monotonic() + seconds, 0.1
        while not ready():
            self.stop_if_cancelled()
            if time.monotonic() + pause > deadline:
                raise FlashtierError(f"{what}: not so after {seconds:g} seconds")
            time.sleep(pause)
            pause = min(pause * 1.5, longest)

    def settle(self, instance: str = "", *, seconds: float = 300) -> None:
        """Wait for what an earlier, killed run has set going: on one instance, or in the whole project."""
        what = f"LXD has finished its work on {instance or self.project}"
        self.poll(what, lambda: not self._is_busy(instance), seconds=seconds)

    def _is_busy(self, instance: str) -> bool:
        listed = self.get("operations", recursion=1) or {}
        # 1xx is under way; what is done stays in the list for some seconds.
        tasks = [task for tasks in listed.values() for task in tasks if task["status_code"] < 200]
        used = [
            set((task["resources"] or {}).get("instances") or ()) for task in tasks if task["class"] == "task"
        ]
        return any(not instance or _last(path) == instance for paths in used for path in paths or {""})

    def stop_if_cancelled(self) -> None:
        if self._cancelled():
            raise Cancelled("stopped on request; run it again to go on")

    def _node(self, path: Sequence[str]) -> _APINode:
        node = self.client.api
        for part in path:
            node = node[part]
        return node

    def _change(
        self, verb: str, path: Sequence[str], arguments: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        self.stop_if_cancelled()
        try:
            answer = getattr(self._node(path), verb)(**arguments).json()
        except (LXDAPIException, requests.exceptions.RequestException) as error:
            raise _readable(verb, path, error) from error
        if answer.get("type") != "async":
            return {}
        return self._wait(verb, path, answer["metadata"]["id"], seconds)

    def _wait(self, verb: str, path: Sequence[str], operation: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            node = self.client.api.operations[operation].wait
            try:
                metadata: dict[str, Any] = node.get(params={"timeout": SLICE}).json()["metadata"]
            except (LXDAPIException, requests.exceptions.RequestException) as error:
                raise _readable(verb, path, error) from error
            # 1xx is under way, 200 done; see "Status codes" of the API.
            if metadata["status_code"] == 200:
                return metadata
            if metadata["status_code"] >= 400:
                raise FlashtierError(f"LXD: {verb} {'/'.join(path)}: {metadata['err']}")
            self.stop_if_cancelled()
            if time.monotonic() > deadline:
                raise FlashtierError(f"LXD: {verb} {'/'.join(path)}: not done within {seconds:g} seconds")


def _last(address: str) -> str:
    """The name in an address of the API."""
    return address.split("?")[0].rsplit("/", 1)[-1]


def marked(found: Mapping[str, Any], stack: str) -> bool:
    """Whether the object carries this stack's mark, in its config or (images) in its properties."""
    return bool((found.get("config") or found.get("properties") or {}).get(MARK) == stack)


def refuse_foreign(kind: str, name: str, found: Mapping[str, Any], stack: str) -> None:
    """Only what carries the kit's own mark is taken over or changed."""
    if not marked(found, stack):
        raise FlashtierError(
            f"LXD {kind} {name}: exists and does not carry {MARK}={stack}, so it is not this stack's; "
            "rename or remove it, or give the stack another name"
        )


def _readable(verb: str, path: Sequence[str], error: Exception) -> FlashtierError:
    text = str(error)
    if isinstance(error, requests.exceptions.Timeout):
        text = "no answer in time"
    elif isinstance(error, requests.exceptions.RequestException):
        text = "the connection to LXD broke; is its daemon running?"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["error"]
    return FlashtierError(f"LXD: {verb} {'/'.join(path)}: {text.strip() or type(error).__name__}")
