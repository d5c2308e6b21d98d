"""What ansible-inventory prints, as plain data."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """What Ansible marks as no template ({"__ansible_unsafe": text}) as the text it is."""
    if isinstance(value, dict):
        return (
            value["__ansible_unsafe"]
            if set(value) == {"__ansible_unsafe"}
            else {k: plain(v) for k, v in value.items()}
        )
    return [plain(item) for item in value] if isinstance(value, list) else value
