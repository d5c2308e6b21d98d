"""The photo API as users reach it: through the edge by HTTPS, down to the row and the bytes on volumes."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from PIL import Image

from infra.contract import Contract, ContractHost
from infra.paths import ca_certificate
from tests.hosts.facts import Check
from tests.hosts.photos import Bucket, Gateway, Store, digest
from tests.hosts.snapshot import HERE, Hosts, Snapshot

#: Photos of verification belong to this user; what a run has written is removed at its end.
USER = 2**62
DEADLINE = (5, 30)  # seconds to connect, seconds without a byte


@pytest.fixture(scope="module")
def edge(contract: Contract) -> str:
    return contract.url


def jpeg(text: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """A real photo, unlike any other, with what a camera writes into it: its name, the time and the place."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "flashtier", text  # Make, Model
    exif.get_ifd(0x8769)[0x9003] = "2024:02:29 12:34:56"  # DateTimeOriginal
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = (
        "N",
        (52.0, 30.0, 0.0),
        "E",
        (13.0, 22.0, 30.0),
    )  # GPSLatitude, GPSLongitude
    file = io.BytesIO()
    Image.effect_noise(size, 64).convert("RGB").save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def store(contract: Contract, hosts: Hosts, request: pytest.FixtureRequest) -> Store:
    if contract.object_store.credentials == "keys":
        return Gateway(contract, hosts)
    return Bucket(contract.object_store.bucket, request.getfixturevalue("cloud"))


@dataclass
class Photo:
    """What a test uploads, and the hash of what the API has kept of it, once it says so."""

    data: bytes
    kept: str


@pytest.fixture
def photo(contract: Contract, leading: Snapshot, hosts: Hosts, store: Store) -> Iterator[Photo]:
    """A photo that leaves neither row nor object behind."""
    data = jpeg(f"verification {uuid.uuid4()}")
    photo = Photo(data, digest(data))
    yield photo
    mine = f"user_id = {USER} AND sha256 = '\\x{photo.kept}'"
    for table in ("photos", "photo_removals"):
        query(contract, leading.name, hosts, f"DELETE FROM {table} WHERE {mine}")  # noqa: S608 - a number and a digest of ours
    store.remove(USER, photo.kept)


def query(contract: Contract, leader: str, hosts: Hosts, sql: str) -> str:
    """Run `sql` in the app's database on the leader, as its superuser on the host itself."""
    command = "timeout 20 runuser -u postgres -- psql -XAtqw -v ON_ERROR_STOP=1 -d %s -c %s"
    return hosts.run(leader, command, contract.app.database, sql).strip()


def test_write_and_read(
    contract: Contract, leading: Snapshot, hosts: Hosts, store: Store, client: requests.Session, edge: str,
    photo: Photo, check: Check,
) -> None:  # fmt: skip
    tag = f"verify-{uuid.uuid4()}"
    form = {"user_id": str(USER), "caption": "of tests/hosts", "tags": [tag, "flashtier"]}
    files = {"photo": ("photo.jpg", photo.data, "image/jpeg")}
    try:
        answer = client.post(f"{edge}/photos", data=form, files=files, timeout=DEADLINE)
    except requests.RequestException as error:
        check.fact("url", str(error), how="an upload to it")
        return
    check.equal("upload through the edge", 201, answer.status_code, how=answer.text[:200])
    check.fact("url", edge if answer.ok else answer.status_code, how="an upload to it")
    if answer.status_code != 201:
        return
    made = answer.json()
    photo.kept = made["sha256"]
    for field, value in {
        "width": 64,
        "height": 48,
        "taken_at": "2024-02-29T12:34:56",
        "tags": [tag, "flashtier"],
        "views": 0,
    }.items():
        check.equal(f"uploaded photo: {field}", value, made[field])
    check.true("camera is read from EXIF", "verification" in (made["camera"] or ""), found=made["camera"])
    image = client.get(f"{edge}{made['image']}", timeout=DEADLINE)
    kept = (digest(image.content), len(image.content))
    check.equal("the photo is read back as it was stored", (made["sha256"], made["size_bytes"]), kept)
    check.fact(
        "app.exif_location", place(photo.data, image.content, made["location"]), how="a photo with GPS"
    )
    check.equal(
        "metadata read back", made, client.get(f"{edge}/photos/{made['id']}", timeout=DEADLINE).json()
    )
    for views in (1, 2):
        viewed = client.post(f"{edge}/photos/{made['id']}/views", timeout=DEADLINE)
        check.equal("views counted", {"views": views}, viewed.json())
    for page in (f"/users/{USER}/timeline", f"/search?tag={tag}"):
        found = client.get(f"{edge}{page}", timeout=DEADLINE).json()
        check.true(f"the photo is on {page}", made["id"] in [entry["id"] for entry in found["photos"]])
    sql = f"SELECT encode(sha256, 'hex'), views FROM photos WHERE id = {int(made['id'])}"  # noqa: S608 - a number
    row = query(contract, leading.name, hosts, sql)
    check.equal("row in PostgreSQL", f"{photo.kept}|2", row)
    check.equal("objects in the store", 1, len(store.objects(USER, photo.kept)))
    deleted = client.delete(f"{edge}/photos/{made['id']}", timeout=DEADLINE)
    check.equal("the photo is deleted", 204, deleted.status_code, how=deleted.text[:200])
    gone = client.get(f"{edge}{made['image']}", timeout=DEADLINE)
    check.equal("the deleted photo is gone", 404, gone.status_code)


