"""The operator's account is none that the system, a package or a role makes."""

from __future__ import annotations

import copy

import pytest

from infra.environment import Environment
from infra.environment.accounts import is_reserved
from infra.environment.purposes import PURPOSES
from infra.errors import EnvironmentInvalid
from tests.hosts import components, exact
from tests.support.declared import local_environment


def with_user(user: str) -> dict[str, object]:
    declared = copy.deepcopy(local_environment())
    declared["access"]["user"] = user
    return declared


@pytest.mark.parametrize(
    "user",
    ["postgres", "root", "www-data", "photo-api", "versitygw", "systemd-resolve", "pgbouncer", "admin"],
)
def test_an_account_of_a_daemon_is_not_the_operators(user: str) -> None:
    with pytest.raises(EnvironmentInvalid) as caught:
        Environment.parse(with_user(user))
    assert str(caught.value).startswith(
        f"flashtier:environment.access.user: {user!r} is, or may become, an account"
    )


@pytest.mark.parametrize("user", ["operator", "ops", "alice", "me-2"])
def test_a_name_of_its_own_is_accepted(user: str) -> None:
    assert Environment.parse(with_user(user)).access.user == user


def test_every_account_that_hosts_have_is_refused() -> None:
    """As the verification lists them: Debian's, those of packages, of roles, and owners of volumes."""
    roles = set().union(*(components.of(name).accounts for name in ("photo_api", "s3")))
    known = exact.USERS | roles | {purpose.owner for purpose in PURPOSES}
    assert sorted(name for name in known if not is_reserved(name)) == []
