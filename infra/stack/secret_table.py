"""Every secret of a stack, once: its name in the encrypted output `secrets`, and what makes its value.

Those of all stacks are in `MAKERS`; each declared role of the database has a password in addition.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Iterable

from infra.settings.database_roles import DatabaseRole
from infra.stack import authority

_ALPHANUMERIC = string.ascii_letters + string.digits


def _text(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _password() -> str:
    """190 bits; letters and digits only, so that no file format or URL needs to quote it."""
    return _text(_ALPHANUMERIC, 32)


def _access_key() -> str:
    """As long as one of AWS, and as plain."""
    return _text(string.ascii_uppercase + string.digits, 20)


def _secret_key() -> str:
    return _text(_ALPHANUMERIC, 40)


#: By name, in the order in which they are made.
MAKERS: dict[str, Callable[[], str]] = {
    "ca_private_key": authority.new_key,
    "app_database_password": _password,
    "owner_database_password": _password,
    "replication_database_password": _password,
    "rewind_database_password": _password,
    "patroni_rest_password": _password,
    "follower_database_password": _password,
    "s3_root_access_key": _access_key,
    "s3_root_secret_key": _secret_key,
    "s3_app_access_key": _access_key,
    "s3_app_secret_key": _secret_key,
    "etcd_root_password": _password,
    "etcd_snapshot_password": _password,
    "etcd_patroni_password": _password,
    "etcd_follower_password": _password,
    "etcd_procedure_password": _password,
    "etcd_seal_password": _password,
    "etcd_release_password": _password,
}

#: Those that a stack has whatever it declares.
SECRET_NAMES: tuple[str, ...] = tuple(MAKERS)


def secret_names(roles: Iterable[DatabaseRole]) -> tuple[str, ...]:
    """Names of the secrets of a stack that declares these roles, in the order in which they are made."""
    return tuple(dict.fromkeys((*SECRET_NAMES, *(role.password for role in roles))))


def is_of_a_role(name: str) -> bool:
    """Whether `name` is that of a role's password: the stack keeps it when the role is no longer declared."""
    return re.fullmatch(r"database_role_[a-z][a-z0-9_]*_password", name) is not None


def new(name: str) -> str:
    """A new value for the secret `name`."""
    return MAKERS.get(name, _password)()
