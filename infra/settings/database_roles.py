"""Pure: an environment -> the databases and roles of its cluster, with what follows for each."""

from __future__ import annotations

from infra.environment import Access, Environment, Kind
from infra.environment.databases import DeclaredRole, owned
from infra.model import Model
from infra.settings.postgresql_fixed import manual
from infra.settings.setting import Setting


class ApplicationDatabase(Model):
    """A database beside `postgres`, which is the cluster's own. `extensions` are made in their order."""

    name: str
    owner: str
    encoding: str
    extensions: tuple[str, ...]


class DatabaseRole(Model):
    """A role with a login. `connection_limit`: -1 for none. `password` is the name of a secret.

    `databases`: those that it may connect to. `settings` are those of the role, in effect in each of them.
    """

    name: str
    kind: Kind
    databases: tuple[str, ...]
    access: Access
    connection_limit: int
    password: str
    settings: tuple[Setting, ...]


def _setting(name: str, value: str, reason: str) -> Setting:
    return Setting(name=name, value=value, reason=reason, source=manual("19.11.1"))


_SETTINGS: dict[Kind, tuple[Setting, ...]] = {
    # Migrations set the deadline of their statements themselves.
    "owner": (
        _setting("lock_timeout", "3s", "a statement that waits for a lock holds up all that come after it"),
        _setting("idle_in_transaction_session_timeout", "60s", "a transaction that is left open holds locks"),
    ),
    # Shorter than an application waits (ansible/group_vars/all/web_path.yml, answer).
    "application": (
        _setting("lock_timeout", "2s", "the statement ends before its client stops waiting"),
        _setting("statement_timeout", "5s", "the statement ends before its client stops waiting"),
        _setting("idle_in_transaction_session_timeout", "10s", "a transaction that is left open holds locks"),
    ),
    "person": (
        _setting("lock_timeout", "2s", "a person gives way to the application"),
        _setting("statement_timeout", "5min", "what a person forgets ends by itself"),
        _setting("idle_in_transaction_session_timeout", "60s", "a transaction that is left open holds locks"),
    ),
}
#: Rights decide; this says so at the first statement that would write.
_READ_ONLY = _setting("default_transaction_read_only", "on", "a change by mistake is refused as such")


def databases(environment: Environment) -> tuple[ApplicationDatabase, ...]:
    """The declared databases, in their order."""
    return tuple(
        ApplicationDatabase(name=one.name, owner=one.owner, encoding=one.encoding, extensions=one.extensions)
        for one in environment.database.databases
    )


def roles(environment: Environment) -> tuple[DatabaseRole, ...]:
    """The declared roles, in their order. For replication, rewind and the follower the kit has its own."""
    return tuple(_role(environment, declared) for declared in environment.database.roles)


def _role(environment: Environment, declared: DeclaredRole) -> DatabaseRole:
    of = owned(declared.name, environment.database.databases)
    read_only = (_READ_ONLY,) if declared.rights == "read-only" else ()
    return DatabaseRole(
        name=declared.name,
        kind=declared.kind,
        databases=of if declared.kind == "owner" else declared.databases,
        access=declared.rights,
        connection_limit=declared.connections,
        password=password(environment, declared.name),
        settings=(*_SETTINGS[declared.kind], *read_only),
    )


def password(environment: Environment, role: str) -> str:
    """The secret that is the role's password: the app's and its owner's have names of their own."""
    if role == environment.app.role:
        return "app_database_password"
    app = next(one for one in environment.database.databases if one.name == environment.app.database)
    return "owner_database_password" if role == app.owner else f"database_role_{role}_password"
