"""What tests of the follower's loop share."""

from __future__ import annotations

from pathlib import Path

import pytest

from follower import bouncer, daemon
from follower.config import Config
from tests.support.daemons import configured


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of the loop that a test need not sit through."""
    monkeypatch.setattr(daemon, "CHECK", 0.05)
    monkeypatch.setattr(daemon, "RETRY", 0.02)
    monkeypatch.setattr(bouncer, "GRACE", 0.05)
    monkeypatch.setattr(bouncer, "PATIENCE", 0.2)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)
