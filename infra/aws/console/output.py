"""Pure: the SSH host key in what an instance printed on its console.

cloud-init prints each public host key once, at the instance's first boot, between two marks. Each line may
have the console's prefix ("<14>Nov 28 01:02:03 ec2: ") in front and a carriage return behind.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

from infra.errors import FlashtierError

KEY_TYPE = "ssh-ed25519"
_BLOCK = re.compile(r"-----BEGIN SSH HOST KEY KEYS-----(.*?)-----END SSH HOST KEY KEYS-----", re.DOTALL)
_KEY = re.compile(rf"(?:^|\s)({KEY_TYPE} [A-Za-z0-9+/]+={{0,2}})(?=\s|$)", re.MULTILINE)
#: Length of the type's name, the name, length of the key (32 bytes), the key. Source: RFC 8709, section 4.
_HEADER = struct.pack(">I", len(KEY_TYPE)) + KEY_TYPE.encode() + struct.pack(">I", 32)


def ssh_host_key(console: str, instance: str) -> str | None:
    """The key as "ssh-ed25519 AAAA...", None as long as no whole block was printed.

    Raises `FlashtierError` where blocks disagree: the console shows whatever root on the host writes to it,
    so a second, different key says that one of the two is a stranger's.
    """
    blocks = _BLOCK.findall(console)
    keys = {key for block in blocks for key in _KEY.findall(block) if _whole(key)}
    if len(keys) > 1:
        raise FlashtierError(
            f"instance {instance}: its console shows {len(keys)} different {KEY_TYPE} host keys; find out "
            "who wrote the second, or replace the instance"
        )
    if blocks and not keys:
        raise FlashtierError(
            f"instance {instance}: its console shows host keys, but no whole one of type {KEY_TYPE}; take "
            "an image whose cloud-init makes one, and replace the instance"
        )
    return keys.pop() if keys else None


def _whole(key: str) -> bool:
    try:
        blob = base64.b64decode(key.split()[1], validate=True)
    except binascii.Error:
        return False
    return blob.startswith(_HEADER) and len(blob) == len(_HEADER) + 32
