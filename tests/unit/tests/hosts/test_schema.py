"""The query that lets the server describe what the migrations declare."""

from __future__ import annotations

import re

from tests.hosts import schema


def test_every_migration_is_in_the_query_once_and_in_order() -> None:
    statements = schema.migrations()
    assert len(statements) == len(list((schema.APP / "migrations").glob("*.sql"))) > 0
    text = schema.query("photos_owner")
    places = [text.index(statement) for statement in statements]
    assert places == sorted(places)
    assert text.index(schema.versions_table()) < places[0]


def test_the_query_changes_nothing() -> None:
    text = schema.query("photos_owner")
    assert text.startswith("BEGIN;")
    assert text.rstrip().endswith("ROLLBACK")
    assert "COMMIT" not in text.upper()
    assert "public." not in text[: text.index("RESET ROLE")]


def test_what_no_transaction_may_run_is_run_as_what_it_makes() -> None:
    plain = schema._plain("-- outside a transaction\nCREATE INDEX CONCURRENTLY i ON t (a);\n")
    assert plain == "CREATE INDEX  i ON t (a)"


def test_the_table_of_versions_is_the_apps_own() -> None:
    assert re.match(r"CREATE TABLE IF NOT EXISTS schema_versions \(", schema.versions_table())
