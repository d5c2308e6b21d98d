"""The monthly budget of an environment: it warns and stops nothing."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.environment.aws import Aws

#: Of the budget: spent by now, and what AWS expects by the month's end. In percent.
WARN_SPENT, WARN_EXPECTED = 80, 100


class Budget(Component):
    """Counts the account, or what bears the tag Environment.

    A filter by a tag matches nothing until the management account has activated the tag for cost allocation,
    which is possible a day after its first use: such a budget reads $0. Only that account may activate it, so
    the program does not. Source: AWS Billing user guide, "Activating user-defined cost allocation tags".
    """

    def __init__(self, naming: Naming, settings: Aws, options: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(naming, "Budget", options)
        aws.budgets.Budget(
            naming.resource("month"),
            name=naming.resource("month"),
            budget_type="COST",
            limit_amount=str(settings.budget_usd),
            limit_unit="USD",
            time_unit="MONTHLY",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:Environment${naming.stack}"]
                )
            ]
            if settings.budget_scope == "environment"
            else None,
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    threshold=threshold,
                    threshold_type="PERCENTAGE",
                    notification_type=kind,
                    subscriber_email_addresses=[settings.alarm_email],
                )
                for kind, threshold in (("ACTUAL", WARN_SPENT), ("FORECASTED", WARN_EXPECTED))
            ],
            tags=naming.tags(Name=naming.label("budget")),
            opts=self.of(),
        )
        self.register_outputs({})
