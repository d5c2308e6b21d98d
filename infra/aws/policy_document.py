"""The form of every policy of IAM, of a resource and of trust."""

from __future__ import annotations

from typing import Any


def policy_document(*statements: dict[str, Any]) -> dict[str, Any]:
    """A policy of these statements. Source: IAM user guide, "IAM JSON policy elements: Version"."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
