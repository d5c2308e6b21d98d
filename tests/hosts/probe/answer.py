"""The question -> what the host says, as JSON."""

import json
import sys

from tests.hosts.probe import (
    accounts,
    etcd,
    files,
    instance,
    memory,
    network,
    patroni,
    pooler,
    probed,
    release,
    services,
    storage,
    system,
)

PARTS = (
    system.identity,
    instance.instance,
    instance.clock,
    system.capacity,
    system.kernel,
    system.abilities,
    system.journal,
    system.packages,
    storage.devices,
    storage.drives,
    storage.mounts,
    storage.paths,
    storage.beneath,
    network.network,
    network.listeners,
    network.installed,
    network.certificates,
    services.units,
    services.schedules,
    services.processes,
    services.database,
    services.balancer,
    etcd.etcd,
    patroni.member,
    patroni.cluster_keys,
    probed.probed,
    pooler.pooler,
    pooler.follower,
    accounts.accounts,
    accounts.privileges,
    accounts.ssh_daemon,
    files.files,
    files.suid,
    files.sums,
    files.authorities,
    release.release,
    release.patroni,
    network.firewall,
    network.ways,
    network.raw_sockets,
    system.sysctls,
    system.installed_packages,
    services.left_behind,
    services.gateway,
    accounts.entries,
    memory.memory_file_systems,
    memory.oom,
)


def answer(question):
    """Print the snapshot, one part a key. A part that cannot be read is {"error": why}: it fails its checks.

    `question` is what to look at: devices, paths, mount_points, units, sysctls, names, texts, sums, ports
    (of TLS), address, postgresql_port, patroni_port, etcd_port, exporter_port, scope (the cluster's name),
    markers, metadata (whether EC2's is to be asked), and sql (name -> [database, query]) where a server runs.
    """
    snapshot = {}
    for part in PARTS:
        try:
            snapshot[part.__name__] = part(question)
        except Exception as error:
            snapshot[part.__name__] = {"error": f"{type(error).__name__}: {error}"}
    json.dump(snapshot, sys.stdout)
