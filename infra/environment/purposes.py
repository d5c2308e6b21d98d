"""What volumes carry: one list of purposes, each with its tier, its path and its owner.

A path never changes in a host's life: a move swaps the device under it.
"""

from __future__ import annotations

from infra.model import Model


class PurposeOfVolume(Model):
    """`path` is where the data is found; `owner` the account and group that it belongs to."""

    name: str
    tier: str
    path: str
    owner: str
    #: Losing it loses data.
    holds_data: bool = False
    #: The platforms whose hosts keep it on a volume.
    platforms: tuple[str, ...] = ("local", "aws")
    #: It has no volume of its own, but lies on that of the first of these purposes that has one.
    shares: tuple[str, ...] = ()


PURPOSES: tuple[PurposeOfVolume, ...] = (
    PurposeOfVolume(name="data", tier="database", path="/pg/data", owner="postgres", holds_data=True),
    PurposeOfVolume(name="wal", tier="database", path="/pg/wal", owner="postgres", holds_data=True),
    PurposeOfVolume(name="temp", tier="database", path="/pg/temp", owner="postgres"),
    PurposeOfVolume(name="log", tier="database", path="/pg/log", owner="postgres"),
    PurposeOfVolume(name="etcd", tier="control", path="/var/lib/etcd", owner="etcd", holds_data=True),
    PurposeOfVolume(name="metrics", tier="control", path="/var/lib/prometheus", owner="prometheus"),
    # On AWS the repository is S3 itself.
    PurposeOfVolume(
        name="repository",
        tier="control",
        path="/srv/s3",
        owner="versitygw",
        holds_data=True,
        platforms=("local",),
    ),
    # Not next to the data that they are of, where there is a volume for copies.
    PurposeOfVolume(
        name="snapshots",
        tier="control",
        path="/var/lib/etcd-snapshots",
        owner="etcd",
        holds_data=True,
        shares=("repository", "etcd"),
    ),
)


def of_tier(tier: str) -> tuple[PurposeOfVolume, ...]:
    """The purposes of a tier's volumes, in the order of the list."""
    return tuple(purpose for purpose in PURPOSES if purpose.tier == tier)
