"""Pure: the names that a volume gives to what is made on drives in the host.

The platform declares them, the role `storage` makes them.
The serials of drives are unknown before the host runs, so what lies on them has names of its own.
"""

from __future__ import annotations

import uuid


def partition_uuid(volume_uuid: str, drive: int) -> str:
    """PARTUUID of the volume's partition on drive number `drive`, in the order of serials."""
    return str(uuid.uuid5(uuid.UUID(volume_uuid), f"drive-{drive}"))


def partition_device(volume_uuid: str, drive: int) -> str:
    """The path under which udev shows that partition."""
    return f"/dev/disk/by-partuuid/{partition_uuid(volume_uuid, drive)}"


def array_uuid(volume_uuid: str) -> str:
    """The volume's UUID as mdadm writes an array's: four groups of eight digits."""
    digits = uuid.UUID(volume_uuid).hex
    return ":".join(digits[start : start + 8] for start in range(0, 32, 8))
