"""The engine tests change the machine: they run as root, and put the process's environment back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _as_root() -> Iterator[None]:
    assert os.geteuid() == 0, "the engine tests make LXD hosts, loop devices and routes; run them as root"
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)
