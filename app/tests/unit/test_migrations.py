"""Which migrations a release has, and which a database still needs."""

from __future__ import annotations

import pytest

from photo_api import migrate as subject


def test_the_releases_own_migrations_are_numbered_without_a_gap():
    versions = [migration.version for migration in subject.load()]
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= 7


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["1_a.sql"], ["0001-a.sql"]])
def test_refuses_gaps_and_odd_names(names):
    with pytest.raises(subject.MigrationFailed, match=names[-1]):
        subject.load(dict.fromkeys(names, "SELECT 1"))


@pytest.fixture
def three():
    return subject.load({f"000{n}_step.sql": f"SELECT {n}" for n in (1, 2, 3)})


def test_only_what_the_database_lacks_is_pending(three):
    assert [m.version for m in subject.pending(three, {1: three[0].sha256})] == [2, 3]
    assert subject.pending(three, {m.version: m.sha256 for m in three}) == ()


def test_an_edited_migration_is_refused(three):
    with pytest.raises(subject.MigrationFailed, match=r"version 2 .* was edited"):
        subject.pending(three, {1: three[0].sha256, 2: "0" * 64})


def test_a_newer_releases_schema_is_left_alone(three):
    applied = {m.version: m.sha256 for m in three} | {4: "4" * 64}
    assert subject.pending(three, applied) == ()


def test_only_a_marked_migration_runs_outside_a_transaction():
    inside, outside = subject.load({"0001_a.sql": "-- a\nSELECT 1", "0002_b.sql": f"{subject.OUTSIDE}\nSELECT 1"})
    assert (inside.transactional, outside.transactional) == (True, False)
