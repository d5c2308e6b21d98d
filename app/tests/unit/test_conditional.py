"""RFC 9110's precedence of conditions (13.2.2) and its ranges (14.1.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from starlette.datastructures import Headers

from photo_api import conditional as subject

ETAG = '"abc"'
HELD = subject.Representation(ETAG, datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC), 1000)
DATE, BEFORE, AFTER = (f"Wed, 04 Mar 2026 05:06:{second:02d} GMT" for second in (7, 6, 8))


def status(*headers: tuple[str, str], method: str = "GET") -> int:
    return outcome(*headers, method=method).status


def outcome(*headers: tuple[str, str], method: str = "GET") -> subject.Outcome:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return subject.evaluate(method, Headers(raw=raw), HELD)


def test_the_date_is_a_date_of_http():
    assert HELD.last_modified == DATE


@pytest.mark.parametrize(
    ("name", "value", "answered"),
    [
        ("If-None-Match", ETAG, 304),
        ("If-None-Match", f"W/{ETAG}", 304),
        ("If-None-Match", f'"x", {ETAG}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x"', 200),
        ("If-None-Match", '"abcd"', 200),
        ("If-None-Match", "abc", 200),
        ("If-Match", ETAG, 200),
        ("If-Match", "*", 200),
        ("If-Match", f"W/{ETAG}", 412),
        ("If-Match", '"x"', 412),
        ("If-Modified-Since", DATE, 304),
        ("If-Modified-Since", AFTER, 304),
        ("If-Modified-Since", BEFORE, 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Modified-Since", "Wednesday, 04-Mar-26 05:06:07 GMT", 304),
        ("If-Modified-Since", "Wed Mar  4 05:06:07 2026", 304),
        ("If-Unmodified-Since", DATE, 200),
        ("If-Unmodified-Since", BEFORE, 412),
        ("If-Unmodified-Since", "yesterday", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_condition(method, name, value, answered):
    assert status((name, value), method=method) == answered


def test_entity_tags_go_before_dates():
    assert status(("If-None-Match", '"x"'), ("If-Modified-Since", AFTER)) == 200
    assert status(("If-Match", ETAG), ("If-Unmodified-Since", BEFORE)) == 200


def test_a_list_in_several_lines_is_one_list():
    assert status(("If-None-Match", '"x"'), ("If-None-Match", ETAG)) == 304


def test_what_must_match_is_checked_before_what_must_not():
    assert status(("If-Match", '"x"'), ("If-None-Match", ETAG)) == 412


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-499", 0, 499),
        ("bytes=500-", 500, 999),
        ("bytes=-200", 800, 999),
        ("bytes=-2000", 0, 999),
        ("bytes=999-5000", 999, 999),
        ("bytes= 1-2 , ", 1, 2),
        ("Bytes=1-2", 1, 2),
    ],
)
def test_one_range(value, first, last):
    assert outcome(("Range", value)) == subject.Outcome(subject.HTTPStatus.PARTIAL_CONTENT, first, last)


@pytest.mark.parametrize("value", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_that_has_no_byte_is_refused(value):
    assert status(("Range", value)) == 416


@pytest.mark.parametrize(
    "value", ["bytes=2-1", "bytes=-", "bytes=", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=0" + "9" * 40 + "-"]
)
def test_what_is_not_one_range_is_answered_with_the_whole(value):
    assert status(("Range", value)) == 200


def test_head_has_no_ranges():
    assert status(("Range", "bytes=0-1"), method="HEAD") == 200


@pytest.mark.parametrize(
    ("condition", "answered"),
    [(ETAG, 206), ('"x"', 200), (f"W/{ETAG}", 200), (DATE, 206), (BEFORE, 200), (AFTER, 200)],
)
def test_a_range_of_other_bytes_is_answered_with_the_whole(condition, answered):
    assert status(("Range", "bytes=0-1"), ("If-Range", condition)) == answered


def test_a_range_of_what_the_client_has_is_not_sent():
    assert status(("Range", "bytes=0-1"), ("If-None-Match", ETAG)) == 304