def place(sent: bytes, image: bytes, location: Any) -> str:
    """What was done with the place in `sent`."""
    if location and image == sent:
        return "keep"
    gps = Image.open(io.BytesIO(image)).getexif().get_ifd(0x8825)
    return "strip" if location is None and not gps else f"answers have {location}, the file has {dict(gps)}"


BAD = [
    ("not a JPEG", {"user_id": "1"}, b"GIF89a no photo at all", 400, "JPEG"),
    ("half a JPEG", {"user_id": "1"}, jpeg("half")[:700], 400, "JPEG"),
    ("no user", {}, jpeg("no user"), 422, "user_id"),
    ("a user who is not a number", {"user_id": "me"}, jpeg("me"), 422, "user_id"),
    ("a tag with a space", {"user_id": "1", "tags": "two words"}, jpeg("tag"), 422, "tags"),
]


@pytest.mark.parametrize(("what", "form", "data", "status", "says"), BAD, ids=[case[0] for case in BAD])
def test_bad_uploads_are_refused_with_the_reason(
    what: str, form: dict[str, str], data: bytes, status: int, says: str, client: requests.Session, edge: str,
    check: Check,
) -> None:  # fmt: skip
    files = {"photo": ("photo.jpg", data, "image/jpeg")}
    answer = client.post(f"{edge}/photos", data=form, files=files, timeout=DEADLINE)
    check.equal(f"{what}: status", status, answer.status_code, how=answer.text[:200])
    check.true(f"{what}: the answer names {says}", says in answer.text, found=answer.text[:200])


def test_other_bad_requests(client: requests.Session, edge: str, check: Check) -> None:
    for path, status in {
        f"/photos/{2**62}": 404,
        "/photos/none": 422,
        "/photos/0": 422,
        "/search": 422,
        "/search?tag=x&limit=1000": 422,
        "/no/such/path": 404,
        "/photos/": 404,
    }.items():
        answer = client.get(f"{edge}{path}", timeout=DEADLINE)
        check.equal(f"GET {path}", status, answer.status_code)
        check.true(
            f"GET {path}: the answer says why", bool(answer.json().get("detail")), found=answer.text[:200]
        )


def test_largest_upload(contract: Contract, client: requests.Session, edge: str, check: Check) -> None:
    """The declared limit is the API's own: a photo over it is refused with that figure."""
    limit = contract.app.max_upload_mib << 20
    files = {"photo": ("photo.jpg", jpeg("large").ljust(limit + 1, b"\0"), "image/jpeg")}
    answer = client.post(f"{edge}/photos", data={"user_id": str(USER)}, files=files, timeout=DEADLINE)
    found = (
        answer.json().get("limit_bytes", 0) / (1 << 20) if answer.status_code == 413 else answer.status_code
    )
    check.fact("app.max_upload_mib", found, how=f"a photo of {limit + 1} bytes: {answer.status_code}")


#: How the edge sends http to https: a balancer of AWS knows 301 and 302 only, and names the port.
REDIRECTS = {"local": (308, ""), "aws": (301, ":443")}


def test_the_edge(contract: Contract, client: requests.Session, edge: str, check: Check) -> None:
    check.equal("GET /healthz", 200, client.get(f"{edge}/healthz", timeout=DEADLINE).status_code)
    for path in ("/metrics", "/readyz", "/metrics/", "//metrics", "/%6detrics"):
        answer = client.get(f"{edge}{path}", timeout=DEADLINE)
        check.true(
            f"the edge does not publish {path}",
            answer.status_code in (403, 404),
            found=answer.status_code,
        )
    plain = client.get(edge.replace("https", "http") + "/x?y=1", timeout=DEADLINE, allow_redirects=False)
    code, port = REDIRECTS[contract.platform]
    wanted = (code, f"{edge}{port}/x?y=1")
    check.equal("http redirects", wanted, (plain.status_code, plain.headers.get("location")))
    hsts = client.get(f"{edge}/healthz", timeout=DEADLINE).headers.get("strict-transport-security")
    check.true("Strict-Transport-Security is sent", bool(hsts), found=hsts)


