"""The app's way to the database, as rendered: through pgBouncer on its host; migrations past it."""

from __future__ import annotations

import re
from typing import Any

import yaml
from ansible.template import trust_as_template

from infra.environment import Environment
from tests.hosts.pooler import declared_settings
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import ROOT, SHARED, render, templar

CONTRACT = contract_of("unit", Environment.parse(local_environment()))
TABLE: dict[str, Any] = yaml.safe_load((SHARED / "web_path.yml").read_text())["web_path"]


def of(role: str, template: str) -> str:
    return render(CONTRACT, "web1", role, template)


def evaluated(role: str, expression: str) -> Any:
    return templar(CONTRACT, "web1", role).template(trust_as_template(expression))


def test_the_app_reaches_the_database_through_pgbouncer() -> None:
    """By the group of the socket, which pgBouncer has made by then."""
    app, unit = of("app", "environment.j2"), of("app", "photo-api.service.j2")
    fixed = declared_settings(of("pgbouncer", "fixed.ini.j2"))
    given = dict(line.split("=", 1) for line in app.splitlines() if "=" in line)
    place = (given["PHOTO_API_DATABASE_HOST"], given["PHOTO_API_DATABASE_PORT"])
    assert place == (fixed["unix_socket_dir"], fixed["listen_port"])
    assert f"SupplementaryGroups={fixed['unix_socket_group']}\n" in unit
    for order in ("After", "Wants"):
        assert re.search(rf"(?m)^{order}=.*\bpgbouncer\.service\b", unit), order
    # A stop of pgBouncer is none of the app.
    assert not re.search(r"(?m)^(Requires|BindsTo|PartOf)=.*pgbouncer", unit)


def test_migrations_reach_the_leader_past_pgbouncer() -> None:
    """Their lock is the session's: in transaction mode it would stay on a connection that others get."""
    (block,) = yaml.safe_load((ROOT / "ansible/roles/app/tasks/migrate.yml").read_text())
    given = {name: evaluated("app", value) for name, value in block["block"][0]["environment"].items()}
    members = [f"{name}.{CONTRACT.domain}" for name in CONTRACT.database.members]
    assert given["PHOTO_API_DATABASE_HOST"].split(",") == members
    assert int(given["PHOTO_API_DATABASE_PORT"]) == CONTRACT.ports["postgresql"]


def test_writes_that_wait_leave_connections_for_reads() -> None:
    """In pgBouncer as in the app, where each has a pool of its own: one pool with room for both."""
    app = CONTRACT.app
    follower = evaluated("follower", "{{ follower_configuration }}")
    settings = declared_settings(of("pgbouncer", "pgbouncer.ini.j2"))
    sizes = [pool["pool_size"] for pool in follower["pools"]] + [int(settings["default_pool_size"])]
    assert sizes == [app.pool_size + app.write_pool_size] * 2
    # Those of the process before, too, while it ends.
    assert int(settings["max_client_conn"]) > 2 * sizes[0]


def test_migrations_run_as_an_account_of_their_own() -> None:
    """The account that faces the web could read or trace them, and they have the owner's password."""
    variables = yaml.safe_load((ROOT / "ansible/roles/app/vars/main.yml").read_text())
    (block,) = yaml.safe_load((ROOT / "ansible/roles/app/tasks/migrate.yml").read_text())
    name = re.fullmatch(r"\{\{ (\w+) \}\}", block["block"][0]["become_user"])
    assert name is not None
    assert variables[name[1]] != variables["app_account"]
    assert f"User={variables['app_account']}\n" in of("app", "photo-api.service.j2")


def test_the_database_has_the_deadlines_of_the_table() -> None:
    role = next(one for one in CONTRACT.database.roles if one.name == CONTRACT.app.role)
    given = {setting.name: setting.value for setting in role.settings}
    answer = TABLE["answer"]
    deadlines = (f"{answer['database_statement']}s", f"{answer['database_lock']}s")
    assert (given["statement_timeout"], given["lock_timeout"]) == deadlines
