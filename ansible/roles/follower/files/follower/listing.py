"""The list of pools as the follower keeps it: where each leads, of all that the settings name."""

from __future__ import annotations

from follower import ini
from follower.config import Config


class Misled(Exception):
    """The pools could not be pointed at the leader. What else is to be done is done all the same."""


class Listing:
    """`reads_from`: the standby that stale reads go to; None: the leader."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reads_from: str | None = None

    def make(self, known: str | None) -> bool:
        """Write the list where there is none, or one of other pools or sizes; whether it did.

        For where it led, or else `known`, who led last.
        """
        path, members = self.config.databases_file, self.config.members
        found = path.read_text() if path.is_file() else ""
        place = ini.address(found, self.config.pools[0].name)
        led = next((name for name, address in members.items() if address == place), known)
        member = led if led in members else next(iter(members))
        if found == self._text(member):
            return False
        self.write(member)
        return True

    def write(self, member: str) -> None:
        """For where `member` leads. One that the role did not name has no address: pools stay as they are."""
        if member not in self.config.members:
            known = ", ".join(self.config.members)
            raise Misled(f"{member} leads and is none of {known}; run the role follower")
        try:
            ini.write(self.config.databases_file, self._text(member))
        except OSError as error:
            raise Misled(f"{self.config.databases_file}: {error.strerror}") from error

    def _text(self, member: str) -> str:
        address = self.config.members[member]
        stale = self.config.members.get(self.reads_from or member, address)
        placed = [(pool, address) for pool in self.config.pools]
        placed += [(pool, stale) for pool in self.config.read_pools]
        return ini.rendered(placed, self.config.database_port)
