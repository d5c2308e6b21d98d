"""What hosts have answered, so that those who read it need not know which part of it is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any


class Answers:
    """By host what the probe prints, or {"error": why}."""

    def __init__(self, by_host: dict[str, Any]) -> None:
        self.by_host = by_host

    def why_not(self, host: str) -> str:
        """Why the host does not answer, empty where it does."""
        return error(self.by_host.get(host, {"error": "it was not asked"}))

    def part(self, host: str, name: str) -> dict[str, Any] | None:
        """None where there is none, be it that it failed or that the host has no such daemon."""
        found = None if self.why_not(host) else self.by_host[host].get(name)
        return found if isinstance(found, dict) and not error(found) else None

    def why_no_part(self, host: str, name: str) -> str:
        """Why it is missing; empty where it is there, or nothing was asked."""
        return self.why_not(host) or error(self.by_host[host].get(name))

    def now(self, host: str) -> float | None:
        """The host's own time of day."""
        return None if self.why_not(host) else float(self.by_host[host]["now"])

    def all(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Host and part, of those that have it."""
        for host in self.by_host:
            found = self.part(host, name)
            if found is not None:
                yield host, found


def error(answer: object) -> str:
    """Why an answer is none. An error is never empty."""
    if isinstance(answer, dict) and set(answer) == {"error"}:
        return str(answer["error"]) or "no reason given"
    return ""


class Keys:
    """Etcd's keys, as the first of `members` that could read them did; `now` is its time of day."""

    def __init__(self, answers: Answers, stack: str, members: Sequence[str]) -> None:
        host, found = next(answers.all("keys"), ("", None))
        self.stack = stack
        self.found: dict[str, dict[str, Any]] | None = found
        self.now = answers.now(host) if host else None
        asked = [name for name in members if not answers.why_not(name)]
        said = "; ".join(sorted({answers.why_no_part(name, "keys") for name in asked}))
        self.why = "" if found is not None else said or "no host of the database answers"

    def text(self, name: str) -> str | None:
        """Value of /service/<stack>/<name>."""
        pair = (self.found or {}).get(f"/service/{self.stack}/{name}")
        return str(pair["value"]) if pair is not None else None

    def settings(self) -> dict[str, Any] | None:
        """What members share, for when none of them answers; None where etcd does not know any."""
        return object_of(self.text("config")) or None

    def own(self, name: str) -> tuple[dict[str, Any], ...] | None:
        """The key /flashtier/<stack>/<name>, if there is one; None where no one could read."""
        if self.found is None:
            return None
        pair = self.found.get(f"/flashtier/{self.stack}/{name}")
        return () if pair is None else (pair,)

    def below(self, kind: str) -> dict[str, dict[str, Any]] | None:
        """Keys below /flashtier/<stack>/<kind>/ by the rest of their names; None where no one could read."""
        if self.found is None:
            return None
        prefix = f"/flashtier/{self.stack}/{kind}/"
        return {
            key.removeprefix(prefix): pair
            for key, pair in sorted(self.found.items())
            if key.startswith(prefix)
        }


def object_of(text: str | None) -> dict[str, Any]:
    """A JSON object; an empty one where the text is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
