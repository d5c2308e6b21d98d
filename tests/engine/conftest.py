"""The engine tests change the machine: they run as root, and put the process's environment back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from stacks import Engine, fresh

from infra.local.sweep import sweep

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
    """A stack for tests that damage it and see it repaired: up, with the volumes of db1 mounted.

    Each test leaves it whole. Its destruction is a test as well: of a stack that has been through all that.
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
    """The living stack, with the environment of the process set to it."""
    os.environ.update(living.variables)
    return living
