"""patches/own-reinitialize-refused: a copy is not removed where Patroni itself can make none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

Load = Callable[[bool], Any]
REFUSED = (
    "copies are made by ansible-playbook ansible/playbooks/replace_member.yml -e member=db2,"
    " nothing was changed"
)


class Executor:
    """In place of Patroni's, which runs it in a thread. `ran`: what it was given."""

    def __init__(self) -> None:
        self.ran: list[dict[str, Any]] = []
        self.cancelled = False

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def cancel(self) -> None:
        self.cancelled = True

    def schedule(self, action: str) -> None:
        return

    def run_async(self, action: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.ran.append({"action": action, "args": args})


def asked(modules: Any, methods: list[str], **how: bool) -> tuple[str | None, Executor]:
    """What POST /reinitialize is answered on db2, and what it has started; None: it goes on."""
    executor = Executor()
    this = SimpleNamespace(
        state_handler=SimpleNamespace(name="db2", create_replica_methods=methods),
        _async_executor=executor,
        cluster=SimpleNamespace(is_unlocked=lambda: False),
        has_lock=lambda info=True: False,
        load_cluster_from_dcs=lambda: None,
        _do_reinitialize=lambda *_: None,
    )
    return modules.ha.Ha.reinitialize(this, **how), executor


@pytest.mark.parametrize(
    "how", [{}, {"force": True}, {"from_leader": True}], ids=["plain", "force", "leader"]
)
@pytest.mark.parametrize("patched", [False, True])
def test_a_healthy_copy_stays(load: Load, patched: bool, how: dict[str, bool]) -> None:
    said, executor = asked(load(patched), ["by_the_play"], **how)
    assert said == (REFUSED if patched else None)
    assert len(executor.ran) == (0 if patched else 1)
    assert not (patched and executor.cancelled)


@pytest.mark.parametrize("methods", [[], ["basebackup"], ["by_the_play", "basebackup"]])
def test_other_methods_are_patronis_own(load: Load, methods: list[str]) -> None:
    said, executor = asked(load(True), methods)
    assert (said, len(executor.ran)) == (None, 1)


def test_the_kit_declares_the_method_that_is_refused() -> None:
    """The template and the patch go together."""
    template = Path(__file__).parents[2] / "templates" / "patroni" / "patroni.yml.j2"
    assert "create_replica_methods: [by_the_play]" in template.read_text()
