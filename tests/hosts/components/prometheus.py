from tests.hosts.components import Own
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        "/etc/default/prometheus": template("prometheus/default.j2"),
        "/etc/systemd/system/prometheus.service.d/flashtier.conf": template("prometheus/unit.conf.j2"),
        **{
            f"/etc/prometheus/{name}.yml": template(f"prometheus/{name}.yml.j2", ("0640", "root:prometheus"))
            for name in ("prometheus", "rules", "web-config")
        },
    }
)
