"""Captions and tags in the form in which they are kept. First the form, then the limits: a form may be longer.

Line breaks of every system become one kind, and Unicode's composed form (NFC) makes equal text equal bytes.
"""

from __future__ import annotations

import re
import unicodedata

#: CR LF is what browsers send for a line break in a form; vertical tab and form feed are word processors' breaks.
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85]")
#: In a caption: all but tab and line feed.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
#: Characters that show nothing and join nothing: direction marks, zero-width spaces, the byte order mark. Two tags that
#: differ in them look the same. What joins stays: U+200C and U+200D (Persian, Indic scripts, families of emoji) and the
#: tag characters of flags (U+E0020 to U+E007F).
#: Written as JavaScript reads it, too: the API's description holds it.
INVISIBLE = r"\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_INVISIBLE = re.compile(rf"[{INVISIBLE}\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001]")
JOINERS = r"\u200c\u200d"
_JOINERS_AROUND = re.compile(rf"^[{JOINERS}]+|[{JOINERS}]+$")


def caption(text: str) -> str:
    """Raises `ValueError` for control characters."""
    text = _LINE_BREAK.sub("\n", text)
    if _CONTROL.search(text):
        raise ValueError("must hold no control characters other than line breaks and tabs")
    return unicodedata.normalize("NFC", text.strip())


def tag(text: str) -> str:
    """Compared without regard to case. Raises `ValueError` for spaces, commas and control characters inside."""
    visible = _JOINERS_AROUND.sub("", _INVISIBLE.sub("", text).strip())
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", visible).casefold())
    # `strip` takes some control characters for spaces: the text as it was sent is searched.
    if _CONTROL.search(text) or any(c.isspace() or c == "," for c in folded):
        raise ValueError("must hold no spaces, commas or control characters; use '-' to join words")
    return folded
