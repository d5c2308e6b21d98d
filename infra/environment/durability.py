"""When a commit counts, what is archived, and the rules that keep data on instance store alive."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from infra.model import KeyedError, Model

#: Copies and failure domains that data on drives which a stop erases must have.
LEAST_COPIES = 3


class Archive(Model):
    """Point-in-time recovery. `timeout_s` (archive_timeout) bounds what is lost if all copies go.

    `object_lock_days`: no one, not even the account's root, can delete a backup earlier.
    """

    timeout_s: int = Field(ge=10, le=3600)
    retention_days: int = Field(ge=1, le=3650)
    object_lock_days: int | None = Field(default=None, ge=1, le=3650)

    @model_validator(mode="after")
    def _expires(self) -> Archive:
        if self.object_lock_days is not None and self.object_lock_days > self.retention_days:
            raise KeyedError(
                "object_lock_days",
                f"{self.object_lock_days}: is longer than retention_days ({self.retention_days}): nothing "
                "could be removed when it is due; lower it",
            )
        return self


class Durability(Model):
    """When a commit counts, by the names of Patroni, and what is archived.

    `quorum`: a standby has flushed it too. `synchronous_mode_strict`: without a standby no write is accepted.
    """

    synchronous_mode: Literal["quorum", "asynchronous"]
    synchronous_mode_strict: bool
    archive: Archive | None = None

    @property
    def quorum(self) -> bool:
        return self.synchronous_mode == "quorum"


def instance_store_faults(
    members: int, zones: int, control: int, durability: Durability
) -> list[tuple[str, str]]:
    """(key, what is wrong and the fix) for each rule that data on drives which a stop erases would break."""
    why = "instance store loses everything when its host stops"
    mode = durability.synchronous_mode
    rules = (
        (
            members >= LEAST_COPIES,
            "database.members",
            f"{members}: {why}; take at least {LEAST_COPIES} members, or class io2 or gp3",
        ),
        (
            zones >= LEAST_COPIES,
            "aws.zones",
            f"{zones}: {why}; spread it over at least {LEAST_COPIES} zones, or take class io2 or gp3",
        ),
        (
            mode == "quorum",
            "durability.synchronous_mode",
            f"{mode}: {why}, with commits that no other member has; take quorum",
        ),
        (
            durability.synchronous_mode_strict,
            "durability.synchronous_mode_strict",
            f"false: {why}, and without a standby Patroni would go on with that one copy; set it to true",
        ),
        (
            durability.archive is not None,
            "durability.archive",
            f"is missing: {why}, and if all hosts stop only the archive is left; add it",
        ),
        (
            control >= LEAST_COPIES,
            "control.count",
            f"{control}: etcd must outlive the members' drives; take at least {LEAST_COPIES}",
        ),
    )
    return [(key, says) for kept, key, says in rules if not kept]
