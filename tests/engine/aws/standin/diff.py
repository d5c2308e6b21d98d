"""What a change of inputs does: an update in place, a new resource, or nothing the stand-in knows of,
which is an error."""

from __future__ import annotations

import json
from typing import Any

from pulumi.runtime.proto import provider_pb2 as wire

from infra.plugin.marshalling import UNKNOWN, from_wire
from standin import tags
from standin.account import Account
from standin.row import Refused, Row, Values


def changed(olds: Values, news: Values) -> set[str]:
    return {
        name for name in {*olds, *news} if name != "__defaults" and not _same(olds.get(name), news.get(name))
    }


def response(account: Account, row: Row, request: wire.DiffRequest) -> wire.DiffResponse:
    olds, news = from_wire(request.old_inputs), from_wire(request.news)
    ignored = {name.split(".")[0].split("[")[0] for name in request.ignoreChanges}
    found = changed(olds, news) - ignored
    replaces = {name for name in found if _makes_new(row, name, olds.get(name), news.get(name))}
    if row.new_if is not None:
        replaces |= row.new_if(found, olds, news)
    # A change of the provider's default tags is one of each resource's tags.
    recorded = from_wire(request.olds).get("tagsAll")
    if "tags" not in ignored and recorded is not None and recorded != tags.every(account, news):
        found.add("tags")
    for name in sorted(found - replaces):
        if not _changes_in_place(row, name):
            raise Refused("Unsupported", f"the stand-in does not know what a change of {name} does")
    kinds = wire.PropertyDiff
    answer = wire.DiffResponse
    return answer(
        changes=answer.DIFF_SOME if found else answer.DIFF_NONE,
        diffs=sorted(found),
        replaces=sorted(replaces),
        hasDetailedDiff=True,
        detailedDiff={
            name: kinds(kind=kinds.UPDATE_REPLACE if name in replaces else kinds.UPDATE, inputDiff=True)
            for name in sorted(found)
        },
        deleteBeforeReplace=bool(replaces)
        and (row.delete_before_replace or _keeps_its_name(row, olds, news)),
    )


def _makes_new(row: Row, name: str, old: Any, new: Any) -> bool:
    if name in row.new or name == "region":
        return True
    nested = {path.split(".")[1] for path in row.new if path.startswith(name + ".")}
    old, new = (value[0] if isinstance(value, list) and value else value for value in (old, new))
    if not nested or UNKNOWN in (old, new):
        return False
    old, new = old or {}, new or {}
    return any(not _same(old.get(key), new.get(key)) for key in nested if key in old)


def _changes_in_place(row: Row, name: str) -> bool:
    known = {"tags", *row.own, *row.changes, *(name for step in row.steps for name in step.properties)}
    return row.puts or name in known


def _keeps_its_name(row: Row, olds: Values, news: Values) -> bool:
    """A name that was given cannot be held by the old and the new one at a time."""
    given = row.auto and row.auto not in (news.get("__defaults") or [])
    return bool(given) and olds.get(row.auto) == news.get(row.auto)


def _same(old: Any, new: Any) -> bool:
    if old == new:
        return True
    # An empty list or false is what AWS has where nothing is said.
    if old in (None, [], {}, "", False) and new in (None, [], {}, "", False):
        return True
    if (isinstance(old, bool | int | float) and isinstance(new, str)) or (
        isinstance(old, str) and isinstance(new, bool | int)
    ):
        return str(old).lower() == str(new).lower()
    return isinstance(old, str) and isinstance(new, str) and _policy(old) == _policy(new) is not None


def _policy(text: str) -> Any:
    """A policy in JSON: its layout is not a difference."""
    if not text.startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
