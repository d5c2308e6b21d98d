"""The processes of the language host: programs, policy packs and plugins, with what they print."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

from pulumi.runtime.proto import language_pb2

GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL


class HostError(Exception):
    """What the user has to correct, in one line."""


class Children:
    """The processes the host has started; none outlives it.

    They stay in the host's process group, which the engine kills as a whole if the host does not end. The
    SIGINT it sends to the group first is not for them: `env` starts them with it ignored, the host ends them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def start(
        self, command: Sequence[str], cwd: str, env: Mapping[str, str], output: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command; `output` is subprocess.PIPE, or None to share the host's stdout and stderr."""
        with self._lock:
            if self._closed:
                raise HostError("the language host is ending")
            child = subprocess.Popen(
                ["/usr/bin/env", "--ignore-signal=INT", *command],
                cwd=cwd or None,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            self._running.add(child)
        return child

    def wait(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for the end of a child and return its exit code."""
        code = child.wait()
        with self._lock:
            self._running.discard(child)
        return code

    @staticmethod
    def stop(child: subprocess.Popen[bytes]) -> None:
        """End a child: SIGTERM, and SIGKILL after GRACE_SECONDS."""
        if child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()

    def stop_all(self, *, closing: bool = False) -> None:
        """End all children at once; with `closing`, no other can start."""
        with self._lock:
            self._closed = self._closed or closing
            running = list(self._running)
        threads = [threading.Thread(target=self.stop, args=(child,)) for child in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def output_of(child: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Both streams of a child as they come, until both are at their end."""
    messages: queue.Queue[language_pb2.RunPluginResponse | None] = queue.Queue()

    def pump(stream: IO[bytes], message: Callable[[bytes], language_pb2.RunPluginResponse]) -> None:
        with stream:
            while block := os.read(stream.fileno(), 65536):
                messages.put(message(block))
        messages.put(None)

    streams = (
        (child.stdout, lambda block: language_pb2.RunPluginResponse(stdout=block)),
        (child.stderr, lambda block: language_pb2.RunPluginResponse(stderr=block)),
    )
    for stream, message_of in streams:
        threading.Thread(target=pump, args=(stream, message_of), daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        message = messages.get()
        if message is None:
            open_streams -= 1
        else:
            yield message
