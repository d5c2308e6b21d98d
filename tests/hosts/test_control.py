"""What the control tier serves: objects over S3, and metrics of every host."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from infra.contract import Contract, ContractHost
from infra.stack.outputs import read_secrets
from tests.hosts.facts import Check
from tests.hosts.members import Away
from tests.hosts.snapshot import HERE, Hosts, Snapshot

DEADLINE = (5, 30)  # seconds to connect, seconds without a byte
SCRAPES = 45  # seconds: Prometheus scrapes every 15, and an exporter may have started a moment ago


def test_the_gateway_refuses_whoever_has_no_key(contract: Contract, hosts: Hosts, check: Check) -> None:
    """Asked from a web host, which may reach it: TLS by the project's authority, and no anonymous reading."""
    flow = next((flow for flow in contract.flows if flow.port_name == "s3"), None)
    if flow is None:
        pytest.skip("the contract declares no gateway: S3 itself is asked by test_cloud.py")
    base = f"https://{flow.destination}.{contract.domain}:{flow.port}"
    answers = hosts.ask(
        (HERE / "fetch.py").read_text(), {flow.source: [f"{base}/", f"{base}/photos?list-type=2"]}
    )
    if isinstance(answers[flow.source], dict):
        pytest.fail(f"{flow.source} cannot ask the gateway: {answers[flow.source]['error']}", pytrace=False)
    for answer in answers[flow.source]:
        check.equal("anonymous request to the S3 gateway", 403, answer.get("status"), how=str(answer)[:200])


@pytest.mark.where(lambda host: "s3" in host.components)
def test_the_gateways_buckets_and_policies(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """One bucket; the app's account may read, write, delete and list, and no one else anything."""
    key = read_secrets(contract.stack)["s3_app_access_key"]
    buckets = snapshot["gateway"]
    check.equal(f"{declared.name}: buckets", ["s3://photos"], sorted(buckets))
    policy = buckets.get("s3://photos") or {"Statement": []}
    allowed = sorted(
        (entry["Effect"], action, resource)
        for entry in policy["Statement"]
        for action in entry["Action"]
        for resource in entry["Resource"]
        if entry["Principal"] == {"AWS": [key]}
        and set(entry) == {"Effect", "Principal", "Action", "Resource"}
    )
    others = [entry["Effect"] for entry in policy["Statement"] if entry["Principal"] != {"AWS": [key]}]
    check.equal(
        f"{declared.name}: policy of bucket photos",
        [
            ("Allow", "s3:DeleteObject", "arn:aws:s3:::photos/*"),
            ("Allow", "s3:GetObject", "arn:aws:s3:::photos/*"),
            ("Allow", "s3:ListBucket", "arn:aws:s3:::photos"),
            ("Allow", "s3:PutObject", "arn:aws:s3:::photos/*"),
        ],
        allowed,
    )
    check.equal(f"{declared.name}: policy of bucket photos: statements about others than the app", [], others)


#: By address: health, last error, job and path.
Targets = dict[str, tuple[str, str, str, str]]


def scraped(client: requests.Session, url: str) -> tuple[str, Targets]:
    """Why Prometheus does not answer, and its targets by address: their health and last error."""
    try:
        answer = client.get(url, timeout=DEADLINE)
        answer.raise_for_status()
    except requests.RequestException as error:
        return str(error), {}
    return "", by_address(answer.json())


def scraped_at_home(hosts: Hosts, name: str, url: str) -> tuple[str, Targets]:
    """The same, asked on its own host: the controller's way to AWS carries SSH alone."""
    answers = hosts.ask((HERE / "fetch.py").read_text(), {name: [url]})[name]
    if isinstance(answers, dict):
        return str(answers["error"]), {}
    [answer] = answers
    if answer.get("status") != 200:
        return str(answer)[:200], {}
    return "", by_address(json.loads(answer["body"]))


def by_address(answer: Any) -> Targets:
    found = {}
    for target in answer["data"]["activeTargets"]:
        address, _, path = target["scrapeUrl"].partition("://")[2].partition("/")
        found[address] = (target["health"], target["lastError"], target["labels"]["job"], f"/{path}")
    return found


def test_prometheus_sees_every_target(
    contract: Contract, hosts: Hosts, client: requests.Session, away: Away, check: Check
) -> None:
    """Patroni of a member that was removed is known to Prometheus, and down."""
    patroni = contract.ports["patroni"]
    down = {f"{contract.host(name).address}:{patroni}" for name in away}
    flow = next(flow for flow in contract.flows if flow.port_name == "prometheus")
    address = contract.host(flow.destination).address
    url = f"https://{address}:{flow.port}/api/v1/targets?state=active"
    end = time.monotonic() + SCRAPES
    while True:
        if contract.platform == "local":
            fault, targets = scraped(client, url)
        else:
            fault, targets = scraped_at_home(hosts, flow.destination, url)
        if not fault and all(targets[name][:2] == ("up", "") for name in targets.keys() - down):
            break
        if time.monotonic() > end:
            break
        time.sleep(2)
    check.equal(f"{url} answers", "", fault)
    if fault:
        return
    for target, state in targets.items():
        if target in down:
            check.equal(f"target {target}, of a member that was removed", "down", state[0])
        else:
            check.equal(f"target {target}", ("up", ""), state[:2])
    for job in contract.scrape_jobs:
        found = {target: state[2:] for target, state in targets.items() if state[2] == job.job}
        addresses = {f"{contract.host(name).address}:{job.port}": name for name in job.hosts}
        key, how = f"scrape_job.{job.job}", "targets of Prometheus"
        hosts_found = [addresses.get(target, target) for target in sorted(found)]
        for name in job.hosts:
            check.fact(f"{key}.host.{name}", name in hosts_found, how=how)
        check.equal(f"{key}: targets beyond the declared", [], sorted({*hosts_found} - {*job.hosts}))
        paths = {path for _, path in found.values()}
        check.fact(f"{key}.path", job.path if paths == {job.path} else sorted(paths), how=how)
        check.fact(f"{key}.client_certificate", job.client_certificate, how="they answer; see test_etcd.py")
        ports = {target.rpartition(":")[2] for target in found}
        check.fact(f"{key}.port", job.port if ports == {str(job.port)} else sorted(ports), how=how)
    declared = {job.job for job in contract.scrape_jobs}
    check.equal("jobs beyond the declared", [], sorted({state[2] for state in targets.values()} - declared))


def test_metrics_that_ask_for_a_certificate(contract: Contract, hosts: Hosts, check: Check) -> None:
    """Asked without one from the host of Prometheus, which may reach all of them."""
    name = next(flow for flow in contract.flows if flow.port_name == "prometheus").destination
    jobs = {
        f"https://{contract.host(job.hosts[0]).address}:{job.port}{job.path}": job
        for job in contract.scrape_jobs
    }
    answers = hosts.ask((HERE / "fetch.py").read_text(), {name: list(jobs)})[name]
    if isinstance(answers, dict):
        pytest.fail(f"{name} cannot ask for metrics: {answers['error']}", pytrace=False)
    for (url, job), answer in zip(jobs.items(), answers, strict=True):
        how = f"{url} without a certificate: {answer.get('status') or answer['error']}"
        check.fact(f"scrape_job.{job.job}.client_certificate", "error" in answer, how=how)
