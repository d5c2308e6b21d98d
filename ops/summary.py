"""The summary after `make up`: the contract, the verification's result and the phases' times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra import paths
from infra.aws.cli import open_tunnel
from infra.contract import Contract
from infra.errors import FlashtierError

#: Number of failures that are shown of a verification; one cause often has many.
SHOWN = 10


def collect(contract: Contract, certificate: Path) -> dict[str, Any]:
    """The whole summary as plain data. `certificate` is the authority's, for curl."""
    directory = paths.state_dir(contract.stack)
    return {
        "stack": contract.stack,
        "platform": contract.platform,
        "hosts": [
            {
                "name": host.name,
                "tier": host.tier,
                "address": host.address,
                "vcpus": host.size.vcpus,
                "memory_mib": host.size.memory_mib,
                "components": list(host.components),
                "volumes": {volume.name: volume.volume_class for volume in host.volumes},
            }
            for host in contract.hosts
        ],
        "api": _url(contract, "https") if contract.access.proxy is None else f"{contract.url}/",
        "prometheus": _url(contract, "prometheus"),
        "ca_certificate": str(certificate),
        "log_in": _log_in(contract),
        "unsupported": _unsupported(contract),
        "verified": _verified(directory / "verified.json"),
        "phases": _phases(directory / "phases.jsonl"),
    }


def _url(contract: Contract, port_name: str) -> str | None:
    """The URL of the port, which answers over TLS, at the first host that has it."""
    for flow in contract.flows:
        if flow.port_name == port_name:
            suffix = "" if flow.port == 443 else f":{flow.port}"
            return f"https://{contract.host(flow.destination).address}{suffix}/"
    return None


def _log_in(contract: Contract) -> str | None:
    """On AWS: the command that logs in to the host with Prometheus, which only SSH reaches."""
    proxy, access = contract.access.proxy, contract.access
    host = next((host for host in contract.hosts if "prometheus" in host.components), None)
    if proxy is None or host is None:
        return None
    return (
        f"ssh -i {access.private_key_file} -o UserKnownHostsFile={paths.known_hosts(contract.stack)}"
        f" -o ProxyCommand='{open_tunnel(proxy, host)}' {access.user}@{host.address}"
    )


def _unsupported(contract: Contract) -> list[dict[str, Any]]:
    """One entry for each thing that the platform cannot do, with the hosts that it concerns."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in contract.unsupported:
        found.setdefault((entry.what, entry.why), []).append(entry.host)
    return [{"what": what, "why": why, "hosts": hosts} for (what, why), hosts in found.items()]


def _verified(path: Path) -> dict[str, Any] | None:
    """The last verification's result (tests/hosts/report.py); None if there is none."""
    if not path.is_file():
        return None
    result: dict[str, Any] = _load(path, path.read_text())
    return result


def _phases(path: Path) -> list[dict[str, Any]]:
    """The last `make up`'s phases in order (tools/phase)."""
    if not path.is_file():
        return []
    return [_load(path, line) for line in path.read_text().splitlines() if line.strip()]


def _load(path: Path, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FlashtierError(f"{path}: is not valid JSON ({error}); remove it and run `make up`") from error
    if not isinstance(value, dict):
        raise FlashtierError(
            f"{path}: holds {type(value).__name__}, not an object; remove it and run `make up`"
        )
    return value


def show(summary: dict[str, Any], console: Console) -> None:
    """Print a summary for people."""
    console.print(f"[bold]{summary['stack']}[/bold] on platform {summary['platform']}\n")
    _show_hosts(summary["hosts"], console)
    _show_urls(summary, console)
    _show_verified(summary["verified"], console)
    _show_unsupported(summary["unsupported"], console)
    _show_phases(summary["phases"], console)


def _show_hosts(hosts: list[dict[str, Any]], console: Console) -> None:
    """One short line per host; components that every host runs are listed once."""
    everywhere = set.intersection(*(set(host["components"]) for host in hosts))
    table = Table(
        "host", "tier", "address", "vCPU", "memory", "components", "volumes", box=None, padding=(0, 2, 0, 0)
    )
    for host in hosts:
        table.add_row(
            host["name"],
            host["tier"],
            host["address"],
            str(host["vcpus"]),
            f"{host['memory_mib']} MiB",
            ", ".join(component for component in host["components"] if component not in everywhere),
            ", ".join(host["volumes"]),
        )
    console.print(table)
    if everywhere:
        console.print(f"every host: {', '.join(sorted(everywhere))}", highlight=False)


def _show_urls(summary: dict[str, Any], console: Console) -> None:
    console.print()
    log_in = summary["log_in"]
    ours = f"curl --cacert {summary['ca_certificate']}"
    for label, url, hint in (
        ("API", summary["api"], f"{'curl' if log_in else ours} {summary['api']}healthz"),
        (
            "Prometheus",
            summary["prometheus"],
            f"from its own host: {log_in}" if log_in else f"{ours} {summary['prometheus']}-/ready",
        ),
    ):
        if url:
            console.print(f"{label + ':':12}[bold]{url}[/bold]", highlight=False)
            console.print(f"{'':12}{hint}", highlight=False, markup=False, soft_wrap=True)


def _show_verified(verified: dict[str, Any] | None, console: Console) -> None:
    console.print()
    if verified is None:
        console.print("Verified:   [yellow]nothing yet[/yellow]; run `pytest tests/hosts`")
        return
    outcome = "[green]passed[/green]" if verified["passed"] else "[red]FAILED[/red]"
    scope = " (only a part was run)" if verified["partial"] else ""
    console.print(
        f"Verified:   {outcome}{scope}: {verified['verified']} of {verified['declared']} declared facts are "
        f"in effect, {verified['failed']} are not, {verified['unsupported']} are unsupported here, "
        f"{verified['uncovered']} were not checked; {verified['checks']} checks in "
        f"{verified['seconds']:.0f} s, ended {verified['finished']}",
        highlight=False,
        soft_wrap=True,
    )
    for key, why in verified.get("not_in_effect", {}).items():
        console.print(
            f"{'':12}not in effect yet: {key}: {why}", markup=False, highlight=False, soft_wrap=True
        )
    failures = verified["failures"]
    for failure in failures[:SHOWN]:
        console.print(f"{'':12}{failure}", style="red", markup=False, highlight=False, soft_wrap=True)
    if len(failures) > SHOWN:
        console.print(f"{'':12}and {len(failures) - SHOWN} more: run `pytest tests/hosts`", style="red")


def _show_unsupported(entries: list[dict[str, Any]], console: Console) -> None:
    if entries:
        console.print("\nNot possible on this platform:")
    for entry in entries:
        console.print(
            f"{'':12}{entry['what']} ({len(entry['hosts'])} hosts): {entry['why']}", highlight=False
        )


def _show_phases(phases: list[dict[str, Any]], console: Console) -> None:
    if not phases:
        return
    console.print("\nTimes of the last run:")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for phase in phases:
        failed = f"[red]exit code {phase['exit_code']}[/red]" if phase["exit_code"] else ""
        table.add_row(f"{'':12}{phase['phase']}", f"{phase['seconds']:.1f} s", failed)
    total = sum(phase["seconds"] for phase in phases)
    table.add_row(f"{'':12}all", f"{total:.1f} s", "")
    console.print(table)
