"""Names and tags on AWS, and the mocks that every test of this folder trusts."""

from __future__ import annotations

import pulumi_aws as aws
import pytest

from infra.aws.naming import LONGEST_STACK, Component, Naming
from infra.errors import EnvironmentInvalid
from tests.support.aws.mocks import ANSWERS, IDENTITY, run
from tests.support.aws_environments import parsed


def naming(stack: str = "unit") -> Naming:
    return Naming(stack, parsed())


def test_names_begin_with_project_and_stack_and_labels_with_the_stack() -> None:
    assert naming().resource("web", "a") == "flashtier-unit-web-a"
    assert naming().label("db1") == "unit-db1"


def test_tags_name_project_environment_owner_and_cost_and_take_more() -> None:
    tags = naming().tags(Name="unit-db1", Tier="database")
    assert set(tags) == {"Project", "ManagedBy", "Environment", "Owner", "CostCenter", "Name", "Tier"}
    assert tags["Environment"] == "unit"
    assert tags["Tier"] == "database"


@pytest.mark.parametrize("stack", ["a" * (LONGEST_STACK + 1), "Prod", "prod-", "1st", "pröd", ""])
def test_a_stack_that_does_not_fit_the_names_of_aws_is_refused(stack: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"stack = {stack}: goes into names of AWS"):
        naming(stack)


def test_the_longest_stack_fits_the_name_of_a_target_group() -> None:
    name = naming("a" * LONGEST_STACK).resource("web")
    assert len(f"{name}-1234567") <= 32


def test_resources_of_a_component_lie_under_it_and_their_options_are_recorded() -> None:
    class Part(Component):
        def __init__(self) -> None:
            super().__init__(naming(), "Part")
            first = aws.kms.Key(
                "first", description="d", deletion_window_in_days=7, opts=self.of(protect=True)
            )
            second = aws.kms.Key("second", opts=self.of(depends_on=[first]))
            self.arns = [first.arn, second.arn]

    recorded = run(lambda: Part().arns)
    first, second = recorded.of("Key")
    assert first.urn.split("::")[2] == "flashtier:aws:Part$aws:kms/key:Key"
    assert first.inputs["deletionWindowInDays"] == 7
    assert first.options.protect
    assert not second.options.protect
    assert second.depends_on(first)
    assert recorded.result == [first.arn, second.arn]


def test_an_invoke_that_no_test_expects_fails_even_if_it_is_swallowed() -> None:
    def program() -> None:
        try:
            aws.get_caller_identity()
        except Exception:
            return

    with pytest.raises(AssertionError, match="unexpected invoke"):
        run(program)
    assert run(program, answers={IDENTITY: ANSWERS[IDENTITY]}).invokes == [(IDENTITY, {})]


def test_a_fault_of_the_program_comes_out_of_the_run() -> None:
    def program() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run(program)
