"""Who the host is, what it may use, and how its kernel, journal and packages are set."""

import json
import os
import pathlib
import re
import socket

from tests.hosts.probe.base import lines, read, run

#: sd-messages.h, SD_MESSAGE_JOURNAL_USAGE.
JOURNAL_USAGE = "ec387f577b844b8fa948f33cad9a75e6"


def identity(question):
    release = dict(line.split("=", 1) for line in lines(read("/etc/os-release")))
    return {
        "hostname": socket.gethostname(),
        "fqdn": socket.getfqdn(),
        "machine_id": read("/etc/machine-id").strip(),
        "virtualization": run("systemd-detect-virt", allowed=(0, 1)).strip(),
        "machine": os.uname().machine,
        "distribution": release["ID"].strip('"'),
        "codename": release["VERSION_CODENAME"].strip('"'),
        "time_zone": os.path.realpath("/etc/localtime").removeprefix("/usr/share/zoneinfo/"),
        "ssh_host_keys": {
            path.name: " ".join(path.read_text().split()[:2])
            for path in pathlib.Path("/etc/ssh").glob("ssh_host_*.pub")
        },
        "locale": dict(line.split("=", 1) for line in lines(read("/etc/locale.conf"))).get("LANG"),
        "names": {name: resolved(name) for name in question["names"]},
    }


def resolved(name):
    """Addresses of a name; none where it has none."""
    try:
        return addresses(name)
    except socket.gaierror:
        return []


def addresses(name):
    return sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, socket.AF_INET)})


def capacity(question):
    total = next(line for line in lines(read("/proc/meminfo")) if line.startswith("MemTotal:"))
    return {
        "memory_kib": int(total.split()[1]),
        "cpus": read("/proc/cpuinfo").count("processor\t:"),
        "nproc": int(run("nproc")),
    }


def kernel(question):
    return {
        name: " ".join(read(f"/proc/sys/{name.replace('.', '/')}").split()) for name in question["sysctls"]
    }


#: linux/capability.h
CAP_SYS_MODULE, CAP_SYS_TIME = 16, 25


def abilities(question):
    """What a root process of this host could do if it wanted to: the kernel is asked, nothing is changed."""
    bounds = next(line for line in read("/proc/self/status").splitlines() if line.startswith("CapBnd:"))
    bounding = int(bounds.split()[1], 16)
    queues = list(pathlib.Path("/sys/block").glob("*/queue"))
    # A watchdog of the kernel's own, where there is no device for one.
    modules = pathlib.Path("/lib/modules", os.uname().release).glob("kernel/drivers/watchdog/softdog.ko*")
    return {
        "vm_sysctl": os.access("/proc/sys/vm/swappiness", os.W_OK),
        "io_scheduler": any(os.access(queue / "scheduler", os.W_OK) for queue in queues),
        "read_ahead": any(os.access(queue / "read_ahead_kb", os.W_OK) for queue in queues),
        "watchdog": pathlib.Path("/dev/watchdog").exists()
        or (bool(bounding >> CAP_SYS_MODULE & 1) and any(modules)),
        "set_clock": bool(bounding >> CAP_SYS_TIME & 1),
    }


def journal(question):
    """What journald announced about its limits when it last opened its files."""
    daemon = run("systemctl", "show", "-P", "MainPID", "systemd-journald").strip()
    announced = run("journalctl", "--no-pager", "-o", "json", f"MESSAGE_ID={JOURNAL_USAGE}", f"_PID={daemon}")
    return {
        entry["JOURNAL_PATH"]: int(entry["MAX_USE"])
        for entry in (json.loads(line) for line in announced.splitlines())
    }


def packages(question):
    settings = {}
    for line in run("apt-config", "dump").splitlines():
        match = re.fullmatch(r'((?:Unattended-Upgrade|APT::Periodic)\S*) "(.*)";', line)
        if match and match[2]:
            settings.setdefault(match[1].rstrip(":"), []).append(match[2])
    return {"held": run("apt-mark", "showhold").split(), "settings": settings}


#: Counters, and what the kernel or a network manager sets for an interface's own sake.
MOVING = re.compile(
    r"net[.]netfilter[.]nf_conntrack_count|.*[.](eth0|lo)[.].*|.*[.]neigh[.].*|.*[.]forwarding|net[.]ipv6[.]conf[.].*"
)


def sysctls(question):
    """Settings of the host's network that a network made just now has otherwise: {name: [here, there]}."""
    here, there = (table(run(*front, "sysctl", "--all", "--ignore")) for front in ((), ("unshare", "--net")))
    return {
        name: [here[name], there[name]]
        for name in sorted(here)
        if name.startswith("net.")
        and name in there
        and here[name] != there[name]
        and not MOVING.fullmatch(name)
    }


def table(text):
    return {
        name.strip(): " ".join(value.split())
        for name, _, value in (line.partition("=") for line in text.splitlines())
    }


def installed_packages(question):
    """Packages by name with their state, and those that were asked for by name and no other package needs."""
    state, needed, essential = {}, set(), set()
    for block in read("/var/lib/dpkg/status").split("\n\n"):
        field = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", block, re.M))
        if "Package" not in field:
            continue
        state[field["Package"]] = field["Status"]
        for key in ("Depends", "Pre-Depends"):
            needed |= {re.split(r"[ (:]", name.strip())[0] for name in re.split(r"[,|]", field.get(key, ""))}
        if field.get("Essential") == "yes" or field.get("Priority") in ("required", "important"):
            essential.add(field["Package"])
    asked = set(run("apt-mark", "showmanual").split())
    return {"state": state, "asked": sorted(asked - needed - essential)}
