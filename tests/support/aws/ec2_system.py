"""What a Debian host on EC2 says of its system where all is as declared: units, accounts, packages, network.

What its image brings beside the kit's own is made up after Debian's images for EC2: cloud-init, the network
by netplan, systemd-resolved's stub. The kit has no list of it; it must do without one.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import Any

from infra.contract import Contract, ContractHost
from infra.environment.subnets import subnets
from tests.hosts import exact, promises
from tests.hosts.promises import mount_unit
from tests.support.nftables import NAMESPACE
from tests.support.rendered import render

MACHINE = "aarch64"
LINK = "ens5"
#: Of the image: running, enabled and only enabled units, in no list of tests/hosts.
RUNS = ("getty@tty1.service", "polkit.service", "systemd-udevd.service", "fstrim.timer")
STARTS = ("cloud-init-main.service", "getty@.service", "man-db.timer")
ACCOUNTS = ("polkitd", "_chrony")
PACKAGES = ("amazon-ec2-utils", "cloud-init", "linux-image-cloud-arm64", "netplan.io")


def network_of(contract: Contract, host: ContractHost) -> str:
    """The range of the host's subnet: its router has the first address of it."""
    zones = tuple(sorted({one.zone for one in contract.hosts if one.zone}))
    return next(
        part.cidr
        for part in subnets(contract.cidr, zones)
        if part.cidr.partition("/")[0].rpartition(".")[0] == host.gateway.rpartition(".")[0]
    )


def machine_id(host: ContractHost) -> str:
    return uuid.uuid5(uuid.NAMESPACE_DNS, host.name).hex


def identity(contract: Contract, host: ContractHost) -> Any:
    names = {
        name: [one.address] for one in contract.hosts for name in (one.name, f"{one.name}.{contract.domain}")
    }
    return {
        "hostname": host.name,
        "fqdn": f"{host.name}.{contract.domain}",
        "machine_id": machine_id(host),
        "virtualization": "amazon",
        "machine": MACHINE,
        "distribution": "debian",
        "codename": "trixie",
        "time_zone": "Etc/UTC",
        "ssh_host_keys": {"ssh_host_ed25519_key.pub": host.ssh_host_key},
        "locale": "C.UTF-8",
        "names": names,
    }


def type_of(host: ContractHost) -> str:
    """A made-up name: the contract has none."""
    return f"t{host.size.vcpus}.{host.size.memory_mib}"


def instance(contract: Contract, host: ContractHost) -> Any:
    return {
        "instance_id": host.instance_id,
        "type": type_of(host),
        "zone": host.zone,
        "address": host.address,
        "mac": "02:00:00:00:00:01",
        "networks": [contract.cidr],
        "subnet": network_of(contract, host),
        "firmware": host.instance_id,
        "without_token": 401,
    }


def capacity(host: ContractHost) -> Any:
    return {
        "memory_kib": int(host.size.memory_mib * 1024 * 0.93),
        "cpus": host.size.vcpus,
        "nproc": host.size.vcpus,
    }


def rules(contract: Contract, host: ContractHost) -> tuple[list[Any], list[str]]:
    """As nft gives them in JSON and as text; the app's account is the one of `nobody` here."""
    text = render(contract, host.name, "base", "nftables.conf.j2").replace("photo-api", "nobody")
    script = f"nft --file - <<'END'\n{text}\nEND\nnft -j list ruleset; nft --stateless list ruleset"
    done = subprocess.run(
        [*NAMESPACE, "sh", "-ec", script], capture_output=True, text=True, timeout=20, check=True
    )
    told, _, listed = done.stdout.partition("\n")
    return json.loads(told)["nftables"], listed.splitlines()


