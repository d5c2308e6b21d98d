"""A stack goes forward: what a later release brought up is refused, in one line."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from infra.contract import Contract
from infra.errors import FlashtierError
from infra.paths import ROOT
from infra.release import RELEASE, refuse_later


def test_the_release_is_named_alike_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert project["version"] == newest[1] == RELEASE


@pytest.mark.parametrize("made", ["0.2.1", "0.10.0", "1.0.0"])
def test_a_stack_of_a_later_release_is_refused(made: str) -> None:
    contract = json.dumps({"stack": "local", "release": made, "a key of later": 1})
    said = f"stack local: release {made} brought it up, and this tree is 0.2.0"
    with pytest.raises(FlashtierError, match=said):
        refuse_later(contract, "0.2.0")
    later = contract.replace(made, f"{int(RELEASE.split('.')[0]) + 1}.0.0")
    with pytest.raises(FlashtierError, match="cannot be taken back"):
        Contract.from_json(later)


@pytest.mark.parametrize("made", [{"release": "0.2.0"}, {"release": "0.1.9"}, {}], ids=str)
def test_a_stack_of_this_release_or_an_earlier_one_goes_on(made: dict[str, str]) -> None:
    refuse_later(json.dumps({"stack": "local"} | made), "0.2.0")


def test_a_release_that_is_none_is_named() -> None:
    with pytest.raises(FlashtierError, match=r"contract\.release = 'new': a release is MAJOR.MINOR.PATCH"):
        refuse_later(json.dumps({"stack": "local", "release": "new"}), "0.2.0")
