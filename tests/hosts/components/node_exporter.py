from tests.hosts.components import Own
from tests.hosts.file_kinds import template

OWN = Own(
    files={
        "/etc/default/prometheus-node-exporter": template("node_exporter/default.j2"),
        "/etc/flashtier/node-exporter.yml": template("node_exporter/web-config.yml.j2"),
        "/etc/systemd/system/prometheus-node-exporter.service.d/flashtier.conf": template(
            "node_exporter/unit.conf.j2"
        ),
    }
)
