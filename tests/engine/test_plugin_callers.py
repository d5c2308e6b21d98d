"""Only root and a plugin's own account may call it: every account of the machine can reach its port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, provider_pb2_grpc

from infra.paths import ROOT

NOBODY = 65534
PLUGINS = {
    "lxd": [str(ROOT / "infra/local/provider/pulumi-resource-lxd")],
    "ec2console": [str(ROOT / "infra/aws/console/pulumi-resource-ec2console")],
    "language host": [
        sys.executable, "-u", str(ROOT / "tools/pulumi/language-host/language_host.py"), "127.0.0.1:1",
    ],
}  # fmt: skip


@pytest.fixture(params=PLUGINS)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port on which the plugin listens, read from the first line of its output as the engine does."""
    process = subprocess.Popen(PLUGINS[request.param], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    process.stdout.close()


@contextmanager
def relay(port: int, uid: int) -> Iterator[int]:
    """A port whose connection is forwarded to `port` over a socket that belongs to `uid`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            os.seteuid(uid)
            try:
                onward = socket.create_connection(("127.0.0.1", port))
            finally:
                os.seteuid(0)
            ways = [threading.Thread(target=_pump, args=way) for way in ((client, onward), (onward, client))]
            for way in ways:
                way.start()
            for way in ways:
                way.join()
            client.close()
            onward.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=10)
        assert not thread.is_alive()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # the plugin has ended the connection
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def plugin_info(port: int) -> Any:
    """Both services have this call under the same request and answer."""
    answers = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for stub in (
            provider_pb2_grpc.ResourceProviderStub(channel),
            language_pb2_grpc.LanguageRuntimeStub(channel),
        ):
            try:
                answers.append(stub.GetPluginInfo(empty_pb2.Empty(), timeout=20).version)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise
    (version,) = answers
    return version


def test_root_may_call_it(port: int) -> None:
    assert plugin_info(port)
    with relay(port, 0) as own:
        assert plugin_info(own)


def test_another_account_may_not(port: int) -> None:
    with relay(port, NOBODY) as foreign, pytest.raises(grpc.RpcError) as refused:
        plugin_info(foreign)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "belongs to uid 65534, allowed uid 0" in refused.value.details()


def test_another_account_runs_no_code_as_root(tmp_path: Path) -> None:
    """An attack that once worked: RunPlugin is a stream, and ran any program of the caller as root."""
    proof = tmp_path / "proof"
    (tmp_path / "__main__.py").write_text(f"open({str(proof)!r}, 'w').close()\n")
    process = subprocess.Popen(PLUGINS["language host"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    place = str(tmp_path)
    request = language_pb2.RunPluginRequest(
        pwd=place,
        kind="resource",
        info=language_pb2.ProgramInfo(root_directory=place, program_directory=place, entry_point="."),
    )
    try:
        with relay(port, NOBODY) as foreign, grpc.insecure_channel(f"127.0.0.1:{foreign}") as channel:
            with pytest.raises(grpc.RpcError) as refused:
                list(language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(request, timeout=20))
            assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert not proof.exists()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            list(language_pb2_grpc.LanguageRuntimeStub(channel).RunPlugin(request, timeout=20))
        assert proof.exists()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        process.stdout.close()


def dial(port: int, uid: int) -> bool:
    """Whether that account reaches the port."""
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5).sendall(b'x')"
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", code],
        user=uid,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0 or "ConnectionRefusedError" in done.stderr, done.stderr
    return done.returncode == 0


def has_table(process: subprocess.Popen[str]) -> bool:
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, timeout=20, check=True)
    return f"table inet flashtier_engine_{process.pid}" in listed.stdout.splitlines()


@contextmanager
def language_host(engine: int) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    command = [*PLUGINS["language host"][:-1], f"127.0.0.1:{engine}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                yield process, language_pb2_grpc.LanguageRuntimeStub(channel)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=20)


def test_the_engines_own_ports_accept_root_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engine, resource monitor and policy pack check no caller themselves; other ports are unchanged."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    engine, monitor, pack, other = (server.getsockname()[1] for server in servers)
    (tmp_path / "__main__.py").write_text(f"print({pack}, flush=True)\n")
    # In place of the SDK's executor, which would wait for an answer of the monitor.
    (tmp_path / "pulumi-language-python-exec").write_text("")
    (tmp_path / "pulumi-language-python-exec").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    info = language_pb2.ProgramInfo(
        root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point="."
    )
    assert all(dial(port, NOBODY) for port in (engine, monitor, pack))
    with language_host(engine) as (process, stub):
        stub.Run(language_pb2.RunRequest(monitor_address=f"127.0.0.1:{monitor}", info=info), timeout=20)
        list(stub.RunPlugin(language_pb2.RunPluginRequest(kind="resource", info=info), timeout=20))
        assert [dial(port, NOBODY) for port in (engine, monitor, pack, other)] == [False, False, False, True]
        assert all(dial(port, 0) for port in (engine, monitor, pack))
        process.kill()
        process.wait(timeout=20)
    assert has_table(process)  # a killed host cannot remove it ...
    with language_host(engine) as (next_one, _):
        assert has_table(next_one)
    assert not has_table(next_one)
    assert not has_table(process)  # ... so the next one does
    assert dial(engine, NOBODY)
    for server in servers:
        server.close()


def test_a_connection_from_before_the_rule_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = server.getsockname()[1]
        os.seteuid(NOBODY)
        try:
            early = socket.create_connection(("127.0.0.1", engine))
        finally:
            os.seteuid(0)
        early.settimeout(20)
        with early, language_host(engine):
            early.sendall(b"x")
            with pytest.raises(ConnectionResetError):
                early.recv(1)
