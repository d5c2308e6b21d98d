"""What an environment on AWS declares beyond one on local, and the rules that keep its data alive.

Sizes come from instance types, and the local drives of a type are one volume. Rules are about the environment
alone; what the account and the region can do is for the platform's preflight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from infra import catalogue, subnets
from infra.errors import FlashtierError
from infra.model import KeyedError, Model
from infra.sizing import GB_PER_GIB
from infra.volumes import CLASSES, DATA_PURPOSES, Volume

if TYPE_CHECKING:
    from infra.environment import Environment

#: Copies and failure domains that data on drives which a stop erases must have.
LEAST_COPIES = 3


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", value):
        raise ValueError("is no AWS region; write one such as eu-central-1")
    return value


def _tag(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]{1,128}", value):
        raise ValueError("is no tag that every service of AWS takes; take letters, digits, ' _.:/=+@-'")
    return value


def _image(value: str) -> str:
    if not re.fullmatch(r"ami-[0-9a-f]{8,17}", value):
        raise ValueError("is no id of an image; `flashtier image -s <stack>` looks one up")
    return value


def _account(value: str) -> str:
    if not re.fullmatch(r"\d{12}", value):
        raise ValueError("is no number of an AWS account, in quotes; write one such as '136693071363'")
    return value


def _host_name(value: str) -> str:
    label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if len(value) > 253 or not re.fullmatch(rf"{label}(\.{label})+", value):
        raise ValueError("is no domain name; write one such as photos.example.com")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value):
        raise ValueError("is no address of electronic mail")
    return value


Tag = Annotated[str, AfterValidator(_tag)]
Image = Annotated[str, AfterValidator(_image)]


class Domain(Model):
    """`name` is what clients ask for; `zone` the public hosted zone in Route 53 that it lies in."""

    name: Annotated[str, AfterValidator(_host_name)]
    zone: Annotated[str, AfterValidator(_host_name)]

    @model_validator(mode="after")
    def _inside(self) -> Domain:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise KeyedError("name", f"{self.name!r} is not in the zone {self.zone!r}; mend one of the two")
        return self


class Aws(Model):
    """Where on AWS, whose it is, and what stands around the hosts.

    `zones` are names, so that no host moves when AWS offers one more; a load balancer takes at least two.
    `nat_gateways`: one, or one a zone. `root_gib`: the encrypted gp3 root of every host. `images`: by
    architecture, pinned by `flashtier image`; hosts that exist keep theirs. `image_owner`: the account whose
    images are taken. `owner`, `cost_center`: tags.
    `alarm_email` gets the alarms and the budget's, `budget_usd` is a month's. `waf`: AWS's managed rules
    before the load balancer. `deletion_protection`: of the load balancer and of every host.
    """

    region: Annotated[str, AfterValidator(_region)]
    zones: tuple[str, ...] = Field(min_length=2, max_length=6)
    nat_gateways: int = Field(ge=1, le=6)
    root_gib: int = Field(ge=8, le=1024)
    images: dict[catalogue.Architecture, Image]
    image_owner: Annotated[str, AfterValidator(_account)]
    domain: Domain
    owner: Tag
    cost_center: Tag
    alarm_email: Annotated[str, AfterValidator(_email)]
    budget_usd: int = Field(ge=1, le=10_000_000)
    waf: bool
    deletion_protection: bool

    @model_validator(mode="after")
    def _consistent(self) -> Aws:
        for zone in self.zones:
            if not zone.startswith(self.region) or self.zones.count(zone) > 1:
                raise KeyedError(
                    "zones",
                    f"{zone!r} is given twice or not in {self.region}; name each of its zones once",
                )
        if self.nat_gateways not in (1, len(self.zones)):
            raise KeyedError(
                "nat_gateways",
                f"{self.nat_gateways} for {len(self.zones)} zones; take 1, or {len(self.zones)} so that "
                "the loss of a zone leaves the others their own",
            )
        return self


class Archive(Model):
    """Point-in-time recovery. `timeout_s` (archive_timeout) bounds what is lost if all copies go.

    `object_lock_days`: nobody, not even the account's root, takes a backup away before.
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


