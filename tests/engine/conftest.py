"""The engine tests change the machine: they run as root, and restore the process's environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from infra.local.sweep import sweep
from tests.engine.provider import KEY, PLUGIN, STACK, STATE
from tests.engine.stacks import Engine, fresh

LIVING = "eng2"


@pytest.fixture(scope="session", autouse=True)
def _as_root() -> Iterator[None]:
    assert os.geteuid() == 0, "the engine tests make LXD hosts, loop devices and routes; run them as root"
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="session")
def living(_as_root: None) -> Iterator[Engine]:
    """A stack for tests that damage it and check its repair: up, with the volumes of db1 mounted.

    Each test leaves it intact. Its destruction is a test as well: of a stack that was damaged and repaired.
    """
    stack = fresh(LIVING, "10.90.2.0/24")
    try:
        stack.up()
        stack.playbook("--limit=db1", "--tags=storage")
        yield stack
        stack.destroy()
        assert stack.traces() == []
    finally:
        sweep(LIVING, check=False)
        shutil.rmtree(stack.base)


@pytest.fixture
def engine(living: Engine) -> Engine:
    """The running stack, with the environment of the process set to it."""
    os.environ.update(living.variables)
    return living


@pytest.fixture(scope="module")
def provider() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The plugin as the engine starts it: the executable, its port on the first line."""
    shutil.rmtree(STATE, ignore_errors=True)  # of a run that was killed
    keys = STATE / STACK / "ssh"
    keys.mkdir(parents=True)
    (keys / "id_ed25519.pub").write_text(f"{KEY}\n")
    process = subprocess.Popen(
        [PLUGIN],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "FLASHTIER_STATE": str(STATE), "FLASHTIER_CACHE": str(STATE / "cache")},
    )
    assert process.stdout is not None
    with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        stub.Configure(provider_pb2.ConfigureRequest(), timeout=20)
        yield stub
    process.terminate()
    process.wait(timeout=10)
    process.stdout.close()
    shutil.rmtree(STATE)
