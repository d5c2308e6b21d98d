"""How the program runs in Pulumi's Python SDK, on the SDK's own mocks."""

from __future__ import annotations

import asyncio
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, reset_options, run_in_stack

from infra import program
from infra.errors import EnvironmentInvalid

RESOURCES = 60


class Everything(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return args.name, {}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(args.token)


def ran(monkeypatch: pytest.MonkeyPatch, declare: Any) -> None:
    """Run the program as Pulumi's language host does, with `declare` for what it declares."""
    monkeypatch.setattr(program, "_declare", declare)

    reset_options()  # other tests leave a stack behind

    async def whole() -> None:
        settings = mocks.MockSettings(
            monitor=mocks.MockMonitor(Everything()),
            engine=mocks.MockEngine(None),
            project="flashtier",
            stack="unit",
            callbacks=None,
        )
        pulumi.runtime.configure(settings)
        await run_in_stack(lambda: program.run("unit", None))

    try:
        asyncio.run(whole())
    finally:
        reset_options()


def declared(*_: Any) -> dict[str, pulumi.Output[Any]]:
    made = [pulumi.ComponentResource("unit:index:Thing", f"thing{index}") for index in range(RESOURCES)]
    return {"contract": pulumi.Output.all(*(one.urn for one in made))}


def test_outputs_are_not_checked_again_for_each_resource(monkeypatch):
    """That wait of the SDK takes the square of the resources: seconds of a preview of prod."""
    looked: list[int] = []
    wait = asyncio.wait

    def counted(tasks: Any, **options: Any) -> Any:
        looked.append(len(tasks))
        return wait(tasks, **options)

    monkeypatch.setattr(asyncio, "wait", counted)
    ran(monkeypatch, declared)
    assert sum(looked) < RESOURCES


def test_a_fault_is_said_once_and_ends_the_program_without_a_trace(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", said.append)

    def faulty(*_: Any) -> dict[str, pulumi.Output[Any]]:
        raise EnvironmentInvalid(["one", "two"])

    with pytest.raises(SystemExit) as ended:
        ran(monkeypatch, faulty)
    assert (said, ended.value.code) == (["one\ntwo"], program.ACTIONABLE)
