"""The path of a request, as rendered: edge, nginx and app agree on sizes, names and the order of waits."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from ansible.template import trust_as_template

from infra.aws.edge.load_balancer import IDLE_TIMEOUT_S
from tests.support.rendered import templar
from tests.support.web_path import CONTRACT, SETTINGS, TABLE, UPLOAD_KIB, backend, fields, number, of


@pytest.fixture(scope="module")
def unit() -> str:
    return of("app", "photo-api.service.j2")


def outermost_longest(waits: list[float]) -> bool:
    return all(outer > inner for outer, inner in itertools.pairwise(waits))


def test_each_hop_waits_longer_for_an_answer_than_the_one_behind_it() -> None:
    answer, inner = TABLE["answer"], TABLE["app"]
    assert outermost_longest(list(answer.values())), answer
    # A balancer of AWS in the edge's place.
    assert answer["nginx"] < IDLE_TIMEOUT_S
    assert outermost_longest([answer["statement"], inner["connection"], inner["connect"]])
    # pgBouncer answers before the app gives up, and a hold ends before anything that waits in it does.
    pooler = TABLE["pooler"]
    assert outermost_longest(
        [answer["statement"], pooler["wait"], inner["connection"], TABLE["hold"], pooler["connect"]]
    )
    assert outermost_longest([TABLE["stop"], TABLE["shutdown"], answer["app"]])


def test_nginx_lets_go_of_an_idle_connection_long_before_the_app_does(nginx: str) -> None:
    """Also while the app's process is replaced, which waits for that at most half of its time."""
    kept = TABLE["kept"]
    assert kept["app"] > 10 * kept["nginx"]
    assert TABLE["shutdown"] > 4 * kept["nginx"]
    upstream = re.search(r"upstream photo_api \{(.*?)\}", nginx, re.DOTALL)
    assert upstream
    assert number(upstream[1], r"^\s*keepalive (\d+);$") > 0
    assert 'proxy_set_header Connection "";' in nginx
    assert "proxy_http_version 1.1;" in nginx


def test_the_hop_next_to_the_client_loses_patience_with_it_first() -> None:
    """It alone can answer 408: for every other hop a silent client is a silent peer."""
    assert outermost_longest([TABLE["silence"]["nginx"], IDLE_TIMEOUT_S, TABLE["silence"]["edge"]])
    assert outermost_longest([TABLE["header"]["nginx"], TABLE["header"]["edge"]])
    # A pause of 17 s, of a phone that changes its network, is not a fault.
    assert min(TABLE["silence"].values()) > 17


def test_every_hop_has_its_waits_from_the_table(app: str, unit: str, nginx: str, haproxy: str) -> None:
    pooler = of("pgbouncer", "pgbouncer.ini.j2")
    follower = templar(CONTRACT, "web1", "follower").template(
        trust_as_template("{{ follower_configuration }}")
    )
    rendered = {
        "hold": follower["hold"],
        "pooler.wait": number(pooler, r"^query_wait_timeout = ([\d.]+)$"),
        "pooler.connect": number(pooler, r"^server_connect_timeout = ([\d.]+)$"),
        "pooler.retry": number(pooler, r"^server_login_retry = ([\d.]+)$"),
        "answer.edge": number(haproxy, r"^\s*timeout server (\d+)s$"),
        "answer.nginx": number(nginx, r"proxy_read_timeout (\d+)s;"),
        "answer.app": number(app, r"^PHOTO_API_REQUEST_TIMEOUT=(\d+)$"),
        "answer.statement": number(app, r"^PHOTO_API_DATABASE_COMMAND_TIMEOUT=(\d+)$"),
        "app.connection": number(app, r"^PHOTO_API_POOL_ACQUIRE_TIMEOUT=(\d+)$"),
        "app.connect": number(app, r"^PHOTO_API_DATABASE_CONNECT_TIMEOUT=(\d+)$"),
        "ready.app": number(app, r"^PHOTO_API_READY_TIMEOUT=([\d.]+)$"),
        "kept.nginx": number(nginx, r"^\s*keepalive_timeout (\d+)s;\n    \}"),
        "kept.app": number(app, r"^PHOTO_API_KEEP_ALIVE_TIMEOUT=(\d+)$"),
        "silence.edge": number(haproxy, r"^\s*timeout client (\d+)s$"),
        "silence.nginx": number(nginx, r"client_body_timeout (\d+)s;"),
        "header.edge": number(haproxy, r"^\s*timeout http-request (\d+)s$"),
        "header.nginx": number(nginx, r"client_header_timeout (\d+)s;"),
        "shutdown": number(app, r"^PHOTO_API_SHUTDOWN_TIMEOUT=(\d+)$"),
        "stop": number(unit, r"^TimeoutStopSec=(\d+)$"),
    }
    for name, seconds in rendered.items():
        section, _, hop = name.partition(".")
        assert seconds == (TABLE[section][hop] if hop else TABLE[section]), name


