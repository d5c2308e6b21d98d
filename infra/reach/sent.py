"""Packages of this tree as one program for a host that has no such tree, only Python."""

from __future__ import annotations

import base64
import zlib

from infra.paths import ROOT

#: Sent along with every program.
SHARED = "infra.reach.onhost"


def program(package: str, call: str) -> str:
    """The text of a program: the package's modules can be imported under their own names, then `call` runs.

    Those of `infra.reach.onhost` can be imported, too; of other packages nothing can. `call` sees `answer`,
    which the package has in a module of that name, and `json` and `sys`.
    """
    packages = (package, SHARED)
    modules = {
        f"{name}.{path.stem}": path.read_text()
        for name in packages
        for path in sorted((ROOT / name.replace(".", "/")).glob("*.py"))
        if path.stem != "__init__"
    }
    above = sorted({name.rsplit(".", steps)[0] for name in packages for steps in range(name.count(".") + 1)})
    source = f"""
import importlib.abc, importlib.util, json, sys
modules = {modules!r}
class Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        package = name in {above!r}
        if package or name in modules:
            return importlib.util.spec_from_loader(name, self, is_package=package)
    def exec_module(self, module):
        exec(modules.get(module.__name__, ""), module.__dict__)
sys.meta_path.insert(0, Sent())
from {package}.answer import answer
{call}
"""
    packed = base64.b64encode(zlib.compress(source.encode())).decode()
    return f"import base64, zlib; exec(zlib.decompress(base64.b64decode({packed!r})))"
