"""Extensions of PostgreSQL that a database may have: those of Debian's package, which members have anyway."""

from __future__ import annotations

#: What postgresql-17 17.12-0+deb13u1 has in /usr/share/postgresql/17/extension. plpgsql is in every database.
_CONTROL_FILES = """
    amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
    fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
    pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto
    pgrowlocks pgstattuple postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time
    unaccent uuid-ossp xml2
"""
CONTRIB = frozenset(_CONTROL_FILES.split())
#: What each of them needs to be there before it.
NEEDS = {"earthdistance": ("cube",)}
#: Others that are asked for often, by the package of Debian 13 that brings them; no role installs one.
PACKAGES = {
    "hll": "postgresql-17-hll",
    "pg_cron": "postgresql-17-cron",
    "pg_partman": "postgresql-17-partman",
    "pgaudit": "postgresql-17-pgaudit",
    "plperl": "postgresql-plperl-17",
    "plpython3u": "postgresql-plpython3-17",
    "postgis": "postgresql-17-postgis-3",
    "vector": "postgresql-17-pgvector",
}


def fault(name: str, declared: tuple[str, ...]) -> str | None:
    """Why a database whose extensions are `declared`, in this order, cannot have `name`; None if it can."""
    if name == "plpgsql":
        return "'plpgsql' is in every database; remove it"
    if name in PACKAGES:
        return f"{name!r} is of Debian's package {PACKAGES[name]}, which the kit does not install; remove it"
    if name not in CONTRIB:
        return (
            f"{name!r} is not in Debian's package postgresql-17; take one of {', '.join(sorted(CONTRIB))}, "
            "or remove it"
        )
    earlier = declared[: declared.index(name)]
    if missing := [needed for needed in NEEDS.get(name, ()) if needed not in earlier]:
        return f"{name!r} needs {missing[0]!r}; declare that before it"
    return None
