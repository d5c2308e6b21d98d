from tests.hosts.components import Own
from tests.hosts.file_kinds import Secret, template

OWN = Own(
    files={
        "/etc/photo-api/environment": template("app/environment.j2"),
        "/etc/systemd/system/photo-api.service": template("app/photo-api.service.j2"),
        "/etc/systemd/system/photo-api.socket": template("app/photo-api.socket.j2"),
        **{
            f"/etc/photo-api/credentials/{name}": ("0400", "root:root", Secret(secret))
            for name, secret in {
                "s3_access_key": "s3_app_access_key",
                "s3_secret_key": "s3_app_secret_key",
            }.items()
        },
    },
    runtime={
        "/run/photo-api": ("0755", "root:root"),
        "/run/photo-api/photo-api.sock": ("0660", "root:www-data"),
    },
    folders={"/etc/photo-api/credentials": ("0700", "root:root")},
    accounts=frozenset({"photo-api", "photo-api-migrate"}),
)
