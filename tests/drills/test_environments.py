"""Environments that no file of the tree declares: drawn ones come up and go, wrong ones end at the preview.

Names are drawn at their longest and with every allowed character, and sizes, counts, ranges and placements
within their bounds, so that what holds for the shipped stacks is not their luck.
"""

from __future__ import annotations

import copy
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.drills.runs import complete, down, nothing_left, running

STACK = "drawn"
#: Memory and volumes of one environment stay below this, so that it fits next to another on a small machine.
MOST_HOSTS = 7


def name(draw: random.Random) -> str:
    """A valid name of a volume or user: up to 15 characters, any of which may be a digit or a hyphen."""
    length = draw.choice([1, 2, 8, 15, 15])
    rest = "".join(draw.choice(string.ascii_lowercase + string.digits + "-") for _ in range(length - 1))
    return draw.choice(string.ascii_lowercase) + rest


def names(draw: random.Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[name(draw)] = None
    return list(found)


def drawn(draw: random.Random) -> dict[str, Any]:
    """A right environment of at most `MOST_HOSTS` hosts."""
    volumes = [
        {"name": one, "class": draw.choice(["flash", "network"]), "size_gib": draw.choice([2, 3])}
        for one in names(draw, draw.choice([1, 2, 3]))
    ]
    web, members = draw.choice([(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)])
    prefix = draw.choice([16, 22, 24])
    third = draw.randrange(0, 256) & (0xFF << (24 - prefix)) & 0xFF
    return {
        "platform": "local",
        # 172.31 is not used by any stack of the tree.
        "network": {"cidr": f"172.31.{third}.0/{prefix}"},
        "access": {"user": f"o{name(draw)}"[:15]},
        "edge": {"count": 1, "size": {"vcpus": 1, "memory_mib": draw.choice([512, 640])}},
        "web": {"count": web, "size": {"vcpus": 1, "memory_mib": draw.choice([768, 1024])}},
        "database": {
            "members": members,
            "version": 17,
            "size": {"vcpus": draw.choice([1, 2]), "memory_mib": draw.choice([1280, 1536])},
            "volumes": volumes,
            "placement": {
                purpose: draw.choice(volumes)["name"] for purpose in ("data", "wal", "temp", "log")
            },
            "expected_data_gib": 0.25,
        },
        "control": {
            "count": draw.choice([1, 1, 3]) if web + members < 4 else 1,
            "size": {"vcpus": 1, "memory_mib": 768},
            "volumes": [
                {"name": one, "class": draw.choice(["flash", "network"]), "size_gib": 1}
                for one in ("etcd", "metrics", "repository")
            ],
        },
        "app": {"pool_size": draw.randrange(2, 12), "max_upload_mib": draw.randrange(1, 25)},
    }


def change(draw: random.Random, environment: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """One key changed to another right value."""
    changed = copy.deepcopy(environment)
    key = draw.choice(
        ["app.pool_size", "app.max_upload_mib", "web.size.memory_mib", "database.volumes.0.size_gib"]
    )
    where: Any = changed
    *path, last = key.split(".")
    for step in path:
        where = where[int(step)] if step.isdigit() else where[step]
    where[last] += 256 if last == "memory_mib" else 1
    return key, changed


#: What is spoiled, the value, and the key that the line must name.
WRONG: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("network", "cidr"), "172.31.0.7/24", "network.cidr"),
    (("network", "cidr"), "8.8.8.0/24", "network.cidr"),
    (("access", "user"), "postgres", "access.user"),
    (("web", "count"), 0, "web.count"),
    (("web", "count"), "2", "web.count"),
    (("database", "members"), 10, "database.members"),
    (("database", "version"), 16, "database.version"),
    (("database", "placement", "wal"), "nowhere", "placement.wal"),
    (("database", "volumes", 0, "class"), "io2", "database.volumes.0.class"),
    (("database", "volumes", 0, "name"), "Flash", "database.volumes.0.name"),
    (("database", "expected_data_gib"), 999.0, "database.expected_data_gib"),
    (("control", "count"), 2, "control.count"),
    (("app", "pool_size"), 0, "app.pool_size"),
    (("app", "colour"), "red", "app.colour"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / f"Pulumi.{STACK}.yaml"
    yield path
    down(STACK)
    nothing_left(STACK)


def declare(path: Path, environment: dict[str, Any]) -> None:
    kept = yaml.safe_load(path.read_text()) if path.exists() else {"config": {}}
    kept["config"]["flashtier:environment"] = environment
    path.write_text(yaml.safe_dump(kept))


def rounds(config: pytest.Config) -> int:
    return int(config.option.rounds)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(rounds(metafunc.config)))


def test_a_drawn_environment_lives_its_whole_life(
    number: int,
    request: pytest.FixtureRequest,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str], None],
) -> None:
    """Up, verified, one key changed, verified, destroyed; nothing is left."""
    draw = random.Random(f"{request.config.option.seed}-{number}")  # noqa: S311 - not a secret
    environment = drawn(draw)
    declare(settings, environment)
    monkeypatch.setenv("FLASHTIER_CONFIG_FILE", str(settings))
    up = complete(STACK, f"environments-{number}")
    key, changed = change(draw, environment)
    declare(settings, changed)
    again = complete(STACK, f"environments-{number}-changed")
    shape = f"{environment['web']['count']} web, {environment['database']['members']} database"
    volumes = ", ".join(volume["name"] for volume in environment["database"]["volumes"])
    figure(
        f"environment {number}: {shape}, {environment['network']['cidr']}, volumes {volumes}: up in "
        f"{up.seconds:.0f} s, {key} changed in {again.seconds:.0f} s"
    )


def test_wrong_environments_end_at_the_preview(
    request: pytest.FixtureRequest,
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str], None],
) -> None:
    """As many as right ones: one line with the key, before anything is made."""
    draw = random.Random(f"{request.config.option.seed}-wrong")  # noqa: S311 - not a secret
    monkeypatch.setenv("FLASHTIER_CONFIG_FILE", str(settings))
    for path, value, key in draw.sample(WRONG, min(rounds(request.config), len(WRONG))):
        environment = drawn(draw)
        where: Any = environment
        for step in path[:-1]:
            where = where[step]
        where[path[-1]] = value
        declare(settings, environment)
        with running(STACK, "environments-wrong", "provision") as run:
            code = run.wait(300)
        assert code != 0, f"{key} = {value!r} was accepted; {run.tail()}"
        lines = [line for line in run.text().splitlines() if "flashtier:environment" in line]
        assert any(key in line for line in lines), f"{key} = {value!r}: {run.tail()}"
        assert "Traceback" not in run.text(), run.tail()
        assert "created" not in run.text(), f"{key} = {value!r}: something was made; {run.tail()}"
        figure(f"{key} = {value!r}: refused after {run.seconds:.0f} s")
