"""A host gets a new root disk step by step, and a run that ended is gone on from: ops/rehydrate.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra import paths
from infra.errors import FlashtierError
from ops import rehydrate as work
from ops.rehydrate import Progress, Record
from tests.support.filters import CONTRACT

STACK, HOST = "test", "db2"
URN = "urn:pulumi:test::flashtier::lxd:index:Instance::db2"
STEPS = ["play out", "unlock", "destroy", "up", "play site", "play whole"]


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Record:
    monkeypatch.setenv("FLASHTIER_STATE", str(tmp_path))
    paths.state_dir(STACK).mkdir()
    return Record(STACK)


def resource(name: str = HOST, **more: Any) -> dict[str, Any]:
    found = {"type": "lxd:index:Instance", "urn": URN, "inputs": {"name": name}}
    return found | more


class World:
    """What is run, by short names; the instance goes with `destroy` and comes with `up`."""

    def __init__(self, *, ends: str = "", protect: bool = False) -> None:
        self.ran: list[str] = []
        self.there: dict[str, Any] | None = resource(protect=protect)
        self.ends = ends

    def exported(self) -> dict[str, Any]:
        others = [
            resource("db1", urn="other"),
            {"type": "lxd:index:Volume", "urn": "v", "inputs": {"name": HOST}},
        ]
        return {"deployment": {"resources": [*others, *([self.there] if self.there else [])]}}

    def run(self, words: Sequence[str], seconds: float) -> None:
        assert seconds > 0
        name = self.named(words)
        self.ran.append(name)
        if name == "destroy":
            assert words[words.index("--target") + 1] == URN
            assert "--target-dependents" in words
            self.there = None
        if name == "up":
            self.there = resource()
        if name == self.ends:
            raise FlashtierError(f"{name} ended")

    @staticmethod
    def named(words: Sequence[str]) -> str:
        if words[0] == "tools/stack.py":
            assert words[1:] == ("unlock", STACK)
            return "unlock"
        if words[0] == "pulumi":
            return "unprotect" if "unprotect" in words else words[1]
        if "ansible/site.yml" in words:
            return "play site"
        assert f"host={HOST}" in words
        return "play out" if "step=out" in words else "play whole"


def go(record: Record, world: World, outage: str = "") -> None:
    work.steps(STACK, HOST, outage, record, world.exported, world.run)


def test_a_host_is_taken_out_removed_made_configured_and_waited_for(record: Record) -> None:
    world = World()
    go(record, world)
    assert world.ran == STEPS
    assert record.read() is None


def test_a_protected_host_is_unprotected_before_it_is_removed(record: Record) -> None:
    world = World(protect=True)
    go(record, world)
    assert world.ran == ["play out", "unlock", "unprotect", *STEPS[2:]]


@pytest.mark.parametrize(
    ("ends", "again"),
    [
        ("play out", ["play site", *STEPS]),
        # Done, though it ended: the host is away, and Pulumi is not asked to remove it again.
        ("destroy", ["unlock", *STEPS[3:]]),
        ("up", ["unlock", *STEPS[3:]]),
        ("play site", STEPS[4:]),
        ("play whole", STEPS[5:]),
    ],
)
def test_a_run_that_ended_is_gone_on_from(record: Record, ends: str, again: list[str]) -> None:
    world = World(ends=ends)
    with pytest.raises(FlashtierError):
        go(record, world)
    known = record.read()
    assert known is not None
    assert known.host == HOST
    world.ran, world.ends = [], ""
    go(record, world)
    assert world.ran == again
    assert record.read() is None


def test_another_host_in_the_middle_of_it_is_finished_first(record: Record) -> None:
    record.write(Progress("db1", "away"))
    world = World()
    with pytest.raises(FlashtierError, match="First: flashtier rehydrate --host db1") as raised:
        go(record, world)
    assert "\n" not in str(raised.value)
    assert world.ran == []


@pytest.mark.parametrize(
    "inputs",
    [{"name": HOST, "disableApiTermination": True}, {"tags": {"Host": HOST}, "disableApiTermination": True}],
)
def test_a_host_that_ec2_refuses_to_end_is_left_alone(record: Record, inputs: dict[str, Any]) -> None:
    world = World()
    world.there = resource(type="aws:ec2/instance:Instance", inputs=inputs)
    with pytest.raises(FlashtierError, match=f"host = {HOST}: EC2 refuses to end it") as raised:
        go(record, world)
    assert "\n" not in str(raised.value)
    assert world.ran == []


def test_a_host_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(FlashtierError, match="host = db9: must be one of") as raised:
        work.host_of(CONTRACT, "db9")
    assert "db1" in str(raised.value)
    assert work.host_of(CONTRACT, "db1").name == "db1"


def test_a_host_with_drives_of_its_own_is_refused() -> None:
    host = CONTRACT.host("db1")
    volumes = tuple(one.model_copy(update={"volume_class": "instance-store"}) for one in host.volumes)
    erased = host.model_copy(update={"volumes": volumes})
    contract = CONTRACT.model_copy(
        update={"hosts": tuple(erased if one.name == "db1" else one for one in CONTRACT.hosts)}
    )
    with pytest.raises(FlashtierError, match="lose their content"):
        work.host_of(contract, "db1")


def test_the_outage_is_named_to_both_playbooks(record: Record) -> None:
    seen: list[Sequence[str]] = []
    world = World()

    def run(words: Sequence[str], seconds: float) -> None:
        seen.append(words)
        world.run(words, seconds)

    work.steps(STACK, HOST, "edge1", record, world.exported, run)
    procedures = [one for one in seen if "ansible/playbooks/rehydrate.yml" in one]
    assert [("outage=edge1" in one) for one in procedures] == [True, True]


@pytest.mark.parametrize(("words", "takes"), [(("pulumi", "up"), True), (("pulumi", "state"), False)])
def test_a_declaration_elsewhere_is_pulumis_too(
    words: tuple[str, ...], takes: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    argv = called(monkeypatch, 0, lambda run: run(words, 5), tmp_path / "declared.yaml")
    assert ("--config-file" in argv) is takes


def test_a_command_that_fails_says_that_it_is_gone_on_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(FlashtierError, match="run the same line again") as raised:
        called(monkeypatch, 4, lambda run: run(("pulumi", "up"), 5), None)
    assert "`pulumi up` ended with 4" in str(raised.value)


def called(
    monkeypatch: pytest.MonkeyPatch, code: int, use: Callable[[work.Run], None], file: Path | None
) -> list[str]:
    found: list[str] = []

    class Done:
        returncode = code

    def stand_in(argv: list[str], **options: Any) -> Done:
        assert options["timeout"] == 5
        assert options["env"]["FLASHTIER_STACK"] == STACK
        found.extend(argv)
        return Done()

    monkeypatch.setattr(work.subprocess, "run", stand_in)
    use(work.running(STACK, file))
    return found