def sized(declared: object) -> object:
    """Before validation of a tier: `size` from `instance_type`. Raises `KeyedError`."""
    if not isinstance(declared, Mapping) or not isinstance(declared.get("instance_type"), str):
        return declared
    if "size" in declared:
        raise KeyedError("size", "follows from instance_type; remove one of the two")
    found = _type(declared["instance_type"])
    return {**declared, "size": {"vcpus": found.vcpus, "memory_mib": found.memory_mib}}


def sized_with_drives(declared: object) -> object:
    """As `sized`, and the volume of class `instance-store` gets the size of the type's drives as RAID 0."""
    declared = sized(declared)
    if not isinstance(declared, Mapping) or not isinstance(declared.get("instance_type"), str):
        return declared
    volumes = declared.get("volumes")
    if not isinstance(volumes, tuple) or not all(isinstance(volume, Mapping) for volume in volumes):
        return declared
    on_drives = [i for i, volume in enumerate(volumes) if volume.get("class") == "instance-store"]
    if len(on_drives) > 1:
        raise KeyedError("volumes", "two of class instance-store; a host's drives are one volume: remove one")
    if not on_drives:
        return declared
    index = on_drives[0]
    if "size_gib" in volumes[index]:
        raise KeyedError(
            f"volumes.{index}.size_gib",
            "is what the drives of the instance type hold; remove it",
        )
    try:
        drives = catalogue.local_drives(_type(declared["instance_type"]))
    except FlashtierError as error:
        raise KeyedError("instance_type", str(error)) from error
    size = int(drives.partitioned_gb / GB_PER_GIB)
    filled = ({**volume, "size_gib": size} if i == index else volume for i, volume in enumerate(volumes))
    return {**declared, "volumes": tuple(filled)}


def drives_gb(size_gib: float) -> float:
    """Decimal gigabytes of drives that a volume of `size_gib` takes: a share of them stays unpartitioned."""
    return size_gib * GB_PER_GIB / (1 - catalogue.unpartitioned_share())


def _type(name: str) -> catalogue.InstanceType:
    try:
        return catalogue.find(name)
    except FlashtierError as error:
        raise KeyedError("instance_type", str(error)) from error


def platform_fault(environment: Environment) -> KeyedError | None:
    """The first key that the environment's platform lacks or does not know."""
    aws = environment.platform == "aws"
    if aws == (environment.edge is not None):
        says = "is a load balancer of AWS on platform aws; remove it" if aws else "is missing; add it"
        return KeyedError("edge", says)
    tiers = {
        "web": environment.web.instance_type,
        "database": environment.database.instance_type,
        "control": environment.control.instance_type,
    }
    for tier, instance_type in tiers.items():
        if aws and instance_type is None:
            return KeyedError(f"{tier}.size", "platform aws takes instance_type in place of size")
        if not aws and instance_type is not None:
            return KeyedError(f"{tier}.instance_type", "platform local takes size in place of instance_type")
    for key, needed in (
        ("aws", environment.aws),
        ("durability", environment.durability),
        ("traffic", environment.traffic),
    ):
        if aws and needed is None:
            return KeyedError(key, "is missing; add it, as in Pulumi.prod.yaml")
        if not aws and needed is not None:
            return KeyedError(key, "is for platform aws and would have no effect; remove it")
    for tier, volumes in (
        ("database", environment.database.volumes),
        ("control", environment.control.volumes),
    ):
        for index, volume in enumerate(volumes):
            if fault := _class_fault(environment.platform, tier, index, volume):
                return fault
    return _control_volumes_fault(environment) or (_range_fault(environment) if aws else None)


