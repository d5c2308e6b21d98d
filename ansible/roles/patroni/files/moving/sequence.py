"""The steps of a move, in their order. Whatever ends one, the member runs again on what its mounts show."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from moving import copying, mounts
from moving.errors import MoveError
from moving.plan import KEPT, Part, Plan
from moving.preview import room
from moving.report import STOPPED, Report


class Standby(Protocol):
    """What the steps ask of the member; `moving.member` has it."""

    def may_leave(self) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...
    def is_up(self) -> bool: ...
    def wait_until_it_counts(self) -> None: ...
    def received(self) -> int: ...


def move(plan: Plan, member: Standby, report: Report) -> None:
    """Raises `MoveError`; what was in use is in use again then, or what replaced it is whole."""
    report.phase("checks the volumes")
    for part in plan.parts:
        mounts.settle(part)
    parts = [part for part in plan.parts if mounts.shown(part) is part.origin]
    for line in room(plan, parts, member.received):
        raise MoveError(line)
    member.may_leave()
    report.phase("copies while the server runs")
    for part in parts:
        if part.purpose in KEPT:
            copying.copy(part.source, part.coming, by_content=False, progress=report.progress)
    member.may_leave()
    out = time.monotonic()
    (report.folder / STOPPED).touch()
    try:
        report.phase("stops the server")
        member.stop()
        _finish(plan, parts, report)
    except MoveError as error:
        # Both are for a person: why it stopped, and that the member did not come back.
        try:
            _run_again(plan, member, report)
        except MoveError as after:
            raise MoveError(f"{error}; then: {after}") from after
        raise
    _run_again(plan, member, report)
    report.end(out=round(time.monotonic() - out, 2), bytes=sum(copying.size(part.goal) for part in parts))


def _run_again(plan: Plan, member: Standby, report: Report) -> None:
    report.phase("starts the server")
    _show(plan)
    member.start()
    report.phase("waits until it counts as a copy")
    member.wait_until_it_counts()
    (report.folder / STOPPED).unlink()


def _show(plan: Plan) -> None:
    """Have each path show what its unit names."""
    for part in plan.parts:
        mounts.settle(part)
        mounts.mount(part)
    mounts.tidy(plan)


def _finish(plan: Plan, parts: list[Part], report: Report) -> None:
    """The copy becomes exact, is checked, and is shown."""
    report.phase("copies what has changed")
    for part in parts:
        copying.copy(part.source, part.coming, by_content=True, progress=report.progress)
    report.phase("checks the copy's blocks")
    for part in parts:
        if part.purpose == "data":
            copying.checksums(plan.programs, part.coming / plan.cluster)
    report.phase("compares the copy with what it is of")
    for part in parts:
        if found := copying.differences(part.source, part.coming):
            raise MoveError(
                f"{plan.member}: {part.coming} is not what {part.source} is: {len(found)} differences, such"
                f" as '{found[0]}'. The old copy stays in use; start again: the move copies what differs"
            )
    report.phase("swaps the volumes")
    for part in parts:
        mounts.swap(part, plan.markers)


def resume(plan: Plan, member: Standby, folder: Path) -> None:
    """After a move that could not end by itself: the member runs again, if it was stopped."""
    if not (folder / STOPPED).exists():
        return
    _show(plan)
    if not member.is_up():
        member.start()
    (folder / STOPPED).unlink()
