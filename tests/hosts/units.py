"""PostgreSQL's parameter values in one form, so that `512MB` and 65536 pages of 8 kB compare equal.

Units and their factors: PostgreSQL 17, section 20.1.1 "Parameter Names and Values".
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_KIB = Decimal(1024)
#: Bytes for memory, microseconds for time.
UNITS: dict[str, tuple[str, Decimal]] = {
    "B": ("bytes", Decimal(1)),
    "kB": ("bytes", _KIB),
    "MB": ("bytes", _KIB**2),
    "GB": ("bytes", _KIB**3),
    "TB": ("bytes", _KIB**4),
    "us": ("us", Decimal(1)),
    "ms": ("us", Decimal(1000)),
    "s": ("us", Decimal(1_000_000)),
    "min": ("us", Decimal(60_000_000)),
    "h": ("us", Decimal(3_600_000_000)),
    "d": ("us", Decimal(86_400_000_000)),
}
_BOOLEANS = {"on": "on", "true": "on", "yes": "on", "off": "off", "false": "off", "no": "off"}

Normal = tuple[str, str]


def normal(value: str, unit: str | None = None) -> Normal:
    """`value` as (dimension, amount). `unit` is pg_settings.unit, which applies where `value` carries none.

    Dimensions: bytes, us (microseconds), number, text. A unit such as `8kB` is a multiple of a base unit.
    Special values (-1, 0) keep their meaning whatever the unit: they compare as numbers.
    """
    text = value.strip().strip("'")
    if text.lower() in _BOOLEANS:
        return ("text", _BOOLEANS[text.lower()])
    match = re.fullmatch(r"(-?[0-9.]+)\s*([A-Za-z]+)?", text)
    if not match:
        return ("text", text)
    try:
        amount = Decimal(match[1])
    except InvalidOperation:
        return ("text", text)
    own = match[2]
    if own and own not in UNITS:
        return ("text", text)
    if amount <= 0 or not (own or unit):
        return ("number", _plain(amount))
    if own:
        dimension, factor = UNITS[own]
    else:
        multiple, base = re.fullmatch(r"([0-9]*)([A-Za-z]+)", unit or "").groups()  # type: ignore[union-attr]
        dimension, factor = UNITS[base]
        factor *= int(multiple or 1)
    return (dimension, _plain(amount * factor))


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
