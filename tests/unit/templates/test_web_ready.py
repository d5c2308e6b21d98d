"""Who answers a request, as rendered: web hosts that are ready, and a standby or else the leader."""

from __future__ import annotations

import re

from infra.environment import Environment
from tests.support.declared import contract_of, local_environment
from tests.support.rendered import render
from tests.support.web_path import CONTRACT, TABLE, backend, fields, number


def test_requests_go_to_hosts_that_are_ready_and_to_all_that_live_if_none_is(haproxy: str) -> None:
    front = haproxy[haproxy.index("frontend https\n") :]
    chosen = re.findall(r"^\s*((?:use|default)_backend .*)$", front, re.MULTILINE)
    assert chosen == ["use_backend web_ready if { nbsrv(web_ready) gt 0 }", "default_backend web_alive"]
    for name, path in (("web_ready", "/readyz"), ("web_alive", "/healthz")):
        text = backend(haproxy, name)
        assert f"http-check send meth GET uri {path} " in text
        assert "http-check expect status 200\n" in text


def test_a_hold_takes_no_web_host_out_of_the_balancer(haproxy: str) -> None:
    """Worst case: a check begins with the hold, and each one after it too early to be answered."""
    ready, text = TABLE["ready"], backend(haproxy, "web_ready")
    out_after = ready["fall"] * ready["app"] + (ready["fall"] - 1) * ready["again"]
    assert out_after > TABLE["hold"] + ready["again"], out_after
    # A host that is cut off from the database is out within this time.
    assert ready["interval"] + out_after < 8
    # The app's answer, which says what fails, comes before the edge gives up.
    assert ready["app"] < ready["check"]
    assert number(text, r"^\s*timeout check (\d+)ms$") == ready["check"] * 1000
    (line,) = re.findall(r"default-server (.*)$", text, re.MULTILINE)
    words = dict(re.findall(r"\b(inter|fastinter|rise|fall) (\d+)", line))
    assert words == {
        "inter": f"{ready['interval'] * 1000:g}",
        "fastinter": f"{ready['again'] * 1000:g}",
        "rise": str(ready["rise"]),
        "fall": str(ready["fall"]),
    }


def test_the_edges_check_sees_readiness_and_its_clients_do_not(nginx: str, haproxy: str) -> None:
    """The edge adds the client's address to what it passes on, and removes what the client says of it."""
    assert haproxy.index("del-header X-Forwarded-For") < haproxy.index("option forwardfor")
    (table,) = re.findall(r"map (\S+) \$sees_readiness \{(.*?)\}", nginx, re.DOTALL)
    assert table[0] == "$from_control:$from_edge:$http_x_forwarded_for"
    assert dict(re.findall(r"(\S+) (\S+);", table[1])) == {"default": "$from_control", '"0:1:"': "1"}
    (place,) = re.findall(r"location = /readyz \{(.*?)\n        \}", nginx, re.DOTALL)
    assert re.search(r"if \(\$sees_readiness = 0\) \{\s*return 404;", place)
    geo = re.search(r"geo \$realip_remote_addr \$from_edge \{(.*?)\}", nginx, re.DOTALL)
    assert geo
    edges = {host.address for host in CONTRACT.hosts if host.tier == "edge"}
    assert {address for address, one in re.findall(r"(\S+) (\d);", geo[1]) if one == "1"} == edges


def reading(template: str, role: str) -> str:
    """As rendered for an environment whose pages of photos may come from a standby."""
    declared = local_environment()
    declared["app"]["read_from_standbys"] = {"max_lag_ms": 2500}
    return render(contract_of("unit", Environment.parse(declared)), "web1", role, template)


def test_a_read_that_a_standby_fails_is_repeated_within_the_call_s_time(app: str) -> None:
    standby, answer = TABLE["standby"], TABLE["answer"]
    both = standby["connection"] + standby["statement"] + TABLE["app"]["connection"] + answer["statement"]
    assert both < answer["app"]
    text = reading("environment.j2", "app")
    assert number(text, r"^PHOTO_API_STANDBY_ACQUIRE_TIMEOUT=([\d.]+)$") == standby["connection"]
    assert number(text, r"^PHOTO_API_STANDBY_COMMAND_TIMEOUT=([\d.]+)$") == standby["statement"]
    assert number(text, r"^PHOTO_API_READ_LAG=([\d.]+)$") == 2.5
    given = set(re.findall(r"^PHOTO_API_(\w+)=", text, re.MULTILINE)) - set(
        re.findall(r"^PHOTO_API_(\w+)=", app, re.MULTILINE)
    )
    assert {name.lower() for name in given} < fields("Settings").keys()
    (name,) = re.findall(r"^PHOTO_API_DATABASE_READ_NAME=(\S+)$", text, re.MULTILINE)
    user, account = "photos_app", "photo-api"
    hba = reading("hba.conf.j2", "pgbouncer").splitlines()
    assert f"local {name} {user} peer map={user}" in hba
    assert f"{user} {account} {user}" in reading("ident.conf.j2", "pgbouncer").splitlines()
