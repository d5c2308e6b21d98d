"""Captions and tags as they are kept, and how a page knows the next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from photo_api import schemas as subject
from photo_api.photos import Photo

tag = TypeAdapter(subject.Tag).validate_python
tags = TypeAdapter(subject.Tags).validate_python
caption = TypeAdapter(subject.Caption).validate_python


def photo(photo_id: int) -> Photo:
    return Photo(
        photo_id, 7, b"\x01" * 32, 10, 1, 1, "", (), None, None, None, None, 0, datetime(2026, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" Sunset ", "sunset"), ("STRASSE", "strasse"), ("e\u0301te\u0301", "\u00e9t\u00e9"), ("x" * 50, "x" * 50)],
)
def test_tags_compare_without_case_or_spelling(given, kept):
    assert tag(given) == kept


@pytest.mark.parametrize("given", ["", "  ", "x" * 51, "two words", "a,b", "nul\0", "line\nbreak", "\u200b"])
def test_refuses_other_tags(given):
    with pytest.raises(ValidationError):
        tag(given)


def test_a_tag_counts_once_and_keeps_its_place():
    assert tags(["b", "A", "B", "a"]) == ["b", "a"]


def test_refuses_more_tags_than_may_be():
    with pytest.raises(ValidationError):
        tags([f"t{n}" for n in range(subject.MAX_TAGS + 1)])


def test_captions_keep_their_lines_but_no_control_characters():
    assert caption(" two\nlines\t ") == "two\nlines"
    with pytest.raises(ValidationError):
        caption("nul\0")
    with pytest.raises(ValidationError):
        caption("x" * 2001)


def test_a_full_page_leads_on_and_the_last_does_not():
    assert subject.PageOut.of([photo(3), photo(2), photo(1)], 2).next == 2
    last = subject.PageOut.of([photo(3), photo(2)], 2)
    assert last.next is None
    assert [p.id for p in last.photos] == [3, 2]
