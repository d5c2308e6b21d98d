"""The environments of AWS as they are committed, on the stand-in: a simulation, with the policy pack on.

Each of them lives its whole life. What this cannot say is what AWS would refuse beyond moto and the
stand-in's laws. The tests of a stack build on each other, in their order.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.aws.cloud import BASE, account, changed, client, counts
from tests.engine.aws.environments import Environment
from tests.support.aws_contract import otherwise


@pytest.fixture(scope="module")
def dev(endpoint: str, home: Path, resolver: str) -> Environment:
    return Environment(BASE / "dev", "dev", endpoint, home, resolver)


@pytest.fixture(scope="module")
def before(dev: Environment) -> set[str]:
    """What the region holds before the first environment."""
    return account(dev.endpoint, dev.region)


@pytest.fixture(scope="module")
def begun(dev: Environment, before: set[str]) -> dict[str, str]:
    """The identities of what an up made in a region of which one zone has no hosts to give."""
    said = dev.refused("up", "--yes", "--skip-preview", FULL=[dev.cloud["zones"][0]])
    assert "api error InsufficientInstanceCapacity: We currently do not have sufficient t4g." in said, said
    # What to do is one line, however many hosts the zone refuses.
    summary = said.partition("Diagnostics:")[2]
    assert (
        summary.count("the zone has no host of this type to give at the moment; run `pulumi up` again") == 1
    ), said
    return identities(dev)


def identities(stack: Environment) -> dict[str, str]:
    """Of the resources that the state knows, by URN."""
    return {one["urn"]: one["id"] for one in stack.resources()}


def test_dev_comes_up_and_its_contract_is_what_the_kit_reads(
    dev: Environment, before: set[str], begun: dict[str, str]
) -> None:
    dev.up()
    contract = dev.contract()
    assert [host.instance_id for host in contract.hosts] == [
        dev.outputs(f"Instance::flashtier-dev-{host.name}")["id"] for host in contract.hosts
    ]
    # What the tests of roles, templates and daemons go by.
    assert otherwise(contract) == {}
    assert account(dev.endpoint, dev.region) > before


def test_what_an_up_had_made_before_it_failed_is_what_the_next_goes_on_with(
    dev: Environment, begun: dict[str, str]
) -> None:
    whole = identities(dev)
    assert "Instance::flashtier-dev-web1" not in " ".join(begun)
    assert "Vpc::flashtier-dev" in " ".join(begun)
    assert begun.items() < whole.items()
    assert len(client(dev.endpoint, "ec2", dev.region).describe_vpcs()["Vpcs"]) == 2  # and the account's own


def test_dev_up_again_changes_nothing(dev: Environment) -> None:
    dev.up("--refresh", "--expect-no-changes")


def test_a_change_of_the_declaration_is_one_of_the_resource(dev: Environment) -> None:
    ec2 = client(dev.endpoint, "ec2", dev.region)
    web = dev.outputs("Instance::flashtier-dev-web1")
    dev.declared["web"]["instance_type"] = "t4g.medium"
    # The instance, and the tier's launch template.
    assert changed(dev.up()) == {"flashtier-dev-web1": "updated", "flashtier-dev-web": "updated"}
    [reservation] = ec2.describe_instances(InstanceIds=[web["id"]])["Reservations"]
    assert reservation["Instances"][0]["InstanceType"] == "t4g.medium"


def test_what_was_changed_by_hand_is_found_and_repaired(dev: Environment) -> None:
    ec2 = client(dev.endpoint, "ec2", dev.region)
    member = dev.outputs("Instance::flashtier-dev-db1")["id"]
    ec2.create_tags(Resources=[member], Tags=[{"Key": "Owner", "Value": "someone"}])
    rules = [one for one in dev.resources() if one["type"].endswith(":SecurityGroupIngressRule")]
    revoked = next(one for one in rules if "flashtier-dev-database" in one["urn"])
    ec2.revoke_security_group_ingress(
        GroupId=revoked["outputs"]["securityGroupId"], SecurityGroupRuleIds=[revoked["id"]]
    )
    assert changed(dev.up("--refresh")) == {
        "flashtier-dev-db1": "updated",
        revoked["urn"].split("::")[-1]: "created",
    }
    [reservation] = ec2.describe_instances(InstanceIds=[member])["Reservations"]
    assert {"Key": "Owner", "Value": "photos"} in reservation["Instances"][0]["Tags"]
    dev.up("--refresh", "--expect-no-changes")


def test_destroying_dev_wants_its_locks_off_and_leaves_nothing(dev: Environment, before: set[str]) -> None:
    said = dev.refused("destroy", "--preview-only")
    assert "cannot be deleted" in said
    assert "protected" in said
    dev.destroy()
    assert account(dev.endpoint, dev.region) - before == set()


def test_prod_lives(
    endpoint: str, home: Path, resolver: str, before: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    prod = Environment(BASE / "prod", "prod", endpoint, home, resolver)
    accepted = prod.declared["database"].pop("accept_single_copy")
    assert "this version makes no standby and no backup" in prod.refused("preview")
    prod.declared["database"]["accept_single_copy"] = accepted
    prod.must("preview")
    made = counts(prod.up())["created"]
    first = prod.seconds["up"]
    prod.up("--expect-no-changes")
    again = prod.seconds["up"]
    contract = prod.contract()
    assert otherwise(contract) == {}
    members = {host.name: host.instance_id for host in contract.hosts if host.tier == "database"}
    ec2 = client(endpoint, "ec2", prod.region)
    for operation in (ec2.stop_instances, ec2.terminate_instances):
        with pytest.raises(ec2.exceptions.ClientError, match="OperationNotPermitted"):
            operation(InstanceIds=list(members.values()))
    assert prod.locked() == members.keys() | {host.name for host in contract.hosts if host.tier == "control"}
    # Its declaration lifts what protects prod, all but the locks of drives that a stop erases.
    prod.cloud["deletion_protection"] = False
    assert set(changed(prod.up()).values()) == {"updated"}
    assert prod.locked() == members.keys()
    prod.destroy()
    with capsys.disabled():
        print(
            f"\nprod on the stand-in, {made} resources: preview {prod.seconds['preview']:.0f} s, "
            f"up {first:.0f} s, up again {again:.0f} s, destroy {prod.seconds['destroy']:.0f} s"
        )
    assert account(endpoint, prod.region) - before == set()


def test_staging_lives(endpoint: str, home: Path, resolver: str, before: set[str]) -> None:
    staging = Environment(BASE / "staging", "staging", endpoint, home, resolver)
    staging.up()
    staging.up("--expect-no-changes")
    assert otherwise(staging.contract()) == {}
    staging.destroy()
    assert account(endpoint, staging.region) - before == set()
