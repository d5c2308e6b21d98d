"""What every plugin does: serve its engine until that ends, give errors as lines, show lines to the user."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import struct_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from infra.errors import FlashtierError
from infra.plugin.marshalling import Unsupported
from infra.plugin.peers import OnlyOwn

Answer = TypeVar("Answer")
#: Shows the user a line.
Say = Callable[[str], None]
INFO, WARNING = engine_pb2.INFO, engine_pb2.WARNING


class Incomplete(FlashtierError):
    """The object exists under `identity`, but is not as declared yet: the next run continues from there."""

    def __init__(self, identity: str, reason: str) -> None:
        self.identity = identity
        super().__init__(reason)


def answer(
    context: grpc.ServicerContext,
    work: Callable[[], Answer],
    properties: struct_pb2.Struct | None = None,
) -> Answer:
    """What `work` gives; an error of it becomes one line for the user.

    `properties` are what the engine keeps of an object that is there but `Incomplete`.
    """
    try:
        return work()
    except Incomplete as error:
        _incomplete(context, error, properties)
    except (FlashtierError, Unsupported) as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except Exception as error:
        # Unexpected, so the place matters: the trace goes to the log, one line of it to the user.
        traceback.print_exc()
        context.abort(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
    raise AssertionError("unreachable: abort raises")


def _incomplete(
    context: grpc.ServicerContext, error: Incomplete, properties: struct_pb2.Struct | None
) -> NoReturn:
    """Report to the engine that the object exists: it stays in the state, and the next run continues."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.identity, properties=properties, reasons=[str(error)], inputs=properties
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError("unreachable: abort raises")


def speaker(arguments: list[str], severity: engine_pb2.LogSeverity.ValueType) -> Say:
    """Shows a line with `severity`; the engine's address is the plugin's last argument."""
    if not arguments:  # started without an engine, as `pulumi package get-schema` may
        return lambda text: print(text, file=sys.stderr)
    log = engine_pb2_grpc.EngineStub(grpc.insecure_channel(arguments[-1])).Log

    def say(text: str) -> None:
        log(engine_pb2.LogRequest(severity=severity, message=text), timeout=10)

    return say


def serve(provider: Any, threads: int = 32) -> None:  # noqa: ANN401 - the stubs' servicers are untyped
    """Serve on a free port of the loopback, the first line of the output, until the engine ends."""
    ended = threading.Event()
    # The engine starts a plugin in a process group of its own, so a terminal's Ctrl-C does not arrive here:
    # that is Cancel. The engine ends a plugin by SIGINT, waits five seconds, then kills it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    only_own = OnlyOwn()
    server = grpc.server(ThreadPoolExecutor(threads), interceptors=[only_own])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    only_own.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{only_own.port}\n")
    sys.stdout.flush()
    engine = os.getppid()
    # A killed engine sends no signal: without this its plugins would stay for ever.
    while os.getppid() == engine:
        if ended.wait(timeout=1):
            # Calls that are running have three seconds to end; the next run finishes what has not.
            server.stop(grace=3).wait()
            os._exit(0)
    os._exit(1)
