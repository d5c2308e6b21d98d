"""Nothing the kit puts on a host restarts anything on a schedule.

The company in the story restarted its web servers each hour to hide a stall. This reads every file that
becomes part of a host (templates, roles, image, app) for the ways in which a restart can come by the clock or
by a count. `tests/hosts` looks for the same on the living hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.paths import ROOT as TREE

#: Where files of hosts come from. Each must hold something, or the test looks at nothing.
SOURCES = ("templates", "ansible", "tools/image", "app/src")

#: Timers that may be configured, and what they run. None of it restarts a service.
ALLOWED_TIMERS = {
    "templates/nginx/logrotate.timer.j2": "logrotate.service: has nginx open its log files anew",
    "templates/etcd/flashtier-etcd-snapshot.timer.j2": "a copy of the member's data; the member goes on",
}

WAYS = {
    "a unit that ends after a time": r"^\s*Runtime(Max|RandomizedExtra)Sec\s*=\s*(?!infinity\b)\S",
    "a worker that ends after so many requests": r"(?i)limit[-_]max[-_]requests|max[-_]requests[-_]jitter",
    "a worker that ends after a time": r"(?i)worker[-_]?(max[-_])?(lifetime|ttl|max[-_]age)",
    "a cron table": r"(?i)/etc/cron|ansible\.builtin\.cron\b|^\s*@(hourly|daily|weekly)\b|/var/spool/cron",
    "an at job": r"\bat\s+now\s*\+|ansible\.posix\.at\b",
    "a reboot after updates": r'(?i)Automatic-Reboot\s+"(true|1|yes)"',
    "services restarted after updates": r"(?i)needrestart.*=\s*'a'",
}
TIMER = r"^\s*On(Calendar|UnitActiveSec|UnitInactiveSec|BootSec|ActiveSec|StartupSec|ClockChange)\s*=\s*\S"
RESTART = (
    r"systemctl[^\n#]*\b(restart|try-restart|reload-or-restart|kill)\b|\bservice \S+ restart\b|/sbin/reboot"
)


def files() -> Iterator[Path]:
    for source in SOURCES:
        for path in sorted((TREE / source).rglob("*")):
            # ansible/templates leads back to templates.
            inside = path.relative_to(TREE)
            if path.is_file() and not any(part in ("__pycache__", ".ansible") for part in inside.parts):
                yield path


def without_comments(text: str) -> str:
    """Comments may name what is not done."""
    return re.sub(r"(?m)^\s*(#|--|;).*$", "", text)


def faults(name: str, text: str) -> list[str]:
    """The ways in which the file `name` makes something restart by the clock."""
    text = without_comments(text)
    found = [way for way, pattern in WAYS.items() if re.search(pattern, text, re.MULTILINE)]
    if re.search(TIMER, text, re.MULTILINE) and name not in ALLOWED_TIMERS:
        found.append("a timer that is not in ALLOWED_TIMERS")
    # A role's handler restarts what it has changed; a rendered file that restarts does so of itself.
    if not name.startswith("ansible/") and re.search(RESTART, text):
        found.append("a command that restarts")
    return found


def test_no_file_of_a_host_restarts_anything_on_a_schedule() -> None:
    found = {}
    for path in files():
        name = str(path.relative_to(TREE))
        if faulty := faults(name, path.read_text(errors="replace")):
            found[name] = faulty
    assert found == {}


@pytest.mark.parametrize("source", SOURCES)
def test_each_place_holds_something(source: str) -> None:
    assert any(path.is_relative_to(TREE / source) for path in files())


def test_the_apps_unit_is_among_the_files() -> None:
    assert TREE / "templates/app/photo-api.service.j2" in set(files())


@pytest.mark.parametrize("name", ALLOWED_TIMERS)
def test_an_allowed_timer_is_still_there(name: str) -> None:
    assert re.search(TIMER, (TREE / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("templates/app/photo-api.service.j2", "[Service]\nRuntimeMaxSec=3600\n"),
        ("templates/app/photo-api.service.j2", "ExecStart=/opt/x serve --limit-max-requests 10000\n"),
        ("app/src/photo_api/server.py", "uvicorn.Config(app, limit_max_requests=1000)"),
        ("templates/app/restart.timer.j2", "[Timer]\nOnCalendar=hourly\n"),
        ("templates/app/restart.timer.j2", "[Timer]\nOnUnitActiveSec=1h\n"),
        ("templates/app/hourly.service.j2", "ExecStart=/usr/bin/systemctl try-restart photo-api\n"),
        ("templates/nginx/logrotate.j2", "postrotate\n    systemctl restart nginx\nendscript\n"),
        ("ansible/roles/app/tasks/service.yml", "- name: x\n  ansible.builtin.cron:\n    job: y\n"),
        ("ansible/roles/app/tasks/service.yml", "    dest: /etc/cron.d/photo-api\n"),
        ("templates/base/unattended-upgrades.j2", 'Unattended-Upgrade::Automatic-Reboot "true";\n'),
    ],
)
def test_finds_each_way(name: str, text: str) -> None:
    assert faults(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("templates/app/photo-api.service.j2", "[Service]\nRuntimeMaxSec=infinity\nRestart=on-failure\n"),
        ("templates/app/photo-api.service.j2", "# nothing like RuntimeMaxSec=3600 here\n"),
        ("ansible/roles/app/handlers/main.yml", "    state: restarted\n"),
        ("templates/base/unattended-upgrades.j2", 'Unattended-Upgrade::Automatic-Reboot "false";\n'),
    ],
)
def test_does_not_cry_wolf(name: str, text: str) -> None:
    assert faults(name, text) == []
