"""What the unit tests of environment, topology and contract share: valid examples, and how to spoil them.

`environments` draws any valid environment as the plain mapping that `Pulumi.<env>.yaml` holds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from infra import program
from infra.contract import Contract, Deployed
from infra.environment import Environment, subnets
from infra.environment.accounts import is_reserved
from infra.environment.durability import LEAST_COPIES
from infra.environment.rules import CONTROL_VOLUMES
from infra.environment.sections import USABLE_SHARE
from infra.local.platform import object_store
from infra.paths import ROOT
from infra.settings.setting import PostgresqlSetting
from infra.topology import COMPONENTS, Component, build

Tree = Any  # nested dicts, lists and scalars, as YAML or JSON gives them
Path_ = tuple[str | int, ...]

TREE = ROOT


def local_environment() -> Tree:
    """The environment that the kit ships for the stack `local`, a fresh copy."""
    stack = yaml.safe_load((TREE / "Pulumi.local.yaml").read_text())
    return stack["config"]["flashtier:environment"]


names = st.from_regex(r"[a-z]([a-z0-9-]{0,13}[a-z0-9])?", fullmatch=True)
sizes = st.fixed_dictionaries({"vcpus": st.integers(1, 192), "memory_mib": st.integers(256, 1_048_576)})


@st.composite
def cidrs(draw: st.DrawFn) -> str:
    """A private network of /16 to /24, written with its first address."""
    prefix = draw(st.integers(16, 24))
    second = draw(st.integers(0, 255))
    third = draw(st.integers(0, 255)) & (0xFF << (24 - prefix)) & 0xFF
    return f"10.{second}.{third}.0/{prefix}"


def volumes(of: st.SearchStrategy[str]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries(
        {"name": of, "class": st.sampled_from(["flash", "network"]), "size_gib": st.integers(1, 4096)}
    )


#: What the kit ships, and a second application's next to it, with a person who reads in both.
ONE: Tree = {key: local_environment()["database"][key] for key in ("databases", "roles")}
TWO: Tree = {
    "databases": [*ONE["databases"], {"name": "orders", "owner": "orders_owner", "extensions": ["pg_trgm"]}],
    "roles": [
        *ONE["roles"],
        {"name": "orders_owner", "kind": "owner"},
        {
            "name": "orders_app",
            "kind": "application",
            "databases": ["orders"],
            "access": "read-write",
            "connection_limit": 10,
        },
        {"name": "ada", "kind": "person", "databases": ["photos", "orders"]},
    ],
}
databases = st.sampled_from([ONE, TWO])


def two_applications() -> Tree:
    """The environment `local` with a second application's database and a person, a fresh copy."""
    declared = local_environment()
    declared["database"] |= copy.deepcopy(TWO)
    return declared


@st.composite
def environments(draw: st.DrawFn, max_web: int = 80) -> Tree:
    declared = draw(st.lists(volumes(names), min_size=1, max_size=4, unique_by=lambda v: v["name"]))
    placed = st.sampled_from([volume["name"] for volume in declared])
    placement = draw(st.fixed_dictionaries(dict.fromkeys(("data", "wal", "temp", "log"), placed)))
    data = next(volume for volume in declared if volume["name"] == placement["data"])
    share = draw(st.floats(0.01, 0.99))
    members = draw(st.integers(1, 9))
    return {
        "platform": "local",
        "network": {"cidr": draw(cidrs())},
        "access": {"user": draw(names.filter(lambda name: not is_reserved(name)))},
        "edge": {"count": 1, "size": draw(sizes)},
        "web": {"count": draw(st.integers(1, max_web)), "size": draw(sizes)},
        "database": {
            "members": members,
            "version": 17,
            "size": draw(sizes),
            "volumes": declared,
            "placement": placement,
            "expected_data_gib": data["size_gib"] * USABLE_SHARE * share,
            **draw(databases),
        },
        "control": {
            "count": draw(st.sampled_from([1, 3, 5] if members == 1 else [3, 5])),
            "size": draw(sizes),
            "volumes": [draw(volumes(st.just(name))) for name in sorted(CONTROL_VOLUMES["local"])],
        },
        "app": {
            "database": "photos",
            "role": "photos_app",
            "pool_size": draw(st.integers(1, 200)),
            "write_pool_size": draw(st.integers(1, 200)),
            "max_upload_mib": draw(st.integers(1, 100)),
            "exif_location": draw(st.sampled_from(["strip", "keep"])),
        },
        "durability": draw(durabilities(members)),
    }


