"""What most resources of EC2 have in common."""

from __future__ import annotations

from typing import Any

from standin.row import Look, Row


def row(create: str, kind: str, member: str, many: str, key: str, delete: Any = "", **more: Any) -> Row:
    """`create` answers with `member`, whose `key` is the identity; the plural `many` is what its
    description lists."""
    described = "describe_" + create.split("_", 1)[1].replace("allocate_", "") + "s"
    return Row(
        service="ec2",
        create=create,
        identity=f"{member}.{key}" if member else key,
        read=more.pop("read", None)
        or Look(more.pop("look", described), lambda i, n: {key + "s": [i]}, f"{many}[0]"),
        delete=delete
        if callable(delete)
        else (delete or create.replace("create", "delete"), lambda i, n: {key: i}),
        kind=kind,
        tagged=True,
        **more,
    )
