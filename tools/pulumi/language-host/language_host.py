"""Pulumi's Python language host, for a CLI that was built from its Go module and so came without one.

The official bundle carries a language host of its own, and tools/env.sh prefers that bundle. The Go module
of that host is not served by the module proxy, hence this one: the `LanguageRuntime` service on the stubs of
the Pulumi SDK. It runs programs, policy packs and Python plugins; it installs nothing (`make setup` does).

The engine starts it as `pulumi-language-python [flags] ENGINE_ADDRESS`, reads the port from the first line on
stdout, and ends it with SIGINT.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import grpc
from children import Children, HostError, output_of
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from infra.plugin.engine_ports import EnginePorts
from infra.plugin.peers import OnlyOwn

EXECUTOR = (
    "pulumi-language-python-exec"  # ships with the SDK's Go module; tools/setup puts it next to the CLI
)
BAIL = 32  # its exit code when it has already shown the user what is wrong
MESSAGE_BYTES = (
    400 * 1024 * 1024
)  # the engine's own limit; gRPC's default of 4 MiB is less than a large config
WORKERS = 64  # a program or plugin holds one for as long as it runs


def python_of(info: language_pb2.ProgramInfo) -> Path:
    """The interpreter for a program: that of the `virtualenv` its project names, else the host's own."""
    virtualenv = MessageToDict(info.options).get("virtualenv")
    if not virtualenv:
        return Path(sys.executable)
    python = Path(info.root_directory, str(virtualenv), "bin", "python")
    if not os.access(python, os.X_OK):
        raise HostError(
            f"virtualenv {virtualenv!r} of {info.root_directory} has no {python}; run: make setup"
        )
    return python


def activated(environment: Mapping[str, str], python: Path) -> dict[str, str]:
    """The environment as `activate` of the interpreter's venv would make it."""
    result = {key: value for key, value in environment.items() if key != "PYTHONHOME"}
    if (python.parent.parent / "pyvenv.cfg").exists():
        result["VIRTUAL_ENV"] = str(python.parent.parent)
        result["PATH"] = f"{python.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return result


def program_command(request: language_pb2.RunRequest, engine: str, python: Path, executor: Path) -> list[str]:
    """The command that runs a program: the SDK's executor with the request as its flags."""
    info = request.info
    flags = {
        "monitor": request.monitor_address,
        "engine": engine,
        "project": request.project,
        "stack": request.stack,
        "organization": request.organization,
        "pwd": request.pwd,
        "root_directory": info.root_directory,
        "parallel": str(request.parallel),
        "dry_run": "true" if request.dryRun else "false",
    }
    command = [str(python), "-u", str(executor)]
    for name, value in flags.items():
        if value:
            command += [f"--{name}", value]
    return [*command, str(Path(info.program_directory, info.entry_point)), *request.args]