def test_a_slow_body_has_a_pace_to_keep() -> None:
    """One byte each 10 s must end, however long the client goes on."""
    script = of("haproxy", "slow_body.lua.j2")
    assert re.findall(r"^local grace, pace = (\d+), (\d+)$", script, re.MULTILINE) == [
        (str(TABLE["pace"]["grace"]), str(TABLE["pace"]["bytes_per_second"]))
    ]
    # HAProxy ends a silent client in the middle of a body with 400: the filter is called at that moment.
    assert f"local silence = {TABLE['silence']['edge']} - 1" in script
    assert TABLE["pace"]["grace"] > TABLE["silence"]["edge"]


def test_one_limit_for_a_request_all_the_way(nginx: str, haproxy: str) -> None:
    overhead = number(SETTINGS.read_text(), r"^FORM_OVERHEAD_BYTES = (\d+) \* 1024$")
    assert overhead == TABLE["form_overhead_kib"]
    assert number(nginx, r"client_max_body_size (\d+)k;") == UPLOAD_KIB
    assert number(haproxy, r"content-length\) gt (\d{4,})") == UPLOAD_KIB * 1024


@pytest.mark.parametrize("largest", [1, 10, 100])
def test_what_uploads_and_answers_may_fill_is_bounded(largest: int) -> None:
    """Bodies in nginx and again in the app, and answers: at most half of a root disk of 8 GiB."""
    text = of("nginx", "nginx.conf.j2", nginx_max_upload_mib=largest)
    uploads, downloads = (number(text, rf"limit_conn {zone} (\d+);") for zone in ("bodies", "photos"))
    body = number(text, r"client_max_body_size (\d+)k;") / 1024
    answer = number(text, r"proxy_max_temp_file_size (\d+)m;")
    assert uploads >= 4
    assert 2 * uploads * body + downloads * answer <= 4096
    for zone, most in (("bodies_of_one", uploads), ("photos_of_one", downloads)):
        assert 2 <= number(text, rf"limit_conn {zone} (\d+);") <= most / 2


def test_one_source_cannot_take_the_edge(haproxy: str) -> None:
    most = number(haproxy, r"^\s*maxconn (\d+)$")
    for counter in ("sc0_conn_cur(connections_of_source)", "sc1_conn_cur(requests_of_source)"):
        assert 100 <= number(haproxy, rf"{re.escape(counter)} gt (\d+)") <= most / 4
    uploads = number(haproxy, r"sc2_conn_cur\(uploads_of_source\) gt (\d+)")
    web_hosts = sum(host.tier == "web" for host in CONTRACT.hosts)
    assert uploads == number(of("nginx", "nginx.conf.j2"), r"limit_conn bodies_of_one (\d+);") * web_hosts
    assert number(haproxy, r"tune\.h2\.fe\.max-concurrent-streams (\d+)") <= 32


def test_a_line_of_the_access_log_is_bounded(nginx: str) -> None:
    assert "$request_uri" not in re.findall(r"log_format (.*?);", nginx, re.DOTALL)[0]
    assert re.search(r"OnCalendar=minutely", of("nginx", "logrotate.timer.j2"))


def problems(text: str) -> list[dict[str, Any]]:
    return [json.loads(found) for found in re.findall(r"'(\{\"detail\".*?\})'", text)]


def test_every_error_of_the_edge_is_a_problem_document(haproxy: str) -> None:
    """Those that HAProxy's configuration manual lists for http-error and that it can meet here."""
    statuses = [int(found) for found in re.findall(r"http-error status (\d+)", haproxy)]
    assert {400, 403, 404, 405, 408, 413, 429, 500, 501, 502, 503, 504} == set(statuses)
    assert [problem["status"] for problem in problems(haproxy)] == statuses
    for line in re.findall(r"^\s*http-error .*$", haproxy, re.MULTILINE):
        assert "content-type application/problem+json" in line
        assert ("Retry-After" in line) == bool(re.search(r"status (429|502|503|504)", line)), line


