from tests.hosts.components import Own
from tests.hosts.file_kinds import PRIVATE, Template, template

OWN = Own(
    files={
        "/etc/flashtier/s3/environment": template("s3/environment.j2", PRIVATE),
        "/etc/flashtier/s3/iam/users.json": template("s3/users.json.j2", ("0640", "root:versitygw")),
        "/etc/flashtier/s3/policy.json": (
            *PRIVATE,
            Template("s3/policy.json", expression="{{ s3_policy | to_nice_json }}\n"),
        ),
        "/etc/flashtier/s3/s3cfg": template("s3/s3cfg.j2", PRIVATE),
        "/etc/systemd/system/versitygw.service": template("s3/versitygw.service.j2"),
    },
    runtime={
        "/run/versitygw": ("0700", "versitygw:versitygw"),
        "/run/versitygw/admin.sock": ("0700", "versitygw:versitygw"),
    },
    folders={
        "/etc/flashtier/s3": ("0750", "root:versitygw"),
        "/etc/flashtier/s3/iam": ("0750", "root:versitygw"),
    },
    accounts=frozenset({"versitygw"}),
)
