"""What the tests of modules share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder that stands for the host's root; what the tests themselves need lies beside it."""
    root = tmp_path / "host"
    root.mkdir()
    return root
