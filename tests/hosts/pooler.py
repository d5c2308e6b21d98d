"""pgBouncer's settings, as its files say and as its console shows them, in one form."""

from __future__ import annotations

from collections.abc import Mapping

from infra.contract import Contract

#: Of sections other than [pgbouncer].
COMMENTS = ("#", ";")
#: The console shows it in decimal.
OCTAL = {"unix_socket_mode"}


def pool_sizes(contract: Contract) -> dict[str, int]:
    """Connections of each pool: all that the app may use at once, and its reads that may be stale."""
    app = contract.app
    sizes = {app.database: app.pool_size + app.write_pool_size}
    return sizes | ({} if app.read_from_standbys is None else {reads_of(contract): app.pool_size})


def reads_of(contract: Contract) -> str:
    """The pool for reads that may be stale, where there is one."""
    return f"{contract.app.database}_read"


def declared_settings(text: str) -> dict[str, str]:
    """Settings of [pgbouncer] in the text of one or several files."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not line.lstrip().startswith(COMMENTS):
            found[name.strip()] = value.strip()
    return found


def differences(wanted: Mapping[str, str], shown: Mapping[str, str | None]) -> dict[str, str]:
    """What is not in effect: name -> both values, in words."""
    return {
        name: f"declared {value!r}, in effect {shown.get(name)!r}"
        for name, value in wanted.items()
        if normal(name, value) != shown_as(shown.get(name))
    }


def normal(name: str, value: str) -> str:
    if name in OCTAL:
        return str(int(value, 8))
    return shown_as(value)


def shown_as(value: str | None) -> str:
    """Numbers with and without a fraction are equal; nothing is the empty text."""
    try:
        return f"{float(value or ''):g}"
    except ValueError:
        return value or ""
