"""What the app's migrations declare, said by the server itself, next to what the database has.

PostgreSQL runs the migrations of this checkout in a schema of their own, in a transaction that is rolled
back, and describes both. So there is no second list of columns, constraints, indexes and rights.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from infra.paths import ROOT

APP = ROOT / "app" / "src" / "photo_api"
SCHEMA = "flashtier_declared"


def migrations() -> list[str]:
    """The statements, in the order in which they are applied; comments are left out."""
    return [_plain(path.read_text()) for path in sorted((APP / "migrations").glob("*.sql"))]


def _plain(text: str) -> str:
    """Without comments, and without CONCURRENTLY, which no transaction may run."""
    statement = re.sub(r"--[^\n]*", "", text).strip().rstrip(";")
    return re.sub(r"\bCONCURRENTLY\b", "", statement, flags=re.IGNORECASE)


def versions_table() -> str:
    """The statement with which photo-api makes the table of applied versions, before the first migration."""
    tree = ast.parse((APP / "migrate.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["_VERSIONS"]:
            return str(ast.literal_eval(node.value)).strip()
    raise LookupError(
        f"{APP / 'migrate.py'}: no assignment to _VERSIONS, which makes the table schema_versions"
    )


def query(owner: str) -> str:
    """SQL for the leader, in the app's database: {"declared": [line], "present": [line]}."""
    return ";\n".join(
        [
            "BEGIN",
            "SET LOCAL lock_timeout = '3s'",
            f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {owner}",
            f"SET LOCAL ROLE {owner}",
            f"SET LOCAL search_path = {SCHEMA}",
            versions_table(),
            *migrations(),
            "RESET ROLE",
            (Path(__file__).parent / "described.sql").read_text(),
        ]
    )
