"""Databases and roles that an environment declares, in PostgreSQL's words, and the rules between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from infra.environment import extensions
from infra.model import KeyedError, Model

#: An owner makes the tables of its databases, in migrations; an application connects from web hosts, a person
#: from members of the database.
Kind = Literal["owner", "application", "person"]
#: On tables and sequences of the role's databases. `granted`: what their owner grants it, each by itself.
Access = Literal["granted", "read-only", "read-write"]

#: Words of pg_hba.conf and of SQL that are no names of roles or databases there.
_WORDS = """
    all replication sameuser samerole samegroup public none user current_role current_user session_user
"""
#: What the cluster, the kit's own accounts and pgBouncer's console are called.
_TAKEN = "postgres template0 template1 replicator rewinder pgbouncer"
_RESERVED = frozenset(f"{_WORDS} {_TAKEN}".split())
_TAKEN_PREFIXES = ("pg_", "flashtier_")


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", value):
        raise ValueError(
            "must start with a lower-case letter, hold only a-z, 0-9 and '_', at most 40 characters, so that "
            "nothing has to quote it; rename it"
        )
    if value in _RESERVED or value.startswith(_TAKEN_PREFIXES):
        raise ValueError("is reserved for PostgreSQL or the kit; take a name of its own")
    return value


#: Names of databases and roles.
Identifier = Annotated[str, AfterValidator(_identifier)]


def _encoding(value: str) -> str:
    if value != "UTF8":
        raise ValueError(
            "the cluster's locale is C.UTF-8, and other encodings cannot hold every text; take UTF8"
        )
    return value


class DeclaredDatabase(Model):
    """`owner` is a role of kind owner. `extensions` are made in their order; none is ever dropped."""

    name: Identifier
    owner: Identifier
    encoding: Annotated[str, AfterValidator(_encoding)] = "UTF8"
    extensions: tuple[str, ...] = ()


class DeclaredRole(Model):
    """A role with a login and none of PostgreSQL's attributes; it inherits nothing.

    `databases`: those that it connects to; an owner's are those that name it. `access`: `granted` for an
    application, `read-only` for a person where nothing is said; an owner has all rights. `connection_limit`:
    connections at once; none, where nothing is said, for owner and application, and `PERSONS_CONNECTIONS`
    for a person.
    """

    name: Identifier
    kind: Kind
    databases: tuple[Identifier, ...] = ()
    access: Access = "granted"
    connection_limit: int = Field(default=0, ge=1, le=800)

    @property
    def rights(self) -> Access:
        """`access`, or what its kind has where nothing is said."""
        if self.kind == "person" and "access" not in self.model_fields_set:
            return "read-only"
        return self.access

    @property
    def connections(self) -> int:
        """`connection_limit`; -1 for none, as PostgreSQL has it."""
        return self.connection_limit or (PERSONS_CONNECTIONS if self.kind == "person" else -1)


#: Connections of a person at once: a session, one that looks at it, one that is being ended.
PERSONS_CONNECTIONS = 3


def owned(role: str, databases: Iterable[DeclaredDatabase]) -> tuple[str, ...]:
    """Names of the databases whose owner is `role`."""
    return tuple(database.name for database in databases if database.owner == role)


def no_logical_slots(declared: object) -> object:
    """Refuses slots of logical replication, of which a failover would lose changes.

    A standby keeps such a slot only if decoding waits for that standby (synchronized_standby_slots of
    PostgreSQL 17). With a quorum it may be either of two: to wait for both would stop subscribers with one.
    """
    if isinstance(declared, Mapping) and "logical_slots" in declared:
        raise KeyedError(
            "logical_slots",
            f"{declared['logical_slots']!r}: the kit keeps no logical slot, for a failover would lose its "
            "changes; remove it",
        )
    return declared


def databases_fault(
    databases: tuple[DeclaredDatabase, ...], roles: tuple[DeclaredRole, ...]
) -> KeyedError | None:
    """The first rule between databases and roles that is broken; its key begins at the section `database`."""
    named = (("databases", [one.name for one in databases]), ("roles", [one.name for one in roles]))
    for section, names in named:
        for index, name in enumerate(names):
            if name in names[:index]:
                return KeyedError(f"{section}.{index}.name", f"{name!r} is declared twice; rename one")
    kinds = {role.name: role.kind for role in roles}
    for index, database in enumerate(databases):
        if fault := _database_fault(database, kinds):
            return KeyedError(f"databases.{index}.{fault[0]}", fault[1])
    for index, role in enumerate(roles):
        if fault := _role_fault(role, databases):
            return KeyedError(f"roles.{index}.{fault[0]}", fault[1])
    return None


def _database_fault(database: DeclaredDatabase, kinds: dict[str, Kind]) -> tuple[str, str] | None:
    if kinds.get(database.owner) != "owner":
        owners = [name for name, kind in kinds.items() if kind == "owner"]
        known = f"take one of {', '.join(owners)}, or add it" if owners else "add it"
        return (
            "owner",
            f"there is no role {database.owner!r} of kind owner among database.roles; {known} there",
        )
    for name in database.extensions:
        if database.extensions.count(name) > 1:
            return "extensions", f"{name!r} is declared twice; remove one"
        if fault := extensions.fault(name, database.extensions):
            return "extensions", fault
    return None


def _role_fault(role: DeclaredRole, databases: tuple[DeclaredDatabase, ...]) -> tuple[str, str] | None:
    names = [database.name for database in databases]
    if role.kind == "owner":
        for key in ("databases", "access"):
            if key in role.model_fields_set:
                return (
                    key,
                    f"{role.name!r} is an owner, which has all rights in the databases that name it; "
                    "remove the key",
                )
        if not owned(role.name, databases):
            return (
                "kind",
                f"{role.name!r} owns no database; name it in database.databases, or remove it",
            )
        return None
    if not role.databases:
        return "databases", f"{role.name!r} has no database; take of {', '.join(names)}, or remove the role"
    for name in role.databases:
        if name not in names:
            return (
                "databases",
                f"{role.name!r} names {name!r}, and there is no such database among database.databases; "
                f"take of {', '.join(names)}, or add it there",
            )
        if role.databases.count(name) > 1:
            return "databases", f"{role.name!r} names {name!r} twice; remove one"
    if role.kind == "person" and role.access == "granted" and "access" in role.model_fields_set:
        return (
            "access",
            f"{role.name!r} is a person, whom no migration knows; take read-only or read-write",
        )
    return None
