"""Captions and tags in the form in which they are kept, and limits that hold for that form."""

from __future__ import annotations

import re

import pytest
from pydantic import TypeAdapter, ValidationError

from photo_api import schemas as subject

tag = TypeAdapter(subject.Tag).validate_python
tags = TypeAdapter(subject.Tags).validate_python
caption = TypeAdapter(subject.Caption).validate_python
FAMILY, PERSIAN, SCOTLAND = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Sunset ", "sunset"),
        ("STRASSE", "strasse"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("x" * 50, "x" * 50),
        (FAMILY, FAMILY),
        (PERSIAN, PERSIAN),
        (SCOTLAND, SCOTLAND),
        ("\u200f\u05e9\u05dc\u05d5\u05dd\u200f", "\u05e9\u05dc\u05d5\u05dd"),
        ("\ufeffsea", "sea"),
        ("sea\u200d", "sea"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\U0001fae9", "\U0001fae9"),  # of a Unicode newer than Python's tables
        ("\uf8ff", "\uf8ff"),  # private use: a maker's logo
    ],
)
def test_tags_that_look_the_same_are_the_same(given, kept):
    assert tag(given) == kept
    assert tag(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "  ",
        "x" * 51,
        "two words",
        "a,b",
        "nul\0",
        "\x1csea",
        "sea\x85",
        "line\nbreak",
        "\u200b",
        "\u200d\u200c",
        "\u00df" * 26,
    ],
)
def test_refuses_other_tags(given):
    with pytest.raises(ValidationError):
        tag(given)


def test_a_tag_counts_once_and_keeps_its_place():
    assert tags(["b", "A", "B", "a"]) == ["b", "a"]


def test_refuses_more_tags_than_may_be():
    with pytest.raises(ValidationError):
        tags([f"t{n}" for n in range(subject.MAX_TAGS + 1)])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" two\nlines\t ", "two\nlines"),
        ("a browser's\r\nline break", "a browser's\nline break"),
        ("old\rMac, word\vprocessor, form\ffeed, mainframe\x85", "old\nMac, word\nprocessor, form\nfeed, mainframe"),
        (FAMILY, FAMILY),
        ("x" * 2000 + "  ", "x" * 2000),
        ("\r\n" * 10 + "x" * 1995, "x" * 1995),
    ],
)
def test_captions_as_people_write_them(given, kept):
    assert caption(given) == kept
    assert caption(kept) == kept


@pytest.mark.parametrize("given", ["nul\0", "escape\x1b", "x" * 2001])
def test_refuses_other_captions(given):
    with pytest.raises(ValidationError):
        caption(given)


def test_a_caption_that_grows_in_its_last_form_is_held_to_the_limit():
    """U+095C is two characters in form NFC, in which PostgreSQL counts 2,010 of 2,000."""
    with pytest.raises(ValidationError, match="at most 2000 characters"):
        caption("x" * 1990 + "\u095c" * 10)


@pytest.mark.parametrize(
    ("model", "accepted", "refused"),
    [
        (
            subject.Tag,
            ["sea", " Sunset ", "\u00a0\U0005c81e", "\u200b sea \u200b", FAMILY, PERSIAN, SCOTLAND],
            [
                *("", " ", "two words", "a,b", "nul\0", "\x1csea", "sea\x85", "\u200b", "\u200d", "\u200d sea"),
                *("x" * 51, "x" * 50 + " "),
            ],
        ),
        (subject.Caption, ["", "two\nlines", "main\x85frame", FAMILY], ["nul\0", "escape\x1b", "x" * 2001]),
    ],
)
def test_what_is_enforced_is_declared(model, accepted, refused):
    schema = TypeAdapter(model).json_schema()

    def declared(text: str) -> bool:
        return len(text) <= schema["maxLength"] and re.search(schema["pattern"], text) is not None

    assert [text for text in accepted if not (declared(text) and enforced(model, text))] == []
    assert [text for text in refused if declared(text) or enforced(model, text)] == []


def enforced(model, text: str) -> bool:
    try:
        TypeAdapter(model).validate_python(text)
    except ValidationError:
        return False
    return True
