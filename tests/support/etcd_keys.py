"""etcd's JSON gateway over real TLS, as far as a client of keys needs it: tokens, ranges, changes, leases."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: The account that the server knows. What it answers to others is etcd's own text.
USER, PASSWORD = "patroni", "the-password-of-patroni"
WRONG = "etcdserver: authentication failed, invalid user ID or password"
TOKEN = "a-token-of-etcd.17"  # noqa: S105 - of the tests


def credentials(folder: Path) -> dict[str, str]:
    """One certificate that is authority, server and client at once, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "unit")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "unit.crt", folder / "unit.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {"ca": str(certificate), "cert": str(certificate), "key": str(private)}


class Keys:
    """What the server holds: value and revision by key. `calls`: what it was asked, in order."""

    def __init__(self, **values: str) -> None:
        self.held: dict[str, tuple[str, int]] = {}
        self.calls: list[str] = []
        self.revision = 1
        #: Written by someone else between the client's range and its transaction.
        self.meanwhile: dict[str, str] = {}
        #: Whether its members have lost each other.
        self.leaderless = False
        #: By number, with the keys that go with it.
        self.leases: dict[str, set[str]] = {}
        #: Set: tokens are refused until the next login.
        self.stale = False
        self.logins = 0
        #: Sent as it is, in place of an answer.
        self.nonsense: bytes | None = None
        for key, value in values.items():
            self.put(key, value)

    def put(self, key: str, value: str) -> None:
        self.revision += 1
        self.held[key] = (value, self.revision)

    def values(self) -> dict[str, str]:
        return {key: value for key, (value, _) in self.held.items()}

    def answer(self, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        self.calls.append(path)
        if self.leaderless:
            return 503, {"message": "etcdserver: no leader", "code": 14}
        if path == "/v3/auth/authenticate":
            if (body["name"], body["password"]) != (USER, PASSWORD):
                return 400, {"error": WRONG, "message": WRONG, "code": 3}
            self.logins, self.stale = self.logins + 1, False
            return 200, {"token": TOKEN}
        if self.stale:
            return 401, {"message": "etcdserver: invalid auth token", "code": 16}
        if token != TOKEN:
            return 400, {"message": "etcdserver: user name is empty", "code": 3}
        if path == "/v3/kv/range":
            low = plain(body["key"])
            high = plain(body["range_end"]) if "range_end" in body else low + "\0"
            found = [
                # The gateway leaves out what is empty, and sends numbers of 64 bits as texts.
                {
                    "key": coded(key),
                    "mod_revision": str(revision),
                    **({"value": coded(value)} if value else {}),
                }
                for key, (value, revision) in sorted(self.held.items())
                if low <= key < high
            ]
            return 200, {"kvs": found, "count": str(len(found))} if found else {}
        if path == "/v3/kv/deleterange":
            return 200, {"deleted": "1"} if self.held.pop(plain(body["key"]), None) else {}
        if path.startswith("/v3/lease/"):
            return self.lease(path.rpartition("/")[2], body)
        assert path == "/v3/kv/txn", path
        for key, value in self.meanwhile.items():
            self.put(key, value)
        if not all(map(self.holds, body["compare"])):
            return 200, {}
        for success in body["success"]:
            self.change(success)
        return 200, {"succeeded": True}

    def holds(self, compare: dict[str, Any]) -> bool:
        """A key that does not exist is of revision 0, by either count."""
        revision = compare[{"MOD": "modRevision", "CREATE": "createRevision"}[compare["target"]]]
        return int(revision) == self.held.get(plain(compare["key"]), ("", 0))[1]

    def change(self, success: dict[str, Any]) -> None:
        if "requestDeleteRange" in success:
            self.held.pop(plain(success["requestDeleteRange"]["key"]))
            return
        put = success["requestPut"]
        key = plain(put["key"])
        self.put(key, plain(put["value"]))
        for keys in self.leases.values():
            keys.discard(key)
        if "lease" in put:
            self.leases[put["lease"]].add(key)

    def lease(self, what: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if what == "grant":
            number = str(7587883000000000000 + len(self.calls))
            self.leases[number] = set()
            return 200, {"header": {}, "ID": number, "TTL": body["TTL"]}
        if what == "keepalive":
            # One that is over is answered, too, without a TTL.
            left = {"TTL": "15"} if body["ID"] in self.leases else {}
            return 200, {"result": {"header": {}, "ID": body["ID"], **left}}
        if body["ID"] not in self.leases:
            return 404, {"message": "etcdserver: requested lease not found", "code": 5}
        self.expire(body["ID"])
        return 200, {"header": {}}

    def expire(self, number: str) -> None:
        """Its time is over, or it was revoked."""
        for key in self.leases.pop(number):
            self.held.pop(key, None)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(text: str) -> str:
    return base64.b64decode(text).decode()


@contextmanager
def serving(keys: Keys, files: dict[str, str]) -> Iterator[str]:
    """The server's URL while it runs. A client without a certificate of the authority is not answered."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code, answer = keys.answer(self.path, body, self.headers.get("Authorization", ""))
            text = json.dumps(answer).encode() if keys.nonsense is None else keys.nonsense
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["cert"], files["key"])
    context.load_verify_locations(files["ca"])
    context.verify_mode = ssl.CERT_REQUIRED
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)
