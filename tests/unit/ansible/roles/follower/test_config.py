"""The settings as the role writes them, and refusals of one line."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible.template import trust_as_template

from follower import config, notify
from follower.access import ConfigError
from follower.config import Config
from infra.environment import Environment
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import templar

CONTRACT = contract_of("unit", Environment.parse(local_environment()))


@pytest.fixture
def rendered() -> dict[str, Any]:
    """What the role writes to /etc/flashtier/follower.json on web1."""
    text = templar(CONTRACT, "web1", "follower").template(
        trust_as_template("{{ follower_configuration | to_json }}")
    )
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    for name in ("etcd_password", "database_password"):
        (tmp_path / name).write_text(f"of {name}\n")
    return tmp_path


def read(given: object, credentials: Path) -> Config:
    path = credentials / "follower.json"
    path.write_text(json.dumps(given))
    return config.read(path, credentials)


def test_the_program_reads_what_the_role_writes(rendered: dict[str, Any], credentials: Path) -> None:
    found = read(rendered, credentials)
    members = {host.name: host.address for host in CONTRACT.hosts if host.name in CONTRACT.database.members}
    assert found.members == members
    control = [host.address for host in CONTRACT.hosts if "etcd" in host.components]
    assert found.etcd == tuple(f"https://{address}:{CONTRACT.ports['etcd_client']}" for address in control)
    assert found.login.password == "of etcd_password"  # noqa: S105
    assert found.quorum is True
    assert [pool.name for pool in found.pools] == ["photos"]
    assert found.pools[0].parameters == {
        "pool_size": CONTRACT.app.pool_size + CONTRACT.app.write_pool_size,
        "min_pool_size": CONTRACT.app.pool_size + CONTRACT.app.write_pool_size,
    }


def test_a_pool_for_stale_reads_has_its_bound(credentials: Path) -> None:
    declared = local_environment()
    declared["app"]["read_from_standbys"] = {"max_lag_ms": 2500}
    contract = contract_of("unit", Environment.parse(declared))
    expression = trust_as_template("{{ follower_configuration | to_json }}")
    found = read(json.loads(templar(contract, "web1", "follower").template(expression)), credentials)
    assert [pool.name for pool in found.pools] == ["photos"]
    (pool,) = found.read_pools
    assert (pool.name, pool.dbname, found.max_lag) == ("photos_read", "photos", 2.5)
    # The bound is the follower's own: pgBouncer would refuse the list for a word that it does not know.
    assert dict(pool.parameters) == dict.fromkeys(("pool_size", "min_pool_size"), contract.app.pool_size)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"members": {}}, "members is empty"),
        ({"etcd": []}, "etcd is empty"),
        ({"pools": []}, "pools is empty"),
        ({"pools": [{"name": "photos"}]}, "dbname"),
        ({"hold": 0}, "hold = 0"),
        ({"hold": 60}, "hold = 60"),
        ({"hold": "long"}, "long"),
        ({"tls": {}}, "missing"),
        ({"stack": None, "database_port": "x"}, "x"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(
    wrong: dict[str, Any], says: str, rendered: dict[str, Any], credentials: Path
) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        read(rendered | wrong, credentials)
    assert "run the role follower" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "key", ["stack", "host", "members", "etcd", "console", "pools", "databases_file", "quorum", "hold"]
)
def test_a_missing_key_is_named(key: str, rendered: dict[str, Any], credentials: Path) -> None:
    del rendered[key]
    with pytest.raises(ConfigError, match=key):
        read(rendered, credentials)


def test_a_missing_credential_is_named(rendered: dict[str, Any], credentials: Path) -> None:
    (credentials / "etcd_password").unlink()
    with pytest.raises(ConfigError, match="etcd_password"):
        read(rendered, credentials)


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify.notify("READY=1")
        assert receiver.recv(100) == b"READY=1"
