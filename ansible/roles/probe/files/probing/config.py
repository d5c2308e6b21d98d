"""What the role wrote: one JSON file. Patroni's own file says the rest (holding.config)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Volume:
    """`folder`: the probe's own on it. `deadline`: seconds that a write may take."""

    name: str
    mount_point: Path
    folder: Path
    deadline: float


@dataclass(frozen=True)
class Config:
    """Seconds. `failures`: errors in a row that make a device a failing one."""

    volumes: tuple[Volume, ...]
    period: float
    failures: int
    connection: float
    socket: Path
    metrics: Path


def read(path: Path) -> Config:
    """Raises `OSError`, and `ValueError` with the file and what it lacks."""
    try:
        given: dict[str, Any] = json.loads(path.read_text())
        config = Config(
            volumes=tuple(
                Volume(one["name"], Path(one["mount_point"]), Path(one["folder"]), one["deadline_ms"] / 1000)
                for one in given["volumes"]
            ),
            period=given["period_ms"] / 1000,
            failures=int(given["failures"]),
            connection=given["connection_ms"] / 1000,
            socket=Path(given["socket"]),
            metrics=Path(given["metrics"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: {type(error).__name__} {error}; run the role probe") from error
    if not config.volumes:
        raise ValueError(f"{path}: volumes is empty; run the role probe")
    return config
