"""The contracts with one altered value: there is one for every value of a contract, whatever its platform."""

from __future__ import annotations

import pytest

from infra.contract import Contract
from infra.environment import Environment
from tests.drills.doctored import FIXED, alterations
from tests.hosts.facts import declared_facts
from tests.support.aws_contract import aws_contract
from tests.support.declared import contract_of, local_environment

CONTRACTS = {
    "local": contract_of("unit", Environment.parse(local_environment())),
    "aws": aws_contract("dev"),
}


@pytest.mark.parametrize("platform", CONTRACTS)
def test_every_fact_can_have_another_value(platform: str) -> None:
    contract: Contract = CONTRACTS[platform]
    facts = {key for key, value in declared_facts(contract).items() if value is not True}
    changed = {key for one in alterations(contract) for key in one.facts}
    fixed = {key for key in facts if key == "platform" or key.endswith(".nvme.scheduler")}
    # A host with one volume has no other one for its data.
    alone = {key for key in facts if ".placement." in key and key.endswith(".volume")}
    assert sorted(facts - changed - fixed - alone) == []
    assert FIXED
