"""Patroni as the lock has it, and as the hosts get it: with the patches that tools/wheels applies."""

from __future__ import annotations

import base64
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tools.wheelhouse.patches import applied
from tools.wheelhouse.project import PROJECTS


def published() -> dict[str, str]:
    """The modules of the installed wheel, each as its RECORD says: no one changed them in place."""
    texts = {}
    for file in distribution("patroni").files or []:
        if file.suffix == ".py":
            data = file.read_binary()
            assert file.hash is not None
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert file.hash.value == digest, f"{file}: changed after it was installed; run `make setup`"
            texts[str(file)] = data.decode()
    return texts


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A folder to import Patroni from: without and with the patches."""
    texts = published()
    folders = {}
    for patched in (False, True):
        folders[patched] = tmp_path_factory.mktemp("patched" if patched else "published")
        changed = applied(texts, PROJECTS["patroni"].patches()) if patched else {}
        for name, text in {**texts, **changed}.items():
            path = folders[patched] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return folders


def ours() -> dict[str, ModuleType]:
    """The modules of Patroni that are imported."""
    return {name: module for name, module in sys.modules.items() if name.split(".")[0] == "patroni"}


def imported_from(folder: Path, *more: str) -> dict[str, ModuleType]:
    """The modules of the Patroni in `folder`, with `more`; none of them can be imported by its name."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    importlib.import_module("patroni.postgresql")  # as the daemon does; the other way around is a circle
    importlib.import_module("patroni.ha")
    importlib.import_module("patroni.api")
    for name in more:
        importlib.import_module(name)
    sys.path.remove(str(folder))
    found = ours()
    for name in found:
        del sys.modules[name]
    return found


@pytest.fixture(scope="session")
def imported(trees: dict[bool, Path]) -> dict[bool, dict[str, ModuleType]]:
    """Both, each imported once."""
    return {patched: imported_from(folder) for patched, folder in trees.items()}


@pytest.fixture
def load(imported: dict[bool, dict[str, ModuleType]]) -> Iterator[Callable[[bool], Any]]:
    """One of the two, for as long as the test takes."""

    def loaded(patched: bool) -> Any:
        assert ours() == {}
        modules = imported[patched]
        sys.modules.update(modules)

        def settings(data: dict[str, Any]) -> None:
            config: Any = modules["patroni.global_config"]
            config.update(SimpleNamespace(config=SimpleNamespace(modify_version=1, data=data)))

        return SimpleNamespace(
            ha=modules["patroni.ha"],
            api=modules["patroni.api"],
            dcs=modules["patroni.dcs"],
            sync=modules["patroni.postgresql.sync"],
            config=modules["patroni.postgresql.config"],
            settings=settings,
        )

    yield loaded
    for name in ours():
        del sys.modules[name]
