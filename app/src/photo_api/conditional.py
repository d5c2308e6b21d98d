"""RFC 9110's conditional and range requests (13.2.2, 14.2) for a resource whose bytes never change."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from starlette.datastructures import Headers

_ETAG = re.compile(r'(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")')
_RANGES = re.compile(r"bytes=\s*(?P<specs>[\d,\s-]*)", re.ASCII | re.IGNORECASE)
_SPEC = re.compile(r"(?P<first>\d{0,19})-(?P<last>\d{0,19})", re.ASCII)


@dataclass(frozen=True)
class Representation:
    """`etag` is a strong one, in its quotes; `modified` has a time zone; `size` in bytes."""

    etag: str
    modified: datetime
    size: int

    @property
    def last_modified(self) -> str:
        return format_datetime(self.modified.astimezone(UTC).replace(microsecond=0), usegmt=True)


@dataclass(frozen=True)
class Outcome:
    """200, 206 with the range's first and last byte, 304, 412 or 416."""

    status: HTTPStatus
    first: int = 0
    last: int = 0


def evaluate(method: str, headers: Headers, held: Representation) -> Outcome:
    """What a GET or HEAD for `held` is answered with."""
    if (match := _joined(headers, "if-match")) is not None:
        if not _listed(match, held.etag, weakly=False):
            return Outcome(HTTPStatus.PRECONDITION_FAILED)
    elif (since := _date(headers, "if-unmodified-since")) is not None and _seconds(held) > since:
        return Outcome(HTTPStatus.PRECONDITION_FAILED)
    if (match := _joined(headers, "if-none-match")) is not None:
        if _listed(match, held.etag, weakly=True):
            return Outcome(HTTPStatus.NOT_MODIFIED)
    elif (since := _date(headers, "if-modified-since")) is not None and _seconds(held) <= since:
        return Outcome(HTTPStatus.NOT_MODIFIED)
    # A range counts for GET only, and where the client's part, if it has one, is of the same bytes.
    if method != "GET" or "range" not in headers or not _same_for_range(headers, held):
        return Outcome(HTTPStatus.OK)
    return _range(headers["range"], held.size)


def _range(value: str, size: int) -> Outcome:
    """One range. Several are answered with the whole, as the RFC allows, and so is what is not a range of bytes."""
    whole = Outcome(HTTPStatus.OK)
    found = _RANGES.fullmatch(value.strip())
    specs = [spec.strip() for spec in found["specs"].split(",") if spec.strip()] if found else []
    if len(specs) != 1 or (spec := _SPEC.fullmatch(specs[0])) is None:
        return whole
    first, last = spec["first"], spec["last"]
    if not first and not last:
        return whole
    if not first:
        begin, end = size - min(int(last), size), size - 1
    else:
        begin, end = int(first), min(int(last) if last else size - 1, size - 1)
        if last and int(last) < begin:
            return whole
    if begin >= size:
        return Outcome(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return Outcome(HTTPStatus.PARTIAL_CONTENT, begin, end)


def _same_for_range(headers: Headers, held: Representation) -> bool:
    condition = headers.get("if-range")
    if condition is None:
        return True
    if condition.strip().startswith('"'):
        return condition.strip() == held.etag
    # A weak entity tag never matches here; a date only exactly.
    return condition.strip() == held.last_modified


def _joined(headers: Headers, name: str) -> str | None:
    """A list may come in several lines of the same name."""
    lines = headers.getlist(name)
    return ", ".join(lines) if lines else None


def _listed(value: str, etag: str, *, weakly: bool) -> bool:
    if value.strip() == "*":
        return True
    return any(found["tag"] == etag and (weakly or not found["weak"]) for found in _ETAG.finditer(value))


def _seconds(held: Representation) -> datetime:
    return held.modified.replace(microsecond=0)


def _date(headers: Headers, name: str) -> datetime | None:
    """None where it is absent or not a date: the RFC has it ignored then."""
    try:
        date = parsedate_to_datetime(headers.get(name, ""))
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