@pytest.fixture(scope="module")
def inside(contract: Contract, hosts: Hosts) -> Any:
    """What each web host's own port answers to the hosts of the control tier."""
    web = [(host.name, flow.port) for host in contract.hosts for flow in contract.flows
           if host.tier == "web" and flow.destination == host.name and flow.port_name == "web"]  # fmt: skip
    observer = next(host.name for host in contract.hosts if host.tier == "control")
    urls = {
        (name, path): f"https://{name}.{contract.domain}:{port}/{path}"
        for name, port in dict(web).items()
        for path in ("readyz", "metrics")
    }
    answers = hosts.ask((HERE / "fetch.py").read_text(), {observer: list(urls.values())})[observer]
    if isinstance(answers, dict):
        pytest.fail(f"{observer} cannot ask the web hosts: {answers['error']}", pytrace=False)
    return dict(zip(urls, answers, strict=True))


def test_every_web_host_is_ready(contract: Contract, inside: Any, check: Check) -> None:
    for (name, path), answer in inside.items():
        check.equal(f"{name}: /{path}", 200, answer.get("status"), how=str(answer)[:200])
        if path == "readyz" and answer.get("status") == 200:
            both = {"database": "ok", "storage": "ok"}
            check.equal(f"{name}: reaches", both, json.loads(answer["body"]))


@pytest.mark.where(lambda host: "nginx" in host.components)
def test_the_running_app_has_the_declared_database_and_store(
    declared: ContractHost, contract: Contract, hosts: Hosts, check: Check
) -> None:
    """Read from the process itself: a file that nothing has loaded says nothing."""
    show = "systemctl show --property=MainPID --value photo-api.service"
    pid = hosts.run(declared.name, show).strip()
    lines = hosts.run(declared.name, "tr '\\0' '\\n' </proc/%s/environ", pid).splitlines()
    given = dict(line.split("=", 1) for line in lines if line.startswith("PHOTO_API_"))
    vouching = {"/etc/flashtier/tls/ca.crt": "project", "/etc/ssl/certs/ca-certificates.crt": "system"}
    how = f"environment of process {pid} of {declared.name}"
    for key, name in {"database": "NAME", "role": "USER"}.items():
        check.fact(f"app.{key}", given.get(f"PHOTO_API_DATABASE_{name}"), how=how)
    for name in ("endpoint", "region", "bucket", "credentials"):
        check.fact(f"object_store.{name}", given.get(f"PHOTO_API_S3_{name.upper()}"), how=how)
    if contract.object_store.cdn_url is not None or "PHOTO_API_CDN_URL" in given:
        check.fact("object_store.cdn_url", given.get("PHOTO_API_CDN_URL"), how=how)
    file = given.get("PHOTO_API_S3_CA_FILE", "none")
    check.fact("object_store.ca", vouching.get(file, file), how=how)


def test_pool_sizes(contract: Contract, inside: Any, check: Check) -> None:
    for (name, path), answer in inside.items():
        if path == "metrics":
            for key, pool in (("pool_size", "read"), ("write_pool_size", "write")):
                series = f'photo_api_pool_connections_max{{pool="{pool}"}}'
                size = metric(answer.get("body", ""), series)
                check.fact(f"app.{key}", size, how=f"{series} of {name}")


def metric(text: str, name: str) -> float | None:
    values = [line.split()[1] for line in text.splitlines() if line.split(" ")[0] == name]
    return float(values[0]) if len(values) == 1 else None


@pytest.mark.where(lambda host: "haproxy" in host.components)
def test_the_edge_uses_every_web_host(
    declared: ContractHost, contract: Contract, snapshot: Snapshot, check: Check
) -> None:
    """Asked from HAProxy itself: a weight or a state changed by hand is in no file."""
    rows = snapshot["balancer"]
    servers = [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]
    fronts = {row["pxname"]: row["status"] for row in rows if row["svname"] == "FRONTEND"}
    check.equal(f"{declared.name}: frontends", {"http": "OPEN", "https": "OPEN"}, fronts)
    port = next((flow.port for flow in contract.flows if flow.port_name == "web"), None)
    wanted = {host.name: f"{host.address}:{port}" for host in contract.hosts if host.tier == "web"}
    for backend in ("web_ready", "web_alive"):
        found = {server["svname"]: server["addr"] for server in servers if server["pxname"] == backend}
        check.equal(f"servers of the edge in {backend}", wanted, found)
    for server in servers:
        check.equal(
            f"{server['svname']}: state and weight at {declared.name}, {server['pxname']}",
            ("UP", "1"),
            (server["status"], server["weight"]),
        )


def test_the_controllers_copy_of_the_authority(contract: Contract, check: Check) -> None:
    """What people give to `curl --cacert`, as the README shows."""
    path = ca_certificate(contract.stack)
    check.equal(
        f"{path}", contract.ca_certificate.strip(), path.read_text().strip() if path.exists() else None
    )