#: ngx_http_request.h of nginx 1.26: those for which it makes a page of its own.
PAGES_OF_NGINX = {
    400, 403, 404, 405, 408, 411, 413, 414, 416, 421, 494, 495, 496, 497, 500, 501, 502, 503, 504, 505,
}  # fmt: skip


def test_every_error_of_nginx_is_a_problem_document(nginx: str) -> None:
    handled = {
        int(code): place
        for codes, place in re.findall(r"error_page ([\d ]+) =\d* ?(\S+);", nginx)
        for code in codes.split()
    }
    # 503: what nginx refuses by its own limits. 405 goes on to the app, which has the Allow of the path.
    assert set(handled) | {503} == PAGES_OF_NGINX | {431}
    assert handled.pop(405) == "@app"
    for place in handled.values():
        (body,) = re.findall(rf"location = {re.escape(place)} \{{(.*?)\n        \}}", nginx, re.DOTALL)
        assert "default_type application/problem+json;" in body
        (problem,) = problems(body)
        assert f"return {problem['status']} " in body
        assert ("Retry-After" in body) == (problem["status"] == 503)


def test_plain_http_never_takes_a_body(haproxy: str) -> None:
    front = haproxy[haproxy.index("frontend http\n") : haproxy.index("frontend https\n")]
    rules = re.findall(r"^\s*http-request (.*)$", front, re.MULTILINE)
    assert rules == ["deny deny_status 403 unless METH_GET", "redirect scheme https code 308"]


def test_the_app_is_given_every_setting_it_needs_and_none_it_does_not_know(app: str) -> None:
    given = {
        line.split("=")[0].removeprefix("PHOTO_API_").lower() for line in app.splitlines() if "=" in line
    }
    known = fields("Settings")
    assert given - known.keys() == set()
    assert {name for name, default in known.items() if not default} - given == set()


def test_no_secret_is_among_the_settings(app: str) -> None:
    assert not re.search(r"(?i)password|secret_key|access_key", re.sub(r"(?m)^#.*$", "", app))


def test_uploads_wait_on_a_disk(unit: str) -> None:
    """Debian 13 keeps the other folder for temporary files in memory."""
    assert "Environment=TMPDIR=/var/tmp\n" in unit
    assert "PrivateTmp=true\n" in unit


def test_systemd_hands_over_the_credentials_that_the_app_reads(unit: str) -> None:
    loaded = set(re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE))
    # Behind a unix socket the account is who it is.
    assert loaded == fields("Credentials").keys() - {"database_password"}


def test_nginx_sends_to_where_systemd_listens(nginx: str) -> None:
    socket = re.findall(r"^ListenStream=(\S+)$", of("app", "photo-api.socket.j2"), re.MULTILINE)
    assert re.findall(r"server unix:(\S+)", nginx) == socket


def test_nginx_trusts_the_edge_and_gives_metrics_to_control_hosts_only(nginx: str) -> None:
    addresses = {
        tier: [host.address for host in CONTRACT.hosts if host.tier == tier] for tier in ("edge", "control")
    }
    assert re.findall(r"set_real_ip_from (\S+);", nginx) == addresses["edge"]
    geo = re.search(r"geo \$realip_remote_addr \$from_control \{(.*?)\}", nginx, re.DOTALL)
    assert geo is not None
    expected = {"default": "0"} | dict.fromkeys(addresses["control"], "1")
    assert dict(re.findall(r"(\S+) (\d);", geo[1])) == expected


def test_the_edge_sends_to_every_web_host_and_verifies_each_by_name(haproxy: str) -> None:
    wanted = [
        (host.name, f"{host.address}:8443", f"{host.name}.{CONTRACT.domain}")
        for host in CONTRACT.hosts
        if host.tier == "web"
    ]
    for name in ("web_ready", "web_alive"):
        text = backend(haproxy, name)
        servers = re.findall(r"^\s*server (\S+) (\S+) .*verifyhost (\S+)", text, re.MULTILINE)
        assert servers == wanted, name
        assert re.search(r"^\s*default-server ssl verify required ca-file \S+ check ", text, re.MULTILINE), (
            name
        )


def test_the_edges_inner_state_is_not_on_a_port(haproxy: str) -> None:
    assert re.findall(r"^\s*stats .*$", haproxy, re.MULTILINE) == [
        "    stats socket /run/haproxy/admin.sock mode 600 level admin"
    ]
