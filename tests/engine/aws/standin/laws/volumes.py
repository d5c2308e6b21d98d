"""Laws of EBS: sizes, IOPS, zones, keys, and that a volume never shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from standin.laws import look
from standin.laws.look import Values
from standin.row import Refused


@dataclass(frozen=True)
class Limits:
    """Size in GiB, IOPS, IOPS a GiB, throughput in MiB/s."""

    size: tuple[int, int]
    iops: int = 0
    iops_a_gib: int = 0
    base_iops: int = 0
    throughput: int = 0


#: Source: Amazon EBS, "Amazon EBS volume types" (2025-12).
LIMITS = {
    "gp3": Limits((1, 65536), 80_000, 500, 3_000, 2_000),
    "io2": Limits((4, 65536), 256_000, 1_000),
    "io1": Limits((4, 16384), 64_000, 50),
    "gp2": Limits((1, 16384)),
    "st1": Limits((125, 16384)),
    "sc1": Limits((125, 16384)),
    "standard": Limits((1, 1024)),
}


def limits(kind: str | None, size: int | None, iops: int | None, throughput: int | None) -> None:
    kind = kind or "gp2"
    known = LIMITS.get(kind)
    if known is None:
        return  # botocore's enumeration says it
    if size is not None and not known.size[0] <= size <= known.size[1]:
        low, high = known.size
        raise Refused(
            "InvalidParameterValue", f"a volume of {size} GiB is outside the {low} to {high} GiB of {kind}"
        )
    if kind in ("io1", "io2") and not iops:
        raise Refused("InvalidParameterCombination", f"{kind} needs iops")
    if iops and not known.iops:
        raise Refused("InvalidParameterCombination", f"iops is not for {kind}")
    most = min(known.iops, max(known.base_iops, known.iops_a_gib * size)) if size else known.iops
    if iops and iops > most:
        raise Refused(
            "InvalidParameterValue", f"{iops} IOPS is over the {most} that {size} GiB of {kind} may have"
        )
    if throughput and throughput > known.throughput:
        raise Refused("InvalidParameterValue", f"{throughput} MiB/s is over the {known.throughput} of {kind}")
    if throughput and throughput > max(iops or known.base_iops, known.base_iops) / 4:
        raise Refused(
            "InvalidParameterValue", f"{throughput} MiB/s needs {throughput * 4} IOPS, a quarter MiB each"
        )


def key(account: Any, identity: str | None) -> None:
    if identity and account.look("kms", "describe_key", KeyId=identity) is None:
        raise Refused("InvalidKmsKeyId", f"KMS key {identity} does not exist")


def _create(account: Any, request: Values) -> None:
    key(account, request.get("KmsKeyId"))
    limits(request.get("VolumeType"), request.get("Size"), request.get("Iops"), request.get("Throughput"))


def _attach(account: Any, request: Values) -> None:
    volume = account.call("ec2", "describe_volumes", VolumeIds=[request["VolumeId"]])["Volumes"][0]
    instance = look.instances(account, instance_id=[request["InstanceId"]])[0]
    zone = instance["Placement"]["AvailabilityZone"]
    if volume["AvailabilityZone"] != zone:
        raise Refused(
            "InvalidVolume.ZoneMismatch",
            f"{request['VolumeId']} is in {volume['AvailabilityZone']}, {request['InstanceId']} in {zone}",
        )


def _modify(account: Any, request: Values) -> None:
    volume = account.call("ec2", "describe_volumes", VolumeIds=[request["VolumeId"]])["Volumes"][0]
    size = request.get("Size", volume["Size"])
    if size < volume["Size"]:
        raise Refused(
            "InvalidParameterValue", f"new size {size} GiB is smaller than the existing {volume['Size']} GiB"
        )
    limits(
        request.get("VolumeType", volume["VolumeType"]), size, request.get("Iops"), request.get("Throughput")
    )


LAWS = {"create_volume": _create, "attach_volume": _attach, "modify_volume": _modify}
