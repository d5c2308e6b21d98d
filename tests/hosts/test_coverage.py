"""The books are closed: every declared fact was held against a host, or the platform says why not."""

from __future__ import annotations

import pytest

from infra.contract import Contract
from tests.hosts.facts import Ledger
from tests.hosts.subject import is_partial


def test_every_declared_fact_was_checked(
    request: pytest.FixtureRequest, contract: Contract, ledger: Ledger
) -> None:
    if is_partial(request.config):
        pytest.skip("only some tests were chosen, so that the books cannot be closed")
    uncovered = ledger.uncovered()
    if uncovered:
        pytest.fail(
            f"{len(uncovered)} declared facts were read by no check: {', '.join(uncovered[:20])}"
            f"{' ...' if len(uncovered) > 20 else ''}",
            pytrace=False,
        )
