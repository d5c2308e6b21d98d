from infra.paths import ROOT
from tests.hosts.components import Own
from tests.hosts.file_kinds import LIBRARY, PLAIN, Release, Template, modules, template

#: The program, module by module, and what publishes for it; the rest of what it runs comes with Patroni.
CODE = (
    *sorted((ROOT / "ansible/roles/probe/files/probing").glob("*.py")),
    *(ROOT / "ansible/roles/follower/files/follower" / name for name in ("publisher.py", "threads.py")),
)
OWN = Own(
    files={
        "/etc/flashtier/probe.json": (
            *PLAIN,
            Template("probe/probe.json", expression="{{ probe_configuration | to_nice_json }}\n"),
        ),
        "/etc/systemd/system/flashtier-probe.service": template(
            "probe/flashtier-probe.service.j2", probe_python=Release("patroni", "bin/python")
        ),
        **modules(CODE),
    },
    runtime={
        "/run/flashtier-probe": ("0755", "postgres:postgres"),
        "/run/flashtier-probe/probe.prom": ("0644", "postgres:postgres"),
    },
    folders={f"{LIBRARY}/probing": ("0755", "root:root")},
)