def durabilities(members: int) -> st.SearchStrategy[Tree]:
    """What a cluster of so many members may promise."""
    waiting = [("quorum", True), ("quorum", False)] if members >= LEAST_COPIES else []
    return st.sampled_from(
        [
            {"synchronous_mode": mode, "synchronous_mode_strict": strict}
            for mode, strict in [("asynchronous", False), *waiting]
        ]
    )


def alone(declared: Tree) -> Tree:
    """`declared` with one database member, and so without a copy that a commit could wait for."""
    declared["database"]["members"] = 1
    declared["durability"] = {"synchronous_mode": "asynchronous", "synchronous_mode_strict": False}
    return declared


#: What a contract on AWS says of S3.
S3 = {
    "endpoint": "https://s3.us-east-1.amazonaws.com",
    "region": "us-east-1",
    "bucket": "unit-photos",
    "cdn_url": None,
    "credentials": "instance-profile",
    "ca": "system",
}


def edge_networks(environment: Environment) -> tuple[str, ...]:
    if environment.aws is None:
        return ()
    public = subnets.of_tier(environment.network.cidr, environment.aws.zones, "public")
    return tuple(subnet.cidr for subnet in public)


ONE_SETTING = PostgresqlSetting(
    name="shared_buffers", value="512MB", reason="a quarter of the memory", source="unit test"
)


def contract_of(
    stack: str,
    environment: Environment,
    components: tuple[Component, ...] = COMPONENTS,
    settings: tuple[PostgresqlSetting, ...] = (ONE_SETTING,),
) -> Contract:
    """The contract that a platform would give for `environment`, with made-up keys and device paths."""
    topology = build(stack, environment, components=components)
    deployed = Deployed.model_validate(
        {
            "controller": topology.gateway,
            "edge_networks": edge_networks(environment),
            "url": "https://photos.example.com",
            "access": {
                "user": environment.access.user,
                "authorized_keys": ("ssh-ed25519 AAAAunit controller",),
                "private_key_file": "/nowhere/id_ed25519",
                "proxy": None,
            },
            "object_store": object_store(topology) if environment.edge else S3,
            "backups": None,
            "unsupported": tuple(
                {"host": host.name, "what": "vm_sysctl", "why": "a container shares the kernel"}
                for host in topology.hosts
            ),
            "hosts": tuple(
                {
                    "name": host.name,
                    "instance_id": None,
                    "ssh_host_key": f"ssh-ed25519 AAAA{host.name}",
                    "volumes": tuple(
                        {
                            "name": volume.name,
                            "volume_class": volume.volume_class,
                            "size_bytes": volume.size_gib << 30,
                            "device": f"/dev/flashtier/{volume.name}",
                            "uuid": volume.uuid,
                            "mount_point": volume.mount_point,
                            "nvme": None,
                        }
                        for volume in host.volumes
                    ),
                }
                for host in topology.hosts
            ),
        }
    )
    certificate = "-----BEGIN CERTIFICATE-----\nunit test\n-----END CERTIFICATE-----\n"
    return program.contract_of(topology, environment, deployed, certificate, settings)


def mappings(tree: Tree, path: Path_ = ()) -> Iterator[Path_]:
    """The paths of every mapping in `tree`, its root included."""
    if isinstance(tree, dict):
        yield path
        for key, item in tree.items():
            yield from mappings(item, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from mappings(item, (*path, index))


def leaves(tree: Tree, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """The path and value of every scalar in `tree`."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from leaves(item, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from leaves(item, (*path, index))
    else:
        yield path, tree


def at(tree: Tree, path: Path_) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def spoiled(tree: Tree, path: Path_, value: Any) -> Tree:
    """A copy of `tree` with `value` at `path`."""
    copied = copy.deepcopy(tree)
    at(copied, path[:-1])[path[-1]] = value
    return copied


def dotted(path: Path_) -> str:
    return ".".join(str(step) for step in path)


def wrong_types(value: Any) -> tuple[Any, ...]:
    """Values that a lenient model would take for `value` and a strict one must refuse."""
    if isinstance(value, bool):
        return ("yes", 1)
    if isinstance(value, int):
        return (str(value), True, value + 0.5, None)
    if isinstance(value, float):
        return (str(value), True, None, math.nan)
    return (7, None, {"a": "mapping"})