#: What each platform's control hosts keep, a volume each. On AWS the repository is S3 itself.
CONTROL_VOLUMES: dict[str, frozenset[str]] = {
    "local": frozenset({"etcd", "metrics", "repository"}),
    "aws": frozenset({"etcd", "metrics"}),
}


def _control_volumes_fault(environment: Environment) -> KeyedError | None:
    declared = {volume.name for volume in environment.control.volumes}
    wanted = CONTROL_VOLUMES[environment.platform]
    if declared == wanted:
        return None
    missing, extra = sorted(wanted - declared), sorted(declared - wanted)
    found = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(extra)}"
    return KeyedError("control.volumes", f"{found}; declare exactly {', '.join(sorted(wanted))}")


def _range_fault(environment: Environment) -> KeyedError | None:
    """A range of addresses that the subnets or the hosts do not fit into."""
    assert environment.aws is not None  # noqa: S101 - the caller's
    cidr, zones = environment.network.cidr, environment.aws.zones
    prefix = int(cidr.partition("/")[2])
    if prefix > subnets.LONGEST_PREFIX:
        return KeyedError(
            "network.cidr",
            f"{cidr} is too small to be cut into the subnets of {len(zones)} zones; "
            f"take a /16 to /{subnets.LONGEST_PREFIX}",
        )
    counts = {"web.count": environment.web.count, "database.members": environment.database.members}
    for key, count in counts.items():
        room = subnets.room(cidr, zones, key.partition(".")[0])
        if count > room:
            return KeyedError(
                key,
                f"{count}: network.cidr {cidr} has addresses for {room} in {len(zones)} zones; take a larger",
            )
    return None


def _class_fault(platform: str, tier: str, index: int, volume: Volume) -> KeyedError | None:
    if volume.volume_class in CLASSES[platform]:
        return None
    return KeyedError(
        f"{tier}.volumes.{index}.class",
        f"{volume.volume_class!r} is none of platform {platform}; take {', '.join(CLASSES[platform])}",
    )


def durability_fault(environment: Environment) -> KeyedError | None:
    """The first rule of durability that the environment breaks.

    Instance store is erased when its host stops, so its data needs copies elsewhere, a commit that waits for
    one of them, an archive for when all go, and the cluster's state in another place: Patroni makes a new,
    empty cluster where it finds neither data nor that state.
    """
    database, control, durability = environment.database, environment.control, environment.durability
    if environment.aws is None or durability is None:
        return None
    zones = len(environment.aws.zones)
    quorum = durability.synchronous_mode == "quorum"
    if durability.synchronous_mode_strict and not quorum:
        return KeyedError(
            "durability.synchronous_mode_strict", "true needs synchronous_mode: quorum; set one of the two"
        )
    if quorum and database.members < LEAST_COPIES:
        return KeyedError(
            "durability.synchronous_mode",
            f"quorum with {database.members} members stops writing when one is lost; take at least "
            f"{LEAST_COPIES} members or asynchronous",
        )
    if not any(
        database.volume(volume).volume_class == "instance-store"
        for purpose, volume in database.placement.items()
        if purpose in DATA_PURPOSES
    ):
        return None
    broken = instance_store_faults(database.members, zones, control.count, durability)
    return KeyedError(*broken[0]) if broken else None


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


def etcd_fault(volumes: object) -> KeyedError | None:
    """etcd on drives that a stop erases: the cluster's state would go with the data."""
    if not isinstance(volumes, tuple):
        return None
    for index, volume in enumerate(volumes):
        if isinstance(volume, Mapping) and volume.get("class") == "instance-store":
            return KeyedError(
                f"volumes.{index}.class",
                "'instance-store' would lose etcd with the data when hosts stop, and Patroni would "
                "then make an empty cluster; take gp3 or io2",
            )
    return None


def sized_without_drives(declared: object) -> object:
    """As `sized`; a volume of class `instance-store` is refused."""
    if isinstance(declared, Mapping) and (fault := etcd_fault(declared.get("volumes"))):
        raise fault
    return sized(declared)
