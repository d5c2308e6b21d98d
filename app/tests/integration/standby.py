"""A standby that is lost and found again, played by the primary's settings."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.conftest import Cluster


class Standby:
    """The standby that the cluster's commits wait for, as far as it can be told without one: gone, or not asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.logged = 0

    async def lose(self) -> None:
        """From now on no commit is confirmed."""
        await self._configure("SET synchronous_standby_names = 'lost'")
        connection = await self.cluster.connect("postgres")
        async with asyncio.timeout(20):
            with contextlib.suppress(TimeoutError):
                while True:
                    await connection.execute("SELECT pg_logical_emit_message(true, '', '')", timeout=0.3)
        await connection.close()
        self.logged = len(self._log())

    async def find(self) -> None:
        """Commits that wait go on, too, and new ones do not wait."""
        await self._configure("RESET synchronous_standby_names")
        connection = await self.cluster.connect("postgres")
        await connection.execute("SELECT pg_logical_emit_message(true, '', '')", timeout=20)
        await connection.close()

    def log(self) -> str:
        """What the server has logged since the standby was last lost."""
        return self._log()[self.logged :]

    def _log(self) -> str:
        return (self.cluster.data / "log").read_text()

    async def backends(self) -> list[int]:
        """The connections of the application."""
        connection = await self.cluster.connect("postgres")
        rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE usename = 'photos_app'")
        await connection.close()
        return [row["pid"] for row in rows]

    async def waiting(self, number: int = 1, role: str = "photos_app") -> list[int]:
        """The backends of `role` whose commits wait, once there are so many."""
        statement = f"SELECT pid FROM pg_stat_activity WHERE usename = '{role}' AND wait_event = 'SyncRep'"  # noqa: S608
        connection = await self.cluster.connect("postgres")
        async with asyncio.timeout(20):
            while len(found := [row["pid"] for row in await connection.fetch(statement)]) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await connection.close()
        return found

    async def tell(self, function: str, pid: int) -> None:
        connection = await self.cluster.connect("postgres")
        assert await connection.fetchval(f"SELECT {function}($1)", pid)
        await connection.close()

    async def _configure(self, change: str) -> None:
        connection = await self.cluster.connect("postgres")
        await connection.execute(f"ALTER SYSTEM {change}")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
