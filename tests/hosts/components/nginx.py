from tests.hosts.components import Own
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        "/etc/logrotate.d/nginx": template("nginx/logrotate.j2"),
        "/etc/nginx/nginx.conf": template("nginx/nginx.conf.j2"),
        "/etc/systemd/system/logrotate.timer.d/flashtier.conf": template("nginx/logrotate.timer.j2"),
        "/etc/systemd/system/nginx.service.d/flashtier.conf": template("nginx/unit.conf.j2"),
    }
)
