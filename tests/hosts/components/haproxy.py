from tests.hosts.components import Own
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        "/etc/haproxy/haproxy.cfg": template("haproxy/haproxy.cfg.j2"),
        "/etc/haproxy/slow_body.lua": template("haproxy/slow_body.lua.j2"),
        "/etc/systemd/system/haproxy.service.d/flashtier.conf": template("haproxy/unit.conf.j2"),
    },
    runtime={
        "/run/haproxy": ("2775", "haproxy:haproxy"),
        "/run/haproxy/admin.sock": ("0600", "root:haproxy"),
        "/run/haproxy-master.sock": ("0700", "root:root"),
    },
)