def network(contract: Contract, host: ContractHost) -> Any:
    prefix = int(network_of(contract, host).partition("/")[2])
    return {
        "addresses": [
            {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
            {"ifname": LINK, "addr_info": [{"local": host.address, "prefixlen": prefix}]},
        ],
        "routes": [
            {"dst": "default", "gateway": host.gateway},
            {"dst": network_of(contract, host)},
            {"dst": host.gateway},
        ],
        "ssh_clients": [controller(contract)],
        "nftables": rules(contract, host)[0],
    }


def controller(contract: Contract) -> str:
    """An address of the endpoint."""
    return contract.controller.partition("/")[0].rpartition(".")[0] + ".77"


def ways(contract: Contract, host: ContractHost) -> Any:
    resolver = next(iter(promises.resolvers(contract, host)))
    routes = [f"default {host.gateway}", network_of(contract, host), host.gateway]
    routes.append(f"{resolver} {host.gateway}")
    return {
        "interfaces": {"lo": 65536, LINK: 9001},
        "routes": sorted(routes),
        "rules": [[0, "all", "local"], [32766, "all", "main"], [32767, "all", "default"]],
        "queues": ["fq_codel", "mq", "noqueue"],
        "resolvers": [promises.STUB],
    }


def listeners(contract: Contract, host: ContractHost) -> Any:
    served, programs = promises.served(contract, host), promises.programs(contract)
    ports = sorted(
        {
            (flow.protocol, flow.port)
            for flow in contract.flows
            if flow.destination == host.name and flow.port_name in served
        }
    )
    found = [[protocol, "*", port, programs[protocol, port]] for protocol, port in ports]
    stub = [[protocol, promises.STUB, 53, "systemd-resolve"] for protocol in ("tcp", "udp")]
    return [*found, *stub, ["udp", host.address, 68, "systemd-network"]]


def unit(name: str, **values: str) -> dict[str, str]:
    usual = {"Id": name, "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
             "UnitFileState": "enabled", "FragmentPath": f"/usr/lib/systemd/system/{name}", "DropInPaths": "",
             "RuntimeMaxUSec": "infinity", "NRestarts": "0", "NeedDaemonReload": "no"}  # fmt: skip
    return usual | values


def units(contract: Contract, host: ContractHost) -> Any:
    shown = {name: unit(name) for name in (*exact.running(contract, host), *RUNS, *STARTS)}
    for name in STARTS:
        shown[name] |= {"SubState": "exited"}
    for name in exact.ENDS:
        own = name in promises.own_units(contract, host)
        folder = "/etc/systemd/system" if own else "/usr/lib/systemd/system"
        shown[name] = unit(name, SubState="exited", FragmentPath=f"{folder}/{name}")
    for place in promises.mount_places(host):
        shown[mount_unit(place)] = unit(
            mount_unit(place), Where=place, SubState="mounted",
            FragmentPath=f"/etc/systemd/system/{mount_unit(place)}",
        )  # fmt: skip
    for name in promises.own_units(contract, host) - shown.keys():
        shown[name] = unit(
            name, ActiveState="inactive", SubState="dead", UnitFileState="static",
            FragmentPath=f"/etc/systemd/system/{name}",
        )  # fmt: skip
    for path in promises.drop_ins(contract, host):
        shown[path.split("/")[-2].removesuffix(".d")]["DropInPaths"] = path
    for name, timer in shown.items():
        if name.endswith(".timer"):
            timer["Triggers"] = name.removesuffix(".timer") + ".service"
            timer["SubState"] = "waiting"
    enabled = exact.enabled(contract, host) | {*STARTS}
    arrays = exact.UNITS_WITH_ARRAYS if promises.has_arrays(host) else set()
    arrays |= exact.UNITS_WITH_VOLUMES if host.volumes else set()
    masked = dict.fromkeys(exact.masked(host), "masked")
    return {
        "state": "running",
        "environment": ["LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"],
        "files": dict.fromkeys((*enabled, *arrays), "enabled") | masked,
        "failed": [],
        "shown": shown,
    }


def processes(host: ContractHost) -> Any:
    served = {"nginx": ["nginx", "root"], "patroni": ["postgres", "postgres"]}
    return [["systemd", "root"], *(served[service] for service in host.components if service in served)]


def own_accounts(contract: Contract, host: ContractHost) -> list[str]:
    tier = {"database": ["postgres"], "web": ["postgres"], "control": ["prometheus", "etcd"]}.get(
        host.tier, []
    )
    debian = ["root", "daemon", "nobody", "systemd-network", "systemd-resolve", "sshd"]
    found = {*debian, *tier, *ACCOUNTS, *exact.users(contract, host), "prometheus"}
    return sorted(found)


def accounts(contract: Contract, host: ContractHost) -> Any:
    shells = {"root", contract.access.user, "postgres"}
    return {
        name: {
            "uid": 0 if name == "root" else number,
            "shell": "/bin/bash" if name in shells else "/usr/sbin/nologin",
            "password": "locked",
            "keys": list(contract.access.authorized_keys) if name == contract.access.user else [],
            "groups": [],
        }
        for number, name in enumerate(own_accounts(contract, host), start=100)
    }


def entries(contract: Contract, host: ContractHost) -> Any:
    names = own_accounts(contract, host)
    members = {"ssl-cert": "postgres"} if "postgres" in names else {}
    own = [name for name in names if name != contract.access.user]
    groups = sorted({*own, "users", "ssl-cert", "kvm"} | ({"photo-api"} & {*names}))
    return {
        "passwd": [f"{name}:x:{number}:100::/:/x" for number, name in enumerate(names)],
        "group": [f"{name}:x:{number}:{members.get(name, '')}" for number, name in enumerate(groups)],
        "ending": ["polkitd", "systemd-network"],
        "lingering": [],
    }


def privileges(contract: Contract) -> Any:
    return {
        "/etc/sudoers": ["Defaults env_reset", "root ALL=(ALL:ALL) ALL", "%sudo ALL=(ALL:ALL) ALL",
                         "@includedir /etc/sudoers.d"],
        "/etc/sudoers.d/flashtier": [f"{contract.access.user} ALL=(ALL:ALL) NOPASSWD: ALL"],
    }  # fmt: skip


def installed_packages(host: ContractHost) -> Any:
    packages = {*exact.packages(host), *PACKAGES, "systemd", "dbus"}
    asked = sorted({*PACKAGES, *exact.packages(host)})
    return {"state": dict.fromkeys(packages, "install ok installed"), "asked": asked}
