"""What an environment may cost a month; it warns and stops nothing."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.aws.naming import Component, Naming
from infra.environment.aws import Aws

#: Of the budget: spent by now, and what AWS expects by the month's end. In percent.
WARN_SPENT, WARN_EXPECTED = 80, 100


class Budget(Component):
    """Counts what bears the tag Environment, once the account has made that a cost allocation tag."""

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
            ],
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
