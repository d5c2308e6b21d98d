"""The CDN of an environment on the stand-in: declared, taken back, and gone without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.aws.edge.cdn import cdn_name
from tests.engine.aws.cloud import BASE, account, changed, client
from tests.engine.aws.environments import Environment


@pytest.fixture(scope="module")
def dev(endpoint: str, home: Path, resolver: str) -> Environment:
    return Environment(BASE / "cdn", "dev", endpoint, home, resolver)


@pytest.fixture(scope="module")
def before(dev: Environment) -> set[str]:
    """What the region holds before the environment."""
    return account(dev.endpoint, dev.region)


def test_with_a_cdn_the_contract_says_where_the_photos_are(dev: Environment, before: set[str]) -> None:
    dev.cloud["cdn"] = "cloudfront"
    dev.must("up", "--yes", "--skip-preview", seconds=900)
    assert dev.contract().object_store.cdn_url == f"https://{cdn_name(dev.cloud['domain']['name'])}"
    [shown] = client(dev.endpoint, "cloudfront").list_distributions()["DistributionList"]["Items"]
    assert (shown["Aliases"]["Items"], shown["Enabled"]) == ([cdn_name(dev.cloud["domain"]["name"])], True)
    again = changed(dev.must("up", "--yes", "--skip-preview", "--refresh", seconds=900))
    assert not [name for name in again if name.startswith("flashtier-dev-photos")]


def test_destroying_it_leaves_nothing(dev: Environment, before: set[str]) -> None:
    dev.destroy()
    assert account(dev.endpoint, dev.region) - before == set()
