"""Runs a module of ansible/plugins/modules from its `main` to its answer, in this process to be quick."""

from __future__ import annotations

import contextlib
import functools
import grp
import importlib.util
import io
import json
import os
import pwd
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.testing import patch_module_args

from infra.paths import ROOT

MODULES = ROOT / "ansible" / "plugins" / "modules"
AS_ROOT = os.geteuid() == 0


def me() -> dict[str, str]:
    """Who files belong to that this process makes."""
    return {"owner": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}


#: What the modules share, in the order in which one imports the other; Ansible finds them by ansible.cfg.
SHARED = ("host_paths", "host_entries", "etcd_api", "etcd_keys")


@functools.cache
def load(name: str) -> ModuleType:
    for shared in SHARED:
        full = f"ansible.module_utils.{shared}"
        if full not in sys.modules:
            # It stays there: dataclasses ask for their module.
            sys.modules[full] = _executed(full, MODULES.parent / "module_utils" / f"{shared}.py")
    return _executed(name, MODULES / f"{name}.py")


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict("sys.modules", {name: module}):
        spec.loader.exec_module(module)
    return module


def run(
    name: str, arguments: dict[str, Any], folder: Path, *, check: bool = False, diff: bool = False
) -> dict[str, Any]:
    """The answer of the module; `folder` takes its temporary files, and its bin/ comes first on PATH."""
    remote = folder / "remote"
    remote.mkdir(exist_ok=True)
    options = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(remote)}
    said = io.StringIO()
    with (
        patch_module_args(arguments | options),
        mock.patch.dict(os.environ, {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}),
        contextlib.redirect_stdout(said),
        pytest.raises(SystemExit) as end,
    ):
        load(name).main()
    answer: dict[str, Any] = json.loads(said.getvalue())
    assert end.value.code == (1 if answer.get("failed") else 0)
    return answer


def program(folder: Path, name: str, script: str) -> Path:
    """An executable in `folder`/bin that stands for one of the host's."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def entry(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), **me(), **more}


def keep(
    folder: Path, *files: dict[str, Any], check: bool = False, diff: bool = False, **task: Any
) -> dict[str, Any]:
    return run("host_files", {"files": list(files), **task}, folder, check=check, diff=diff)


def mode(path: Path) -> str:
    return f"{path.lstat().st_mode & 0o7777:04o}"


def contents(folder: Path) -> dict[str, str]:
    """Every path below `folder` with what it is, to see that nothing changed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = (
            f"-> {path.readlink()}" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        )
        found[str(path.relative_to(folder))] = f"{mode(path)} {kind}"
    return found
