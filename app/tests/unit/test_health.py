"""What /readyz grants a check."""

from __future__ import annotations

import asyncio
import time

import pytest

from photo_api import health
from photo_api.problems import database_unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def test_a_check_that_cannot_be_ended_at_once_is_not_waited_for():
    """A statement that is held takes as long as the hold, also after it was cancelled."""
    ended = asyncio.Event()

    async def held() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.5)
            ended.set()

    begun = time.monotonic()
    assert await health._outcome(held(), 0.05) == "no answer within 0.05 s"
    assert time.monotonic() - begun < 0.4
    async with asyncio.timeout(5):
        await ended.wait()


async def test_a_check_says_what_fails():
    async def fails() -> None:
        raise database_unavailable("gone")

    async def passes() -> None:
        return

    assert await health._outcome(fails(), 1) == "the database cannot be used: gone"
    assert await health._outcome(passes(), 1) == "ok"
