"""The rules between the sections of an environment. Each returns the first fault that it finds, or None."""

from __future__ import annotations

from infra.environment import subnets
from infra.environment.durability import LEAST_COPIES, instance_store_faults
from infra.environment.purposes import of_tier
from infra.environment.sections import Sections
from infra.environment.volumes import CLASSES, DATA_PURPOSES, Volume
from infra.model import KeyedError


def platform_fault(environment: Sections) -> KeyedError | None:
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
    if environment.database.accept_single_copy and not on_drives(environment):
        return KeyedError(
            "database.accept_single_copy", "is for data on instance store and would have no effect; remove it"
        )
    return _control_volumes_fault(environment) or (_range_fault(environment) if aws else None)


#: What each platform's control hosts keep, a volume each.
CONTROL_VOLUMES: dict[str, frozenset[str]] = {
    platform: frozenset(
        purpose.name for purpose in of_tier("control") if platform in purpose.platforms and not purpose.shares
    )
    for platform in CLASSES
}


def _control_volumes_fault(environment: Sections) -> KeyedError | None:
    declared = {volume.name for volume in environment.control.volumes}
    wanted = CONTROL_VOLUMES[environment.platform]
    if declared == wanted:
        return None
    missing, extra = sorted(wanted - declared), sorted(declared - wanted)
    found = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(extra)}"
    return KeyedError("control.volumes", f"{found}; declare exactly {', '.join(sorted(wanted))}")


def _range_fault(environment: Sections) -> KeyedError | None:
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
        tier = key.partition(".")[0]
        room = subnets.room(cidr, tier)
        placed = subnets.spread(zones, count, environment.aws.joined(tier))
        if max(map(placed.count, placed)) > room:
            return KeyedError(
                key,
                f"{count}: network.cidr {cidr} has addresses for {room} of them a zone; take a larger range "
                "or more zones",
            )
    return None


def _class_fault(platform: str, tier: str, index: int, volume: Volume) -> KeyedError | None:
    if volume.volume_class in CLASSES[platform]:
        return None
    return KeyedError(
        f"{tier}.volumes.{index}.class",
        f"{volume.volume_class!r} is none of platform {platform}; take {', '.join(CLASSES[platform])}",
    )


def app_fault(environment: Sections) -> KeyedError | None:
    """An app without its database, role or standbys, or an application beside it without a limit."""
    database, app = environment.database, environment.app
    if app.read_from_standbys is not None and database.members == 1:
        return KeyedError(
            "app.read_from_standbys", "database.members = 1 has no standby; remove the key, or take 3 members"
        )
    names = [one.name for one in database.databases]
    if app.database not in names:
        return KeyedError(
            "app.database",
            f"{app.database!r} is none of database.databases; take {' or '.join(names)}, or add it",
        )
    roles = [
        one.name for one in database.roles if one.kind == "application" and app.database in one.databases
    ]
    if app.role not in roles:
        fix = f"take {', '.join(roles)}" if roles else "declare one"
        return KeyedError(
            "app.role",
            f"{app.role!r} is no role of kind application with the database {app.database!r}; {fix}",
        )
    for index, role in enumerate(database.roles):
        if role.name == app.role and role.rights != "granted":
            return KeyedError(
                f"database.roles.{index}.access",
                f"{role.rights!r} for app.role, whose rights are what migrations grant; remove the key",
            )
        if role.kind == "application" and role.name != app.role and role.connections < 0:
            return KeyedError(
                f"database.roles.{index}.connection_limit",
                f"is missing for {role.name!r}: beside app.role, an application needs one, which "
                "max_connections is raised by; add it",
            )
    return None


def durability_fault(environment: Sections) -> KeyedError | None:
    """The first rule of durability that the environment breaks.

    A quorum needs a copy to spare and an etcd that outlives a host. Instance store is erased when its host
    stops, so its data needs copies elsewhere, a commit that waits for one of them, an archive for when all
    go, and the cluster's state in another place.
    """
    database, control, durability = environment.database, environment.control, environment.durability
    if environment.platform == "local" and durability.archive is not None:
        return KeyedError(
            "durability.archive", "has no effect on platform local, where nothing is archived yet; remove it"
        )
    if durability.synchronous_mode_strict and not durability.quorum:
        return KeyedError(
            "durability.synchronous_mode_strict", "true needs synchronous_mode: quorum; set one of the two"
        )
    if durability.quorum and database.members < LEAST_COPIES:
        return KeyedError(
            "durability.synchronous_mode",
            f"quorum with {database.members} members stops writing when one is lost; take at least "
            f"{LEAST_COPIES} members or asynchronous",
        )
    if database.members > 1 and control.count == 1:
        return KeyedError(
            "control.count",
            f"1 with {database.members} members: etcd on one host takes the leader's lease with it; take 3",
        )
    takeover = database.takeover
    if takeover is not None and takeover.enabled and not can_take_over(environment):
        return KeyedError(
            "database.takeover.enabled",
            "true needs members that acknowledge for each other: synchronous_mode: quorum and "
            "synchronous_mode_strict: true; set it to false, or declare those",
        )
    if environment.aws is None or not on_drives(environment):
        return None
    zones = len(
        set(subnets.spread(environment.aws.zones, database.members, environment.aws.joined("database")))
    )
    broken = instance_store_faults(database.members, zones, control.count, durability)
    return KeyedError(*broken[0]) if broken else None


def can_take_over(environment: Sections) -> bool:
    """Whether no commit is acknowledged that another member lacks: what makes a takeover safe."""
    return environment.durability.quorum and environment.durability.synchronous_mode_strict


def takes_over(environment: Sections) -> bool:
    """Whether a leader that is stuck or gone gives way: as declared, else on `local` where it is safe."""
    declared = environment.database.takeover
    if declared is not None:
        return declared.enabled
    return environment.platform == "local" and can_take_over(environment)


def on_drives(environment: Sections) -> tuple[str, ...]:
    """What of the database's data lies on drives that a stop of the host erases."""
    database = environment.database
    return tuple(
        purpose
        for purpose, volume in database.placement.items()
        if purpose in DATA_PURPOSES and database.volume(volume).volume_class == "instance-store"
    )


def single_copy_fault(environment: Sections) -> str | None:
    """Data on instance store, of which this version of the kit makes no second copy.

    `durability` declares a quorum and an archive; nothing makes a standby or a backup yet. The rule and
    the key that lifts it go with the version that does.
    """
    lost = on_drives(environment)
    if not lost or environment.database.accept_single_copy:
        return None
    return (
        f"flashtier:environment.database.placement.{lost[0]}: {' and '.join(lost)} would be on instance "
        "store, which a stop of the host erases, and this version makes no standby and no backup of it: the "
        "stop of one host loses the database; take class gp3 or io2, or accept the loss with "
        "database.accept_single_copy: true"
    )
