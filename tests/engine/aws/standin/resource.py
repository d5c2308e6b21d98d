"""What the operations of the engine are for a row of the table."""

from __future__ import annotations

import uuid
from typing import Any

import jmespath

from infra.plugin.marshalling import UNKNOWN
from standin import convert, laws, tags
from standin.account import Account
from standin.row import Row, Step, Values

#: What no request carries.
_NEVER = {"tags", "region", "__defaults", "timeouts"}


def check(account: Account, row: Row, inputs: Values) -> None:
    """Raises `Bad` or `Refused` for what AWS would refuse, as far as a preview can know it."""
    _creation(account, row, inputs)
    for step in row.steps:
        if any(inputs.get(name) is not None for name in step.properties):
            _request(step, row, inputs, UNKNOWN)
    if row.check is not None:
        row.check(account, inputs)


def create(account: Account, row: Row, inputs: Values) -> str:
    """Returns the identity."""
    request = _creation(account, row, inputs)
    if row.recorded:
        convert.validate(row.service, row.create, request)
        laws.uphold(account, row.service, row.create, request)
        identity = (
            row.identity({}, inputs) if callable(row.identity) else f"{row.identity}-{uuid.uuid4().hex[:17]}"
        )
        account.record(identity, {**request, "Create": row.create})
        return identity
    answer = account.call(row.service, row.create, **row.for_moto(request))
    return row.identity(answer, inputs) if callable(row.identity) else jmespath.search(row.identity, answer)


def complete(account: Account, row: Row, identity: str, inputs: Values) -> None:
    """What follows a creation until all inputs are in effect."""
    for step in row.steps:
        if step.on_create and any(inputs.get(name) is not None for name in step.properties):
            _take(account, row, step, inputs, identity)
    if row.after is not None:
        row.after(account, identity, inputs)
    wanted = tags.every(account, inputs)
    if wanted and row.tagged and not tags.on_create(row):
        tags.change(account, row, identity, {}, wanted)


def find(account: Account, row: Row, identity: str, inputs: Values) -> Values | None:
    if row.recorded:
        return account.recorded(identity)
    if row.read is None:
        return {}
    if callable(row.read):
        return row.read(account, identity, inputs)
    return row.read.find(account, row.service, identity, inputs)


def update(
    account: Account,
    row: Row,
    identity: str,
    changed: set[str],
    olds: Values,
    news: Values,
    recorded: dict[str, str],
) -> None:
    wanted = tags.every(account, news)
    if row.recorded:
        account.record(identity, {**_creation(account, row, news), "Create": row.create})
        return
    if row.tagged and wanted != recorded:
        tags.change(account, row, identity, recorded, wanted)
    changed = changed - {"tags"} - (row.own - set(row.changes))
    for step in row.steps:
        if changed & set(step.properties):
            _take(account, row, step, news, identity)
    by_steps = {name for step in row.steps for name in step.properties}
    for function in dict.fromkeys(row.changes[name] for name in sorted(changed) if name in row.changes):
        function(account, identity, news, olds)
    if row.puts and changed - by_steps - set(row.changes):
        account.call(row.service, row.create, **row.for_moto(_creation(account, row, news)))


def delete(account: Account, row: Row, identity: str, inputs: Values) -> None:
    if row.recorded:
        laws.uphold(account, row.service, row.create.replace("create", "delete"), {"Identity": identity})
        account.forget(identity)
    elif callable(row.delete):
        row.delete(account, identity, inputs)
    elif row.delete is not None:
        operation, request = row.delete
        account.call(row.service, operation, **request(identity, inputs))


def seen(account: Account, row: Row, identity: str, inputs: Values, found: Values) -> Values:
    """The inputs as AWS shows them: what was changed by hand differs from what was declared."""
    real = dict(inputs)
    by_name = {convert.plain_name(key): value for key, value in found.items()}
    special = row.seen(account, identity, inputs, found) if row.seen is not None else {}
    for name, value in inputs.items():
        if name in _NEVER or name in row.own or name in row.blind or name in special:
            continue
        shown = by_name.get(convert.plain_name(row.rename.get(name, name)))
        if shown is not None:
            real[name] = _overlay(value, shown)
    for name, value in special.items():
        if value is not None:
            real[name] = _overlay(inputs[name], value) if name in inputs else value
    shown_tags = tags.read(account, row, identity, found) if row.tagged else None
    if shown_tags is not None:
        own = inputs.get("tags") or {}
        defaults = account.default_tags
        kept = {k: v for k, v in shown_tags.items() if k in own or defaults.get(k) != v}
        real["tags"] = {**kept}
        if not kept and "tags" not in inputs:
            del real["tags"]
    return real


def outputs(
    account: Account, row: Row, known: list[str], identity: str, inputs: Values, found: Values
) -> Values:
    """The inputs, what the read shows as plain values under the names that the SDK has, and the row's own."""
    by_name = {
        convert.plain_name(key): value for key, value in found.items() if isinstance(value, str | int | float)
    }
    made: Values = {
        name: by_name[convert.plain_name(name)] for name in known if convert.plain_name(name) in by_name
    }
    if row.kind:
        made["arn"] = account.arn(row.service, f"{row.kind}/{identity}")
    made.update(inputs)
    if "tagsAll" in known and (row.recorded or row.read is not None):
        shown = tags.read(account, row, identity, found) if row.tagged else None
        made["tagsAll"] = tags.every(account, inputs) if shown is None else shown
    made.update({k: v for k, v in row.outputs(account, identity, inputs, found).items() if v is not None})
    made["region"] = account.region
    return made


def _creation(account: Account, row: Row, inputs: Values) -> Values:
    by_steps = {name for step in row.steps if step.on_create for name in step.properties}
    left = {name: value for name, value in inputs.items() if name not in {*_NEVER, *row.own, *by_steps}}
    body = {row.rename.get(name, name): value for name, value in row.body(left).items()}
    request = convert.request(row.service, row.create, body)
    if row.create == "create_bucket" and account.region != "us-east-1":  # that one region must not be named
        request["CreateBucketConfiguration"] = {"LocationConstraint": account.region}
    if row.tagged:
        tags.into_request(row, request, tags.every(account, inputs))
    return request


def _take(account: Account, row: Row, step: Step, inputs: Values, identity: str) -> None:
    request = _request(step, row, inputs, identity)
    if request is not None:
        account.call(step.service or row.service, step.operation, **request)


def _request(step: Step, row: Row, inputs: Values, identity: str) -> Values | None:
    values = step.request(inputs, identity)
    return None if values is None else convert.request(step.service or row.service, step.operation, values)


def _overlay(declared: Any, shown: Any) -> Any:
    """The declared value with what is shown otherwise, at the leaves that both have."""
    if isinstance(declared, dict) and isinstance(shown, dict):
        by_name = {convert.plain_name(key): value for key, value in shown.items()}
        return {
            key: _overlay(value, by_name.get(convert.plain_name(key), value))
            for key, value in declared.items()
        }
    if isinstance(declared, list) and isinstance(shown, list):
        if len(declared) == len(shown) and all(isinstance(item, dict) for item in [*declared, *shown]):
            return [_overlay(a, b) for a, b in zip(declared, shown, strict=True)]
        plain = all(isinstance(item, str | int) for item in [*declared, *shown])
        return shown if plain and sorted(map(str, declared)) != sorted(map(str, shown)) else declared
    if isinstance(declared, dict | list) or isinstance(shown, dict | list):
        return declared
    return declared if str(declared).lower() == str(shown).lower() else shown
