"""The stand-in language host, run as the engine runs it: a process of its own that is spoken to over gRPC."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from infra.paths import ROOT

HOST = ROOT / "tools/pulumi/language-host/language_host.py"
SECONDS = 30.0

# Stands for the SDK's executor: it notes how it was called, then does what the program's last argument says.
EXECUTOR = """
import json, os, pathlib, sys, time
*_, place, deed = sys.argv
pathlib.Path(place, "called.json").write_text(json.dumps({
    "arguments": sys.argv[1:], "config": os.environ["PULUMI_CONFIG"],
    "secret": os.environ["PULUMI_CONFIG_SECRET_KEYS"], "virtualenv": os.environ.get("VIRTUAL_ENV"),
    "pid": os.getpid(), "cwd": os.getcwd()}))
if deed == "hang":
    time.sleep(600)
sys.exit(int(deed))
"""

PLUGIN = """
import os, sys, time
print("port", *sys.argv[1:], flush=True)
print("note", os.environ.get("GIVEN"), file=sys.stderr, flush=True)
if "hang" in sys.argv:
    print(os.getpid(), flush=True)
    time.sleep(600)
sys.exit(7)
"""


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True, timeout=60)
    return directory


@pytest.fixture
def project(tmp_path: Path, venv: Path) -> Path:
    """A project folder with a program, a plugin, the executor, and a venv like the one it names."""
    (tmp_path / "pulumi-language-python-exec").write_text("#!" + sys.executable + EXECUTOR)
    (tmp_path / "pulumi-language-python-exec").chmod(0o755)
    (tmp_path / "__main__.py").write_text(PLUGIN)
    (tmp_path / "own").symlink_to(venv)
    return tmp_path


@pytest.fixture
def host(project: Path) -> Iterator[subprocess.Popen[str]]:
    """The host's process, in a group of its own, as the engine starts it."""
    process = subprocess.Popen(
        [sys.executable, "-u", str(HOST), "127.0.0.1:1"],
        env=os.environ | {"PATH": f"{project}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    yield process
    process.kill()
    process.wait(SECONDS)


@pytest.fixture
def service(host: subprocess.Popen[str]) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    assert host.stdout is not None
    port = int(host.stdout.readline())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)


def info(project: Path, virtualenv: str | None = None) -> language_pb2.ProgramInfo:
    options = struct_pb2.Struct()
    if virtualenv:
        options["virtualenv"] = virtualenv
    return language_pb2.ProgramInfo(
        root_directory=str(project), program_directory=str(project), entry_point=".", options=options
    )


def run_request(project: Path, deed: str, virtualenv: str | None = None) -> language_pb2.RunRequest:
    return language_pb2.RunRequest(
        project="kit",
        stack="local",
        pwd=str(project),
        monitor_address="127.0.0.1:2",
        parallel=4,
        dryRun=True,
        organization="organization",
        config={"kit:key": "value"},
        configSecretKeys=["kit:key"],
        info=info(project, virtualenv),
        args=[str(project), deed],
    )


def called(project: Path) -> dict[str, object]:
    """What the executor noted; waits for it, as the program runs beside the test."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            return dict(json.loads((project / "called.json").read_text()))
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)
    raise AssertionError(f"no program ran within {SECONDS} s")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + SECONDS
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still lives after {SECONDS} s"
        time.sleep(0.05)


def test_a_program_gets_what_the_engine_asked_for(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    service.Handshake(language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:3"), timeout=SECONDS)
    answer = service.Run(run_request(project, "0", virtualenv="own"), timeout=SECONDS)
    assert (answer.error, answer.bail) == ("", False)
    call = called(project)
    arguments = [str(a) for a in call["arguments"]]  # type: ignore[attr-defined]
    flags = dict(zip(arguments[:-3:2], arguments[1:-3:2], strict=True))
    assert flags == {
        "--monitor": "127.0.0.1:2",
        "--engine": "127.0.0.1:3",
        "--project": "kit",
        "--stack": "local",
        "--organization": "organization",
        "--pwd": str(project),
        "--root_directory": str(project),
        "--parallel": "4",
        "--dry_run": "true",
    }
    assert arguments[-3] == str(project)
    assert json.loads(str(call["config"])) == {"kit:key": "value"}
    assert json.loads(str(call["secret"])) == ["kit:key"]
    assert call["virtualenv"] == str(project / "own")
    assert call["cwd"] == str(project)


@pytest.mark.parametrize(
    ("code", "bail", "error"), [("32", True, ""), ("3", False, "Program exited with non-zero exit code: 3")]
)
def test_a_program_that_fails(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path, code: str, bail: bool, error: str
) -> None:
    answer = service.Run(run_request(project, code), timeout=SECONDS)
    assert (answer.bail, answer.error) == (bail, error)


def test_a_virtualenv_that_is_not_there_is_named(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    answer = service.Run(run_request(project, "0", virtualenv="gone"), timeout=SECONDS)
    assert str(project / "gone/bin/python") in answer.error
    assert not (project / "called.json").exists()


def test_about_names_the_interpreter_of_the_program(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    answer = service.About(language_pb2.AboutRequest(info=info(project, "own")), timeout=SECONDS)
    assert Path(answer.executable).parent == project / "own/bin"
    assert answer.version == sys.version.split()[0]


def test_a_plugin_streams_both_outputs_and_its_exit_code(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    request = language_pb2.RunPluginRequest(
        pwd=str(project),
        args=["one", "two"],
        env=["GIVEN=a=b", f"PATH={os.defpath}"],
        kind="resource",
        info=info(project),
    )
    messages = list(service.RunPlugin(request, timeout=SECONDS))
    assert b"".join(m.stdout for m in messages) == b"port one two\n"
    assert b"".join(m.stderr for m in messages) == b"note a=b\n"
    assert messages[-1].WhichOneof("output") == "exitcode"
    assert messages[-1].exitcode == 7


def test_a_policy_pack_is_run_by_the_sdk(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    (project / "__main__.py").write_text("import pulumi.policy, sys\nprint(__name__, sys.argv)\n")
    request = language_pb2.RunPluginRequest(
        pwd=str(project), args=["127.0.0.1:4"], kind="analyzer", info=info(project)
    )
    messages = list(service.RunPlugin(request, timeout=SECONDS))
    shown = b"".join(m.stdout for m in messages).decode()
    assert shown.startswith("__main__ [")
    assert "127.0.0.1:4" in shown
    assert messages[-1].exitcode == 0


def test_a_plugin_whose_call_is_cancelled_ends(
    service: language_pb2_grpc.LanguageRuntimeStub, project: Path
) -> None:
    request = language_pb2.RunPluginRequest(
        pwd=str(project), args=["hang"], kind="resource", info=info(project)
    )
    call = service.RunPlugin(request, timeout=SECONDS)
    shown = b""
    while shown.count(b"\n") < 2:
        shown += next(call).stdout
    pid = int(shown.split()[-1])
    assert alive(pid)
    call.cancel()
    assert_ends(pid)


def test_cancel_ends_the_program(service: language_pb2_grpc.LanguageRuntimeStub, project: Path) -> None:
    running = service.Run.future(run_request(project, "hang"), timeout=SECONDS)
    called(project)
    service.Cancel(empty_pb2.Empty(), timeout=SECONDS)
    assert running.result(SECONDS).error == "Program was ended by SIGTERM"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_ends_host_and_program(
    host: subprocess.Popen[str], service: language_pb2_grpc.LanguageRuntimeStub, project: Path, number: int
) -> None:
    running = service.Run.future(run_request(project, "hang"), timeout=SECONDS)
    pid = int(str(called(project)["pid"]))
    os.killpg(host.pid, number)
    assert host.wait(SECONDS) == 0
    assert_ends(pid)
    running.cancel()


def test_an_engine_that_is_killed_leaves_nothing(project: Path) -> None:
    engine = (
        "import subprocess, sys, time\n"
        f"command = [sys.executable, '-u', {str(HOST)!r}, '127.0.0.1:1']\n"
        "host = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "print(host.pid, host.stdout.readline().decode(), flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", engine],
        env=os.environ | {"PATH": f"{project}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    host_pid, port = process.stdout.readline().split()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        service = language_pb2_grpc.LanguageRuntimeStub(channel)
        running = service.Run.future(run_request(project, "hang"), timeout=SECONDS)
        pid = int(str(called(project)["pid"]))
        process.kill()
        process.wait(SECONDS)
        assert_ends(int(host_pid))
        assert_ends(pid)
        running.cancel()
