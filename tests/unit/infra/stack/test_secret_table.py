"""Names of secrets: those of every stack, and a password for each role that an environment declares."""

from __future__ import annotations

import json

from infra.environment import Environment
from infra.settings.database_roles import roles
from infra.stack.secret_table import SECRET_NAMES, is_of_a_role, new, secret_names
from infra.stack.secrets import ENVIRONMENT, _needed
from tests.support.declared import local_environment, two_applications

OF_ROLES = tuple(f"database_role_{name}_password" for name in ("orders_owner", "orders_app", "ada"))


def test_the_roles_of_the_app_keep_the_names_of_their_secrets() -> None:
    assert secret_names(roles(Environment.parse(local_environment()))) == SECRET_NAMES


def test_each_other_role_has_a_password_of_its_own() -> None:
    names = secret_names(roles(Environment.parse(two_applications())))
    assert names == (*SECRET_NAMES, *OF_ROLES)
    assert all(map(is_of_a_role, OF_ROLES))
    assert not any(map(is_of_a_role, (*SECRET_NAMES, "database_role__password", "database_role_x")))
    assert len({new(name) for name in names}) == len(names)


def test_a_stack_is_asked_for_what_its_configuration_declares() -> None:
    def config(text: str) -> dict[str, dict[str, str]]:
        return {ENVIRONMENT: {"value": text}}

    assert _needed(config(json.dumps(two_applications()))) == (*SECRET_NAMES, *OF_ROLES)
    # What is wrong with a declaration, the preview says.
    assert _needed(config("{}")) == _needed(config("{")) == _needed({}) == SECRET_NAMES