def plugin_command(request: language_pb2.RunPluginRequest, python: Path) -> list[str]:
    """The command that runs a plugin: a policy pack by the SDK's runner, others by __main__.py."""
    program = str(Path(request.info.program_directory, request.info.entry_point))
    if request.kind == "analyzer":
        return [str(python), "-u", "-m", "pulumi.policy", *request.args, program]
    return [str(python), "-u", program, *request.args]


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The service. Methods that a kit has no use for (`pulumi new`, code generation) answer UNIMPLEMENTED."""

    def __init__(self, engine: str, children: Children, ports: EnginePorts) -> None:
        self._engine = engine
        self._children = children
        self._ports = ports
        ports.close(engine)

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Take the engine's address, for an engine that did not give it as an argument."""
        self._engine = request.engine_address
        self._ports.close(request.engine_address)
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Version of the host: it follows the SDK's protocol 3."""
        return plugin_pb2.PluginInfo(version="3.0.0")

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """None in advance: the engine fetches a plugin when a program first asks for a resource of it.

        Listing every package of the venv would make each platform's stack download the plugins of the other.
        """
        return language_pb2.GetRequiredPackagesResponse()

    def About(
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        """The interpreter that runs the program, for `pulumi about`."""
        answer = self._ask(
            request.info, "import platform, sys; print(sys.executable, platform.python_version())", context
        )
        executable, _, version = answer.rpartition(" ")
        return language_pb2.AboutResponse(executable=executable, version=version)

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        """The distributions installed for the program, for `pulumi about`."""
        found = self._ask(
            request.info,
            "import importlib.metadata, json\n"
            "print(json.dumps(sorted((d.name, d.version) for d in importlib.metadata.distributions())))",
            context,
        )
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version) for name, version in json.loads(found)
            ]
        )

    @staticmethod
    def _ask(info: language_pb2.ProgramInfo, script: str, context: grpc.ServicerContext) -> str:
        """What a one-line program says in the interpreter of `info`."""
        try:
            answer = subprocess.run(
                [str(python_of(info)), "-c", script], capture_output=True, text=True, timeout=20, check=True
            )
        except (HostError, OSError, subprocess.SubprocessError) as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return answer.stdout.strip()

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Refuse `pulumi install`: uv.lock says what is installed, and `make setup` installs it."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, "Python packages of this tree come from uv.lock; run: make setup"
        )

    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run a program to its end; it shares the host's stdout and stderr, which the engine shows."""
        executor = shutil.which(EXECUTOR)
        self._ports.close(request.monitor_address)
        try:
            if executor is None:
                raise HostError(f"{EXECUTOR} is not on PATH; run: make setup, then: . tools/env.sh")
            python = python_of(request.info)
            environment = activated(os.environ, python) | {
                "PULUMI_CONFIG": json.dumps(dict(request.config)),
                "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
            }
            command = program_command(request, self._engine, python, Path(executor))
            child = self._children.start(command, request.pwd, environment)
        except (HostError, OSError) as error:
            return language_pb2.RunResponse(error=str(error))
        context.add_callback(lambda: self._children.stop(child))
        code = self._children.wait(child)
        if code == BAIL:
            return language_pb2.RunResponse(bail=True)
        if code < 0:
            return language_pb2.RunResponse(error=f"Program was ended by {signal.Signals(-code).name}")
        return language_pb2.RunResponse(
            error=f"Program exited with non-zero exit code: {code}" if code else ""
        )

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a plugin (policy pack, provider, tool): its output, streamed, and last its exit code."""
        try:
            python = python_of(request.info)
            given = dict(entry.split("=", 1) for entry in request.env if "=" in entry)
            child = self._children.start(
                plugin_command(request, python),
                request.pwd,
                activated(given or os.environ, python),
                subprocess.PIPE,
            )
        except (HostError, OSError) as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        # A cancelled call is how the engine ends a plugin.
        context.add_callback(lambda: self._children.stop(child))
        announced = b""
        for message in output_of(child):
            if b"\n" not in announced:  # a plugin's first line is its port
                announced += message.stdout
                if b"\n" in announced:
                    self._ports.close(announced.partition(b"\n")[0].decode(errors="replace").strip())
            yield message
        code = self._children.wait(child)
        yield language_pb2.RunPluginResponse(exitcode=code if code >= 0 else 128 - code)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End what runs; the engine calls this when the user interrupts an operation."""
        self._children.stop_all()
        return empty_pb2.Empty()


def serve(engine: str) -> None:
    """Serve until a signal comes or the engine is gone; then end the children."""
    parent = os.getppid()
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    children, ports = Children(), EnginePorts()
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
    ]
    only_own = OnlyOwn()
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=options, interceptors=[only_own])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine, children, ports), server)
    only_own.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(only_own.port, flush=True)
    # An engine that was killed sends no signal: the change of parent is what shows it.
    while not ended.wait(1.0) and os.getppid() == parent:
        pass
    children.stop_all(closing=True)
    ports.open()
    server.stop(grace=1.0).wait(2.0)
    with contextlib.suppress(BrokenPipeError, ValueError):
        sys.stdout.flush()
    os._exit(0)  # pool threads may still wait for a client that is gone; nothing is left to be written


def main(arguments: Sequence[str]) -> None:
    """Serve the engine whose address is the last argument; its flags (tracing) are of no use here."""
    plain = [argument for argument in arguments if not argument.startswith("-")]
    serve(plain[-1] if plain else "")


if __name__ == "__main__":
    main(sys.argv[1:])
