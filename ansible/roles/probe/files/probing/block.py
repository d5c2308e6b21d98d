"""One durable write on the volume that carries a directory now."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path

from probing.config import Volume
from probing.outcome import FINE, SAME, Outcome, failed

#: A page: a multiple of what any device writes at least.
SIZE = 4096
#: Past the page cache, and back only when the medium has it.
HOW = os.O_WRONLY | os.O_CREAT | os.O_DIRECT | os.O_DSYNC | os.O_CLOEXEC | os.O_NOFOLLOW


class Block:
    """The same block of the same file is overwritten each time: a full volume has room for it.

    The file is open only while it is written: it keeps no file system mounted. Where `other` writes to the
    same volume, that write is this one's, too.
    """

    def __init__(
        self,
        directory: Path,
        volumes: Sequence[Volume],
        other: Block | None = None,
        root: Path = Path("/"),
    ) -> None:
        self.directory = directory
        self.volumes = volumes
        self.other = other
        self.root = root
        #: A direct write wants memory at the start of a page.
        self.page = mmap.mmap(-1, SIZE)
        #: Where it writes, or wrote last; a move changes that.
        self.volume: Volume | None = None

    def __call__(self) -> Outcome:
        """May never come back where the device hangs."""
        try:
            found = self.carrier()
        except FileNotFoundError:
            return Outcome("absent", f"{self.directory} is missing")
        except OSError as error:
            return failed(error, str(self.directory))
        if found is None:
            return Outcome("absent", f"{self.directory} is on none of its volumes")
        self.volume = found
        if self.other is not None and self.other.volume == found:
            return SAME
        return self.write(found.folder / "block")

    def carrier(self) -> Volume | None:
        """The volume that the directory lies on. Raises `OSError`."""
        number = self.directory.stat().st_dev
        if number == self.root.stat().st_dev:
            return None
        return next((one for one in self.volumes if one.mount_point.stat().st_dev == number), None)

    def write(self, file: Path) -> Outcome:
        """What is written is another each time: a device need not write what it holds already."""
        self.page[:8] = time.time_ns().to_bytes(8, "big")
        try:
            descriptor = os.open(file, HOW, 0o600)
        except FileNotFoundError:
            return Outcome("unknown", f"{file.parent} is missing; run the role probe")
        except OSError as error:
            return failed(error, str(file))
        try:
            os.pwrite(descriptor, self.page, 0)
        except OSError as error:
            return failed(error, str(file))
        finally:
            os.close(descriptor)
        return FINE
