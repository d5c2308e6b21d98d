"""A new instance type for members on drives in the host: docs/tasks/new-instance-type.md, on the stand-in.

The tests build on each other, in their order. What a play does in between (remove_member, add_member) is
drilled on platform local.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.aws.cloud import BASE, account, changed, client
from tests.engine.aws.environments import Environment

OLD, NEW = "i8g.large", "i8g.xlarge"
MEMBERS = ["db1", "db2", "db3"]


@pytest.fixture(scope="module")
def staging(endpoint: str, home: Path, resolver: str) -> Environment:
    return Environment(BASE / "new-drives", "staging", endpoint, home, resolver)


@pytest.fixture(scope="module")
def before(staging: Environment) -> set[str]:
    """What the region holds before the environment."""
    return account(staging.endpoint, staging.region)


@pytest.fixture(scope="module")
def first(staging: Environment, before: set[str]) -> dict[str, tuple[str, str]]:
    """Members as they were made, before the new type is declared."""
    staging.up()
    assert staging.declared["database"]["instance_type"] == OLD
    found = instances(staging)
    staging.declared["database"]["instance_type"] = NEW
    return found


def instances(stack: Environment) -> dict[str, tuple[str, str]]:
    """Identity and type of each member, as EC2 has them."""
    ec2 = client(stack.endpoint, "ec2", stack.region)
    found = {}
    for name in MEMBERS:
        one = stack.outputs(f"Instance::flashtier-staging-{name}")["id"]
        [reservation] = ec2.describe_instances(InstanceIds=[one])["Reservations"]
        found[name] = (one, reservation["Instances"][0]["InstanceType"])
    return found


def ebs(stack: Environment) -> dict[str, str]:
    """Volumes of members that outlive their hosts."""
    return {
        one["urn"].split("::")[-1]: one["id"]
        for one in stack.resources()
        if one["type"] == "aws:ebs/volume:Volume" and "-db" in one["urn"]
    }


def terminate(stack: Environment, member: str) -> None:
    """As the break-glass role: what the deployer may not lift."""
    ec2: Any = client(stack.endpoint, "ec2", stack.region)
    one = stack.outputs(f"Instance::flashtier-staging-{member}")["id"]
    with pytest.raises(ec2.exceptions.ClientError, match="OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[one])
    for lock in ("DisableApiTermination", "DisableApiStop"):
        ec2.modify_instance_attribute(InstanceId=one, **{lock: {"Value": False}})
    ec2.terminate_instances(InstanceIds=[one])


def test_declaring_the_type_alone_changes_no_member(
    staging: Environment, first: dict[str, tuple[str, str]]
) -> None:
    """EC2 changes a type of a stopped host only, and these refuse a stop."""
    said = staging.refused("up", "--yes", "--skip-preview")
    assert "OperationNotPermitted" in said
    assert instances(staging) == first


@pytest.mark.parametrize("member", ["db3", "db2", "db1"])
def test_one_member_after_the_other_gets_the_new_type(
    member: str, staging: Environment, first: dict[str, tuple[str, str]]
) -> None:
    now, volumes = instances(staging), ebs(staging)
    terminate(staging, member)
    said = staging.up("--refresh", "--target", f"**flashtier-staging-{member}**", "--target-dependents")
    after = instances(staging)
    assert after[member][1] == NEW
    assert after[member][0] != now[member][0]
    others = [name for name in MEMBERS if name != member]
    assert [after[name] for name in others] == [now[name] for name in others], said
    assert ebs(staging) == volumes
    assert not [name for name in changed(said) if any(f"-{one}" in name for one in others)], said


def test_in_the_end_the_declaration_is_what_is(staging: Environment, before: set[str]) -> None:
    said = staging.up("--refresh")
    assert [name for name in changed(said) if "-db" in name] == [], said
    staging.up("--expect-no-changes")
    found = instances(staging)
    assert {kind for _, kind in found.values()} == {NEW}
    known = {host.name: host.instance_id for host in staging.contract().hosts if host.tier == "database"}
    assert known == {name: one for name, (one, _) in found.items()}
    assert staging.locked() == set(MEMBERS)
    staging.destroy()
    assert account(staging.endpoint, staging.region) - before == set()
