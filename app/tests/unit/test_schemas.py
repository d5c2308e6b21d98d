"""How a page leads to the next."""

from __future__ import annotations

from datetime import UTC, datetime

from photo_api import schemas as subject
from photo_api.photos import Photo


def photo(photo_id: int) -> Photo:
    return Photo(
        photo_id, 7, b"\x01" * 32, 10, 1, 1, "", (), None, None, None, None, 0, datetime(2026, 1, 1, tzinfo=UTC)
    )


def test_a_full_page_leads_on_and_the_last_does_not():
    assert subject.PageOut.of([photo(3), photo(2), photo(1)], 2).next == 2
    last = subject.PageOut.of([photo(3), photo(2)], 2)
    assert last.next is None
    assert [p.id for p in last.photos] == [3, 2]
