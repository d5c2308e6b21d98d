"""A host's size: declared on platform local, given by the instance type on platform aws."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from infra import catalogue
from infra.catalogue.units import GB_PER_GIB
from infra.errors import FlashtierError
from infra.model import KeyedError, Model


class Size(Model):
    """A host's size. `vcpus` are cores the host may use; `memory_mib` is its limit, page cache included."""

    vcpus: int = Field(ge=1, le=384)
    memory_mib: int = Field(ge=256, le=4_194_304)


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
