"""The way in, as rendered: edge, nginx and app agree on sizes and names, and the outer waits longer."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.paths import ROOT as TREE

SETTINGS = TREE / "app/src/photo_api/settings.py"

#: What the contract gives, by the roles' names for it.
GIVEN: dict[str, Any] = {
    "app_database_host": "db1.x.internal",
    "app_database_port": 5432,
    "app_pool_size": 7,
    "app_object_store": {
        "endpoint": "https://control1.x.internal:7070",
        "region": "us-east-1",
        "bucket": "photos",
        "credentials": "keys",
        "ca": "project",
    },
    "app_max_upload_mib": 3,
    "app_decode_workers": 2,
    "nginx_host": "web1",
    "nginx_domain": "x.internal",
    "nginx_port": 8443,
    "nginx_workers": 2,
    "nginx_max_upload_mib": 3,
    "nginx_edge_addresses": ["10.0.0.10"],
    "nginx_edge_networks": [],
    "nginx_control_addresses": ["10.0.0.150", "10.0.0.151"],
    "haproxy_host": "edge1",
    "haproxy_domain": "x.internal",
    "haproxy_threads": 1,
    "haproxy_memory_mib": 512,
    "haproxy_https_port": 443,
    "haproxy_http_port": 80,
    "haproxy_web_port": 8443,
    "haproxy_web_hosts": [{"name": f"web{n}", "address": f"10.0.0.{20 + n}"} for n in (1, 2, 3)],
    "haproxy_max_upload_mib": 3,
}


def role_variables(role: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TREE / f"ansible/roles/{role}/vars/main.yml").read_text())
    return found


def render(template: str) -> str:
    role = template.split("/")[0]
    environment = Environment(
        loader=FileSystemLoader(TREE / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 - configuration, not HTML
    )
    return environment.get_template(template).render(role_variables(role) | GIVEN)


@pytest.fixture(scope="module")
def app() -> str:
    return render("app/environment.j2")


@pytest.fixture(scope="module")
def unit() -> str:
    return render("app/photo-api.service.j2")


@pytest.fixture(scope="module")
def nginx() -> str:
    return render("nginx/nginx.conf.j2")


@pytest.fixture(scope="module")
def haproxy() -> str:
    return render("haproxy/haproxy.cfg.j2")


def number(text: str, pattern: str) -> float:
    """The one number that `pattern` finds."""
    found = re.findall(pattern, text, re.MULTILINE)
    assert len(found) == 1, f"{pattern}: {found}"
    return float(found[0])


def fields(model: str) -> dict[str, bool]:
    """The fields of a settings class and whether each has a default, read from the app's source."""
    tree = ast.parse(SETTINGS.read_text())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, bool] = {}
    for name in [*(base.id for base in classes[model].bases if isinstance(base, ast.Name)), model]:
        for node in classes[name].body if name in classes else []:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                call = node.value
                field = (
                    isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Field"
                )
                found[node.target.id] = (
                    any(keyword.arg == "default" for keyword in call.keywords)
                    if field and isinstance(call, ast.Call)
                    else call is not None
                )
    return found


def test_each_waits_longer_than_the_one_behind_it(app: str, unit: str, nginx: str, haproxy: str) -> None:
    waits = {
        "app": number(app, r"^PHOTO_API_REQUEST_TIMEOUT=(\d+)$"),
        "nginx": number(nginx, r"proxy_read_timeout (\d+)s;"),
        "edge": number(haproxy, r"^\s*timeout server (\d+)s$"),
    }
    assert waits["app"] < waits["nginx"] < waits["edge"]


def test_a_process_that_is_replaced_may_finish_what_it_has(app: str, unit: str) -> None:
    request = number(app, r"^PHOTO_API_REQUEST_TIMEOUT=(\d+)$")
    shutdown = number(app, r"^PHOTO_API_SHUTDOWN_TIMEOUT=(\d+)$")
    assert request < shutdown < number(unit, r"^TimeoutStopSec=(\d+)$")


def test_one_limit_for_a_request_all_the_way(nginx: str, haproxy: str) -> None:
    overhead = number(SETTINGS.read_text(), r"^FORM_OVERHEAD_BYTES = (\d+) \* 1024$") * 1024
    limit = GIVEN["app_max_upload_mib"] * 1024 * 1024 + overhead
    assert number(nginx, r"client_max_body_size (\d+)k;") * 1024 == limit
    assert number(haproxy, r"content-length\) gt (\d+)") == limit


def test_the_app_is_given_every_setting_it_needs_and_none_it_does_not_know(app: str) -> None:
    given = {
        line.split("=")[0].removeprefix("PHOTO_API_").lower() for line in app.splitlines() if "=" in line
    }
    known = fields("Settings")
    assert given - known.keys() == set()
    assert {name for name, default in known.items() if not default} - given == set()


def test_no_secret_is_among_the_settings(app: str) -> None:
    assert not re.search(r"(?i)password|secret_key|access_key", re.sub(r"(?m)^#.*$", "", app))


def test_systemd_hands_over_the_credentials_that_the_app_reads(unit: str) -> None:
    loaded = set(re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE))
    assert loaded == fields("Credentials").keys()


def test_nginx_asks_where_systemd_listens(nginx: str) -> None:
    socket = re.findall(r"^ListenStream=(\S+)$", render("app/photo-api.socket.j2"), re.MULTILINE)
    assert re.findall(r"server unix:(\S+)", nginx) == socket


def test_nginx_believes_the_edge_and_shows_figures_to_control_hosts_only(nginx: str) -> None:
    assert re.findall(r"set_real_ip_from (\S+);", nginx) == GIVEN["nginx_edge_addresses"]
    geo = re.search(r"geo \$realip_remote_addr \$from_control \{(.*?)\}", nginx, re.DOTALL)
    assert geo is not None
    assert dict(re.findall(r"(\S+) (\d);", geo[1])) == {"default": "0"} | dict.fromkeys(
        GIVEN["nginx_control_addresses"], "1"
    )


def test_the_edge_sends_to_every_web_host_and_verifies_each_by_name(haproxy: str) -> None:
    servers = re.findall(r"^\s*server (\S+) (\S+) .*verifyhost (\S+)", haproxy, re.MULTILINE)
    assert servers == [
        (h["name"], f"{h['address']}:8443", f"{h['name']}.x.internal") for h in GIVEN["haproxy_web_hosts"]
    ]
    assert re.search(r"^\s*default-server ssl verify required ca-file \S+ check ", haproxy, re.MULTILINE)


def test_the_edges_inner_state_is_not_on_a_port(haproxy: str) -> None:
    assert re.findall(r"^\s*stats .*$", haproxy, re.MULTILINE) == [
        "    stats socket /run/haproxy/admin.sock mode 600 level admin"
    ]
