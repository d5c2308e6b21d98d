"""An environment on AWS: what validates, what its types give, and each rule that keeps its data alive."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.environment import Environment
from infra.errors import EnvironmentInvalid
from infra.settings import postgresql
from infra.topology import build
from tests.support.aws_environments import STACKS, aws_environment, changed, on_ebs, parsed
from tests.support.declared import local_environment
from tests.support.guards import either

PREFIX = "flashtier:environment."


def fault(declared: Any) -> str:
    with pytest.raises(EnvironmentInvalid) as caught:
        Environment.parse(declared)
    assert len(caught.value.faults) == 1, caught.value.faults
    assert "\n" not in caught.value.faults[0]
    return caught.value.faults[0]


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_kit_ships_is_valid_to_the_settings_of_its_members(stack: str) -> None:
    environment = parsed(stack)
    topology = build(stack, environment)
    assert {host.tier for host in topology.hosts} == {"web", "database", "control"}
    assert postgresql.settings(environment)


def test_sizes_follow_from_instance_types() -> None:
    environment = parsed()
    assert (environment.web.size.vcpus, environment.web.size.memory_mib) == (8, 16 * 1024)
    assert (environment.database.size.vcpus, environment.database.size.memory_mib) == (32, 256 * 1024)
    assert (environment.control.size.vcpus, environment.control.size.memory_mib) == (2, 8 * 1024)


def test_a_volume_of_local_drives_is_as_large_as_they_are_less_a_tenth() -> None:
    # Two drives of 3,750 GB, in GiB.
    assert parsed().database.volume("flash").size_gib == int(7500e9 * 0.9 / 2**30)


def test_flash_of_aws_is_set_up_as_flash() -> None:
    by_name = {s.name: s.value for s in postgresql.settings(parsed())}
    assert (by_name["random_page_cost"], by_name["commit_delay"]) == ("1.1", "0")
    slow = {s.name: s.value for s in postgresql.settings(parsed("dev"))}
    assert (slow["random_page_cost"], slow["commit_delay"]) == ("4", "400")


QUORUM = {"synchronous_mode": "quorum", "synchronous_mode_strict": True}

DURABILITY: list[tuple[str, dict[str, Any], str, str]] = [
    ("two members", {"database__members": 2}, "durability.synchronous_mode", "at least 3 members"),
    (
        "two zones",
        {"aws__zones": ["us-east-1a", "us-east-1b"], "aws__nat_gateways": 1},
        "aws.zones",
        "3 zones",
    ),
    (
        "asynchronous",
        {"durability__synchronous_mode": "asynchronous", "durability__synchronous_mode_strict": False},
        "durability.synchronous_mode",
        "take quorum",
    ),
    (
        "not strict",
        {"durability__synchronous_mode_strict": False},
        "durability.synchronous_mode_strict",
        "true",
    ),
    ("no archive", {"durability": QUORUM}, "durability.archive", "add it"),
    ("one control host", {"control__count": 1}, "control.count", "1 with 3 members"),
    (
        "etcd on drives",
        {"control__volumes__0": {"name": "etcd", "class": "instance-store"}},
        "control.volumes.0.class",
        "take gp3 or io2",
    ),
    (
        "two members, asynchronous",
        {
            "database__members": 2,
            "durability__synchronous_mode": "asynchronous",
            "durability__synchronous_mode_strict": False,
        },
        "database.members",
        "io2 or gp3",
    ),
]


@pytest.mark.parametrize(("what", "change", "key", "fix"), DURABILITY, ids=[case[0] for case in DURABILITY])
def test_instance_store_is_refused_where_its_data_would_not_survive(
    what: str, change: dict[str, Any], key: str, fix: str
) -> None:
    line = fault(changed(aws_environment(), **change))
    assert line.startswith(f"{PREFIX}{key}:"), line
    assert fix in line


@pytest.mark.parametrize("purpose", ["data", "wal"])
def test_the_rules_hold_where_either_data_or_wal_is_on_such_drives(purpose: str) -> None:
    placement = {"data": "log", "wal": "log", "temp": "log", "log": "log"} | {purpose: "flash"}
    declared = changed(
        aws_environment(),
        database__placement=placement,
        database__volumes__1__size_gib=5000,
        durability=QUORUM,
    )
    assert fault(declared).startswith(f"{PREFIX}durability.archive")


def test_scratch_may_lie_on_drives_that_a_stop_erases() -> None:
    placement = {"data": "log", "wal": "log", "temp": "flash", "log": "log"}
    environment = parsed(
        database__placement=placement, database__volumes__1__size_gib=5000, durability=QUORUM
    )
    assert environment.database.placement.temp == "flash"


WRONG: list[tuple[str, Any, str, str]] = [
    ("unknown type", {"database__instance_type": "i8g.5xlarge"}, "database.instance_type", "i8g has large"),
    ("misspelt type", {"web__instance_type": "c8q.2xlarge"}, "web.instance_type", "nearest: c8g.2xlarge"),
    ("type without drives", {"database__instance_type": "r8g.8xlarge"}, "database.instance_type", "no local"),
    (
        "drives nobody knows",
        {"database__instance_type": "m9gd.8xlarge"},
        "database.instance_type",
        "neither published nor measured",
    ),
    ("size given too", {"web__size": {"vcpus": 1, "memory_mib": 512}}, "web.size", "remove one"),
    ("size of drives", {"database__volumes__0__size_gib": 10}, "database.volumes.0.size_gib", "remove it"),
    (
        "drives twice",
        {"database__volumes__1": {"name": "b", "class": "instance-store"}},
        "database.volumes",
        "one",
    ),
    ("edge host", {"edge": {"count": 1, "size": {"vcpus": 1, "memory_mib": 512}}}, "edge", "load balancer"),
    (
        "local class",
        {"database__volumes__1": {"name": "log", "class": "flash", "size_gib": 9}},
        "database.volumes.1.class",
        "instance-store, io2, gp3",
    ),
    (
        "local class on control",
        {"control__volumes__0": {"name": "etcd", "class": "network", "size_gib": 9}},
        "control.volumes.0.class",
        "instance-store, io2, gp3",
    ),
    (
        "drives too small",
        {"database__instance_type": "i8g.large"},
        "database.expected_data_gib",
        "drives hold 3,085 GB or expect less data",
    ),
    ("no region", {"aws__region": "virginia"}, "aws.region", "eu-central-1"),
    ("zone elsewhere", {"aws__zones": ["eu-west-1a", "us-east-1b", "us-east-1c"]}, "aws.zones", "us-east-1"),
    (
        "a Local Zone",
        {"aws__zones": ["us-east-1a", "us-east-1b", "us-east-1-bos-1a"]},
        "aws.zones",
        "Local or",
    ),
    (
        "a Wavelength Zone",
        {"aws__zones": ["us-east-1a", "us-east-1b", "us-east-1-wl1-bos-wlz-1"]},
        "aws.zones",
        "Wavelength Zone",
    ),
    (
        "one copy accepted where there is nothing to lose",
        {
            "database__placement": dict.fromkeys(("data", "wal", "temp", "log"), "log"),
            "database__volumes__1__size_gib": 4000,
            "database__accept_single_copy": True,
        },
        "database.accept_single_copy",
        "remove it",
    ),
    ("zone twice", {"aws__zones": ["us-east-1a", "us-east-1a", "us-east-1c"]}, "aws.zones", "once"),
    ("two NAT gateways", {"aws__nat_gateways": 2}, "aws.nat_gateways", "take 1, or 3"),
    (
        "strict alone",
        {"durability__synchronous_mode": "asynchronous"},
        "durability.synchronous_mode_strict",
        "set",
    ),
    ("no calls", {"traffic__calls_per_day": 0}, "traffic.calls_per_day", "equal to 1"),
    ("share over one", {"traffic__write_share": 1.5}, "traffic.write_share", "equal to 1"),
    ("burst below peak", {"traffic__write_burst": 0.5}, "traffic.write_burst", "equal to 1"),
    (
        "unknown assumption",
        {"traffic__assumptions": {"colour": 1}},
        "traffic.assumptions.colour",
        "remove it",
    ),
]


@pytest.mark.parametrize(("what", "change", "key", "fix"), WRONG, ids=[case[0] for case in WRONG])
def test_each_wrong_value_gives_one_line_with_key_and_fix(
    what: str, change: dict[str, Any], key: str, fix: str
) -> None:
    line = fault(changed(aws_environment(), **change))
    assert line.startswith((f"{PREFIX}{key}:", f"{PREFIX}{key} = ")), line
    assert fix in line


@pytest.mark.parametrize("key", ["aws", "traffic"])
def test_what_aws_needs_is_named(key: str) -> None:
    declared = aws_environment()
    del declared[key]
    assert fault(declared) == f"{PREFIX}{key}: is missing; add it, as in Pulumi.prod.yaml"


@pytest.mark.parametrize("tier", ["web", "database", "control"])
def test_aws_takes_types_and_local_takes_sizes(tier: str) -> None:
    declared = aws_environment("dev")
    del declared[tier]["instance_type"]
    declared[tier]["size"] = {"vcpus": 2, "memory_mib": 4096}
    assert fault(declared).startswith(f"{PREFIX}{tier}.size: platform aws takes instance_type")
    declared = local_environment()
    del declared[tier]["size"]
    declared[tier]["instance_type"] = "c8g.large"
    assert fault(declared).startswith(f"{PREFIX}{tier}.instance_type: platform local takes size")


def test_local_needs_its_edge_and_no_cloud() -> None:
    declared = local_environment()
    edge = declared.pop("edge")
    assert fault(declared) == f"{PREFIX}edge: is missing; add it"
    declared["edge"] = edge
    for key in ("aws", "traffic"):
        with_it = declared | {key: aws_environment()[key]}
        assert fault(with_it) == f"{PREFIX}{key}: is for platform aws and would have no effect; remove it"
    declared["database"]["volumes"][1] |= {"class": "gp3", "iops": 3000, "throughput_mib_s": 125}
    assert fault(declared).startswith(f"{PREFIX}database.volumes.1.class: 'gp3' is none of platform local")


EBS_WITHIN: list[tuple[str, Any]] = [
    ("gp3 at its most", on_ebs("gp3", iops=80_000, throughput_mib_s=2000)),
    ("gp3 ratio kept", on_ebs("gp3", iops=4000, throughput_mib_s=1000)),
    ("io2 at its most", on_ebs("io2", iops=256_000)),
]
EBS_BEYOND: list[tuple[str, Any, str, str]] = [
    ("gp3 beyond", on_ebs("gp3", iops=80_001, throughput_mib_s=125), "iops", "3,000 to 80,000 IOPS"),
    ("gp3 below", on_ebs("gp3", iops=2999, throughput_mib_s=125), "iops", "3,000 to 80,000 IOPS"),
    ("gp3 too wide", on_ebs("gp3", throughput_mib_s=2001), "throughput_mib_s", "125 to 2,000 MiB/s"),
    ("gp3 ratio broken", on_ebs("gp3", iops=4000, throughput_mib_s=1001), "throughput_mib_s", "4,004 IOPS"),
    ("gp3 without throughput", on_ebs("gp3"), "throughput_mib_s", "is missing"),
    ("io2 beyond", on_ebs("io2", iops=256_001), "iops", "100 to 256,000 IOPS"),
    ("io2 with throughput", on_ebs("io2", throughput_mib_s=500), "throughput_mib_s", "remove it"),
    ("io2 without IOPS", on_ebs("io2", iops=None), "iops", "is missing"),
]


@pytest.mark.parametrize("declared", [case[1] for case in EBS_WITHIN], ids=[case[0] for case in EBS_WITHIN])
def test_volumes_within_the_limits_of_their_class_pass(declared: Any) -> None:
    assert Environment.parse(declared)


@pytest.mark.parametrize(("what", "declared", "key", "fix"), EBS_BEYOND, ids=[case[0] for case in EBS_BEYOND])
def test_volumes_beyond_the_limits_of_their_class_are_refused(
    what: str, declared: Any, key: str, fix: str
) -> None:
    line = fault(declared)
    assert line.startswith(f"{PREFIX}database.volumes.0.{key}:"), line
    assert fix in line


@given(st.integers(1, 200), st.integers(100, 100_000), st.sampled_from([("io2", 1000, 4), ("gp3", 500, 1)]))
def test_iops_need_their_size(size: int, iops: int, of: tuple[str, int, int]) -> None:
    volume_class, per_gib, least_size = of
    throughput = {"throughput_mib_s": 125} if volume_class == "gp3" else {}
    least = 3000 if volume_class == "gp3" else 100
    iops, size = min(max(iops, least), 80_000), max(size, least_size)
    declared = on_ebs("io2", iops=1000)
    extra = {"name": "extra", "class": volume_class, "size_gib": size, "iops": iops, **throughput}
    declared["database"]["volumes"].append(extra)
    if either(iops <= max(least, size * per_gib)):
        assert Environment.parse(declared).database.volume("extra").iops == iops
    else:
        line = fault(declared)
        assert line.startswith(f"{PREFIX}database.volumes.1.iops: {iops:,} on {size} GiB")
        enough = int(line.split("make it at least ")[1].split(" GiB")[0])
        declared["database"]["volumes"][1]["size_gib"] = enough
        assert Environment.parse(declared)
