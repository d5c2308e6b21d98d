"""Instance types: size, local drives, network, EBS limits and price, one row each in data/instances.csv."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from infra.catalogue.sources import DATA, Cited, cite, missing, sources
from infra.errors import FlashtierError
from infra.model import Model

Architecture = Literal["arm64", "x86_64"]

#: What `iops_source` means, and the sources (sources.yaml) behind it.
IOPS_SOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "aws-doc-2023": ("AWS's table", ("AWS23",)),
    "aws-per-drive": ("AWS's figure for a drive, times the drives", ("AWS23",)),
    "aws-via-netflix": ("the rate a GiB that Netflix quotes from AWS's page", ("NFLX",)),
    "inferred-same-as-i7ie": ("inferred from i7ie, which measures the same", ("NFLX", "SCYLLA")),
    "estimate-same-as-6id-drives": (
        "an ESTIMATE from 6id drives of the same size, without a source",
        ("ENG",),
    ),
}


#: Credits an hour that a burstable type earns; one credit is one vCPU at 100% for a minute.
#: Source: EC2 user guide, "Key concepts for burstable performance instances", table of credits.
CREDITS_HOUR = {
    "t4g.nano": 6,
    "t4g.micro": 12,
    "t4g.small": 24,
    "t4g.medium": 24,
    "t4g.large": 36,
    "t4g.xlarge": 96,
    "t4g.2xlarge": 192,
}


class InstanceType(Model):
    """One EC2 instance type.

    IOPS are 4 KiB, random, all drives together, with a full queue: `read_iops` and `write_iops` as published,
    `measured_*` by iotune. `drive_gb` is decimal, a drive. EBS figures are [baseline, maximum]; the maximum
    is a burst of 30 min a day where it is higher. MB/s are decimal. None: it has no source.
    """

    type: str
    architecture: Architecture
    vcpus: int
    memory_gib: float
    drives: int = 0
    drive_gb: int | None = None
    read_iops: int | None = None
    write_iops: int | None = None
    iops_source: str | None = None
    measured_read_iops: int | None = None
    measured_write_iops: int | None = None
    network_baseline_gbps: float
    network_peak_gbps: float
    ebs_baseline_iops: int
    ebs_maximum_iops: int
    ebs_baseline_mb_s: float
    ebs_maximum_mb_s: float
    usd_per_hour: float | None = Field(default=None, gt=0)
    price_source: str | None = None

    @field_validator("iops_source")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value not in (*IOPS_SOURCES, "unknown", None):
            raise ValueError(f"{value!r} is not explained in IOPS_SOURCES")
        return value

    @property
    def family(self) -> str:
        return self.type.split(".")[0]

    @property
    def memory_mib(self) -> int:
        return int(self.memory_gib * 1024)

    @property
    def drives_gb(self) -> int:
        """Decimal gigabytes of all local drives; 0 if it has none."""
        return self.drives * (self.drive_gb or 0)

    @property
    def burstable(self) -> bool:
        """Whether the processor runs on credits: a sustained load above the baseline costs extra."""
        return self.family.startswith("t")

    @property
    def baseline_vcpus(self) -> float:
        """Mean vCPUs over a day that the price of the hour includes; all of them unless `burstable`.

        Raises `FlashtierError` for a burstable type whose credits are not in `CREDITS_HOUR`.
        """
        if not self.burstable:
            return self.vcpus
        if self.type not in CREDITS_HOUR:
            raise FlashtierError(
                f"instance type {self.type}: earns an unknown number of credits an hour; take another type "
                "or add the number with its source to infra/catalogue/instances.py, CREDITS_HOUR"
            )
        return CREDITS_HOUR[self.type] / 60

    @property
    def iops_estimated(self) -> bool:
        return self.iops_source == "estimate-same-as-6id-drives"

    def hourly_usd(self) -> float:
        """The on-demand price of an hour. Raises `FlashtierError` if it was never listed."""
        if self.usd_per_hour is None:
            raise FlashtierError(
                f"instance type {self.type}: no price in us-east-1 was found; take another type "
                "or add the price with its source to infra/catalogue/data/instances.csv"
            )
        return self.usd_per_hour

    def cited(self) -> Iterator[Cited]:
        """Where the price and the limits come from; the drives' figures are cited by `LocalDrives`."""
        yield cite("EC2 network and EBS limits of instances", "limit", "MOTO")
        if self.price_source:
            # One line for each price list, not for each type.
            yield cite("EC2 on-demand prices", "price", self.price_source)


@functools.cache
def instance_types() -> dict[str, InstanceType]:
    """Every type of the catalogue, by name."""
    with (DATA / "instances.csv").open(newline="") as file:
        found = {
            row["type"]: InstanceType.model_validate_strings({k: v for k, v in row.items() if v != ""})
            for row in csv.DictReader(file)
        }
    assert {t.price_source for t in found.values()} <= {*sources(), None}  # noqa: S101 - our own data
    return found


def find(name: str) -> InstanceType:
    """The type called `name`. Raises `FlashtierError` that names the nearest ones."""
    types = instance_types()
    if name in types:
        return types[name]
    # A wrong size of a right family is answered with that family's sizes, in their order.
    family = name.split(".")[0]
    sizes = [known for known in types if known.split(".")[0] == family]
    if sizes and re.fullmatch(r"[a-z0-9-]+\..+", name):
        raise FlashtierError(
            f"instance type {name!r}: not in the catalogue (infra/catalogue/data/instances.csv); "
            f"{family} has {', '.join(size.split('.')[1] for size in sizes)}"
        )
    raise missing("instance type", name, types, "infra/catalogue/data/instances.csv")
