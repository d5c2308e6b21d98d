"""patches/3435: in strict mode no one but a standby that Patroni has found confirms commits."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import Cluster

Load = Callable[[bool], Any]
#: What pg_basebackup -X stream calls itself while a member is cloned.
CLONE = "pg_basebackup"


@pytest.mark.parametrize("patched", [False, True])
def test_a_clone_in_the_making_confirms_no_commit(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched))
    cluster.primary.connect(CLONE)
    cluster.settle()
    assert cluster.primary.commit() is not patched


@pytest.mark.parametrize("patched", [False, True])
def test_a_clone_confirms_none_when_all_standbys_have_gone(load: Load, patched: bool) -> None:
    cluster = Cluster(load(patched), "db2", "db3")
    cluster.primary.walsenders.clear()
    cluster.primary.connect(CLONE)
    cluster.settle()
    assert cluster.primary.commit() is not patched


def test_the_first_standby_ends_the_wait(load: Load) -> None:
    cluster = Cluster(load(True))
    cluster.tags["db2"] = {}
    cluster.primary.connect("db2")
    cluster.settle()
    assert cluster.primary.written == "ANY 1 (db2)"
    assert cluster.sync.voters == ["db2"]
    assert cluster.primary.commit()


def test_patroni_that_is_restarted_knows_its_own_value(load: Load) -> None:
    cluster = Cluster(load(True))
    value = cluster.primary.written
    cluster.primary.restart_patroni()
    cluster.settle()
    assert cluster.primary.written == value
    assert cluster.primary.sync_handler.current_state(SimpleNamespace(members=[])).sync == set()
    cluster.tags["db2"] = {}
    cluster.primary.connect("db2")
    cluster.settle()
    assert cluster.primary.commit()


@pytest.mark.parametrize("patched", [False, True])
def test_after_initdb_the_value_is_one_that_postgresql_takes(load: Load, patched: bool) -> None:
    """As Ha.post_bootstrap asks for it, which names no number."""
    modules = load(patched)
    cluster = Cluster(modules)
    cluster.primary.sync_handler.set_synchronous_standby_names(modules.ha.CaseInsensitiveSet("*"))
    taken = cluster.primary.written.startswith("ANY 1 (")
    assert taken is patched


@pytest.mark.parametrize("patched", [False, True])
def test_a_reload_of_the_configuration_does_not_bring_it_back(load: Load, patched: bool) -> None:
    modules = load(patched)
    Cluster(modules)
    handler = SimpleNamespace(
        _server_parameters={},
        _config_dir="/",
        CMDLINE_OPTIONS=modules.config.ConfigHandler.CMDLINE_OPTIONS,
        _postgresql=SimpleNamespace(
            scope="x",
            role="primary",
            major_version=170000,
            mpp_handler=SimpleNamespace(adjust_postgres_gucs=lambda parameters: None),
        ),
    )
    parameters = modules.config.ConfigHandler.get_server_parameters(
        handler, {"parameters": {}, "listen": "10.0.0.1:5432"}
    )
    assert (parameters["synchronous_standby_names"] == "*") is not patched
