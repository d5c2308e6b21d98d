"""What one turn of a probe found out."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

#: What a turn ends with. `error`: the device said no. `full`: there was no room for the probe's own file.
#: `same`: another part's turn is about the same device.
Kind = Literal["fine", "error", "full", "absent", "unknown", "same"]

#: What a device answers that does not do what was asked (block/blk-core.c, blk_errors), a file system that
#: was shut down (EIO, XFS), one that is read-only, and one whose structure is damaged (EUCLEAN).
OF_THE_DEVICE = frozenset(
    {
        errno.EIO,
        errno.EROFS,
        errno.EUCLEAN,
        errno.ENODEV,
        errno.ENXIO,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
        errno.ENOLINK,
        errno.EREMOTEIO,
        errno.EBADE,
        errno.ENODATA,
        errno.EILSEQ,
    }
)
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class Outcome:
    """`why`: one line where it is not fine."""

    kind: Kind
    why: str = ""


FINE, SAME = Outcome("fine"), Outcome("same")


def failed(error: OSError, what: str) -> Outcome:
    """What `error` says of the device; one that is not the device's proves nothing about it."""
    line = f"{what}: {error.strerror or error}"
    if error.errno in OF_THE_DEVICE:
        return Outcome("error", line)
    return Outcome("full" if error.errno in NO_ROOM else "unknown", line)
