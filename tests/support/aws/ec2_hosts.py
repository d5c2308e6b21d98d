"""Hosts on EC2 that answer tests/hosts from memory, as a contract declares them, but for changes by hand."""

from __future__ import annotations

import base64
import datetime
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.contract import Contract, ContractHost
from tests.hosts import memory, promises
from tests.hosts.content import Contents
from tests.hosts.snapshot import HERE, probe_program, reach_program, tls_ports
from tests.support.aws import ec2_cluster, ec2_database, ec2_etcd, ec2_pooler
from tests.support.aws import ec2_disks as disks
from tests.support.aws import ec2_system as system
from tests.support.aws.ec2_api import Api

#: A change by hand: the host, the path in what it tells, and the value there. None takes away.
Change = tuple[str, list[str], Any]


def leaf(contract: Contract, host: ContractHost, ca_key: str) -> tuple[str, str]:
    """A certificate of the project's authority for the host, and the public half of its key, as PEM."""
    signer: Any = serialization.load_pem_private_key(ca_key.encode(), password=None)
    authority = x509.load_pem_x509_certificate(contract.ca_certificate.encode())
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    names: list[x509.GeneralName] = [
        x509.DNSName(host.name),
        x509.DNSName(f"{host.name}.{contract.domain}"),
        x509.IPAddress(ipaddress.ip_address(host.address)),
    ]
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host.name)]))
        .issuer_name(authority.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    half = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    return signed.public_bytes(encoding).decode(), half.decode()


class Ec2Hosts:
    """Stands for `tests.hosts.snapshot.Hosts`. `whole_disk`: with all files, whose templates take a while."""

    def __init__(
        self,
        contract: Contract,
        secrets: dict[str, str],
        api: Api,
        *,
        whole_disk: bool,
        changes: Iterable[Change] = (),
    ) -> None:
        self._contract = contract
        self._secrets = secrets
        self._api = api
        self._contents = Contents(contract) if whole_disk else None
        self._changes = list(changes)

    def close(self) -> None:
        pass

    def ask(self, program: str, questions: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Callable[[ContractHost, Any], Any]] = {
            probe_program(): self._snapshot,
            reach_program(): self._reach,
            (HERE / "fetch.py").read_text(): self._fetch,
        }
        answer = answers[program]
        return {name: answer(self._contract.host(name), question) for name, question in questions.items()}

    def ask_controller(self, program: str, question: Any) -> Any:
        """The controller reaches no host: it tries the balancer, at ports that are closed there."""
        assert program == reach_program()
        inside = ipaddress.ip_network(self._contract.cidr)
        assert not [address for address, _ in question if ipaddress.ip_address(address) in inside]
        assert not {80, 443} & {port for _, port in question}
        return ["refused"] * len(question)

    def run(self, name: str, command: str, *args: str) -> str:
        if "psql" in command:
            return self._sql(args[1])
        if "MainPID" in command:
            return "42\n"
        assert "/environ" in command, command
        store = self._contract.object_store
        told = {name: getattr(store, name) for name in ("endpoint", "region", "bucket", "credentials")}
        told["ca_file"] = "/etc/ssl/certs/ca-certificates.crt"
        lines = "".join(f"PHOTO_API_S3_{name.upper()}={value}\n" for name, value in told.items())
        app = self._contract.app
        lines += f"PHOTO_API_DATABASE_NAME={app.database}\nPHOTO_API_DATABASE_USER={app.role}\n"
        return lines + (f"PHOTO_API_CDN_URL={store.cdn_url}\n" if store.cdn_url else "")

    def _sql(self, sql: str) -> str:
        if sql.startswith("DELETE"):
            return ""
        wanted = re.search(r"WHERE id = (\d+)", sql)
        assert wanted, sql
        photo = self._api.photos[int(wanted[1])]
        return f"{photo['sha256']}|{photo['views']}\n"

    def _reach(self, host: ContractHost, targets: list[list[Any]]) -> list[str]:
        addresses = {one.address: one.name for one in self._contract.hosts}
        open_ = {(flow.destination, flow.port) for flow in self._contract.flows if flow.source == host.name}
        own = {flow.port for flow in self._contract.flows if flow.destination == host.name}
        unserved = {
            (flow.destination, flow.port)
            for flow in self._contract.flows
            if flow.port_name not in promises.served(self._contract, self._contract.host(flow.destination))
        }
        return [
            "refused"
            if (addresses.get(address), port) in unserved & open_
            else "open"
            if (addresses.get(address), port) in open_ or (address == host.address and port in own)
            else "dropped"
            for address, port in targets
        ]

    def _fetch(self, host: ContractHost, urls: list[str]) -> list[Any]:
        return [self._page(url) for url in urls]

    def _page(self, url: str) -> Any:
        asking = [f":{job.port}{job.path}" for job in self._contract.scrape_jobs if job.client_certificate]
        if url.endswith(tuple(asking)):
            return {"error": "tlsv13 alert certificate required"}
        if url.endswith("/readyz"):
            body = json.dumps({"database": "ok", "storage": "ok"})
        elif url.endswith("/metrics"):
            app, name = self._contract.app, "photo_api_pool_connections_max"
            sizes = {"read": app.pool_size, "write": app.write_pool_size}
            body = "".join(f'{name}{{pool="{pool}"}} {float(size)}\n' for pool, size in sizes.items())
        else:
            assert "/api/v1/targets" in url, url
            up = [
                {
                    "scrapeUrl": f"https://{self._contract.host(name).address}:{job.port}{job.path}",
                    "health": "up",
                    "lastError": "",
                    "labels": {"job": job.job},
                }
                for job in self._contract.scrape_jobs
                for name in job.hosts
            ]
            body = json.dumps({"data": {"activeTargets": up}})
        return {"status": 200, "body": body}

    @functools.cache  # noqa: B019 - these hosts live as long as the process
    def _told(self, name: str) -> dict[str, Any]:
        """What does not depend on the question."""
        contract, host = self._contract, self._contract.host(name)
        certificate, half = leaf(contract, host, self._secrets["ca_private_key"])
        installed = {"ca.crt": contract.ca_certificate, "host.crt": certificate, "public half": half}
        der = x509.load_pem_x509_certificate(certificate.encode()).public_bytes(serialization.Encoding.DER)
        shown = {"certificate": base64.b64encode(der).decode(), "version": "TLSv1.3"}
        network = system.network(contract, host)
        lines = system.rules(contract, host)[1]
        if self._contents:
            files = disks.files(contract, host, self._contents, self._secrets)
        else:
            files = {"missing": [], "found": disks.image_files(host) | disks.links(contract, host)}
        return {
            "identity": system.identity(contract, host),
            "instance": system.instance(contract, host),
            "clock": {"server": promises.CLOCK, "synchronized": "yes"},
            "capacity": system.capacity(host),
            "kernel": {setting.name: setting.value for setting in host.kernel},
            "abilities": dict.fromkeys(
                ("vm_sysctl", "io_scheduler", "read_ahead", "watchdog", "set_clock"), True
            ),
            "journal": {f"/var/log/journal/{system.machine_id(host)}": promises.JOURNAL_BYTES},
            "packages": {"held": [], "settings": dict(promises.UPDATES)},
            "devices": disks.devices(host),
            "drives": disks.drives(host),
            "mounts": disks.mounts(host),
            "beneath": disks.beneath(host),
            "network": network,
            "listeners": system.listeners(contract, host),
            "installed": installed,
            "certificates": {str(port): shown for port in tls_ports(contract, host)},
            "units": system.units(contract, host),
            "schedules": {"/etc/cron.daily/dpkg": ["exec dpkg"], "/etc/cron.d/image": ["@daily root true"]},
            "processes": system.processes(host),
            "balancer": [],
            "etcd": ec2_etcd.etcd(contract, host),
            "member": ec2_cluster.member(contract, host),
            "cluster_keys": ec2_cluster.keys(contract, host),
            "probed": ec2_cluster.probed(contract, host),
            "patroni": disks.patroni(host),
            "pooler": ec2_pooler.pooler(contract, host),
            "follower": ec2_pooler.follower(contract, host),
            "accounts": system.accounts(contract, host),
            "privileges": system.privileges(contract),
            "ssh_daemon": {
                option: [value]
                for option, value in {**promises.SSHD, "allowusers": contract.access.user}.items()
            },
            "files": files,
            "suid": ["/usr/bin/su", "/usr/bin/sudo", disks.GIVES],
            "sums": disks.sums(contract, host),
            "authorities": {"trusted": 140, "foreign": []},
            "release": disks.release(host),
            "firewall": {"in effect": lines, "of the file": list(lines)},
            "ways": system.ways(contract, host),
            "raw_sockets": [["p_raw", "*:ens5", "systemd-network"]],
            "sysctls": {"net.ipv4.ping_group_range": ["0 2147483647", "1 0"]}
            | {s.name: [s.value, "other"] for s in host.kernel if s.name.startswith("net.")},
            "installed_packages": system.installed_packages(host),
            "left_behind": [],
            "gateway": None,
            "entries": system.entries(contract, host),
            "memory_file_systems": {
                path: {"bytes": mib << 20, "inodes": mib * 256}
                for path, mib in memory.tmpfs_mib(host).items()
            },
            "oom": {
                "lowers": True,
                "units": {
                    unit: {"declared": score, "in effect": score}
                    for unit, score in memory.oom_scores(contract, host).items()
                },
            },
        }

    def _snapshot(self, host: ContractHost, question: Any) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(json.dumps(self._told(host.name)))
        told["paths"] = disks.paths(self._contract, host, question["paths"])
        told["sums"] = {path: told["sums"][path] for path in question["sums"] if path in told["sums"]}
        for path, file in told["files"]["found"].items():
            if path not in question["texts"]:
                file.pop("text", None)
        gone = {"error": "No such file or directory"}
        for part in ("devices", "drives"):
            told[part] = {path: told[part].get(path, gone) for path in question["devices"]}
        told["database"] = (
            ec2_database.answers(self._contract, host, self._secrets) if question["sql"] else {}
        )
        for name, path, value in self._changes:
            if name == host.name:
                change(told, path, value)
        return told


def change(told: Any, path: list[str], value: Any) -> None:
    *folders, last = path
    for step in folders:
        told = told[step]
    if isinstance(told, list):
        told.append(value)
    elif value is None:
        del told[last]
    else:
        told[last] = value
