"""Pure: a host's tier -> the kernel settings it must have. Values are as `sysctl -n` reports them.

A platform that cannot set some of them says so in `contract.unsupported` (`vm_sysctl`: all of `vm.`).
"""

from __future__ import annotations

from infra.environment import Tier
from infra.settings.setting import Setting

_KERNEL_DOC = "https://docs.kernel.org/networking/ip-sysctl.html"
_CATALOGUE = "docs/sizing-facts.md, sysctl"

_EVERY_HOST = (
    Setting(
        name="net.core.somaxconn",
        value="4096",
        reason="upper limit of every listener's accept queue; a shorter one refuses connections in a burst",
        source="https://docs.kernel.org/admin-guide/sysctl/net.html",
    ),
    Setting(
        name="net.ipv4.tcp_slow_start_after_idle",
        value="0",
        reason="connections between the tiers are kept open; a pause must not shrink their window again",
        source=_KERNEL_DOC,
    ),
    Setting(
        name="net.ipv4.tcp_syncookies",
        value="1",
        reason="a flood of half-open connections must not fill the accept queue",
        source=_KERNEL_DOC,
    ),
    Setting(
        name="net.ipv4.tcp_syn_retries",
        value="2",
        reason="an attempt ends after 7 s: a standby that was cut off would try for two minutes, with up to "
        "a minute between two packets, while commits wait for it",
        source=_KERNEL_DOC,
    ),
    *(
        Setting(
            name=name,
            value="0",
            reason="no host is a router; routes come from its network only",
            source=_KERNEL_DOC,
        )
        for name in (
            "net.ipv4.ip_forward",
            "net.ipv4.conf.all.accept_redirects",
            "net.ipv4.conf.all.send_redirects",
            "net.ipv4.conf.all.accept_source_route",
        )
    ),
)

_DATABASE = (
    Setting(
        name="vm.swappiness",
        value="1",
        reason="swapping out shared buffers turns memory reads into disk reads",
        source=_CATALOGUE,
    ),
    Setting(
        name="vm.dirty_background_bytes",
        value=str(64 * 1024**2),
        reason="write-back starts early and in small amounts, so that no burst holds the disk",
        source=_CATALOGUE,
    ),
    Setting(
        name="vm.dirty_bytes",
        value=str(512 * 1024**2),
        reason="upper limit of unwritten data; the default, a share of memory, makes flushes of many seconds",
        source=_CATALOGUE,
    ),
    Setting(
        name="vm.overcommit_memory",
        value="2",
        reason="an allocation fails instead of the out-of-memory killer taking the server down",
        source="https://www.postgresql.org/docs/17/kernel-resources.html#LINUX-MEMORY-OVERCOMMIT",
    ),
    Setting(
        name="vm.overcommit_ratio",
        value="90",
        reason="hosts have no swap: the default of 50 would leave half of the memory unused",
        source="https://www.postgresql.org/docs/17/kernel-resources.html#LINUX-MEMORY-OVERCOMMIT",
    ),
)


def settings(tier: Tier) -> tuple[Setting, ...]:
    """The kernel settings of a host of `tier`."""
    return (*_EVERY_HOST, *_DATABASE) if tier == "database" else _EVERY_HOST
