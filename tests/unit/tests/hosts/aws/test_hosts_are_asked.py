"""How tests/hosts asks hosts on AWS, and AWS itself: metadata service, CLI, tunnel; what it compares."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.aws.cli import MOST_TUNNELS
from infra.environment import Environment
from tests.hosts import cloud as asked_cloud
from tests.hosts.cloud import Cloud
from tests.hosts.image import Image
from tests.hosts.probe import instance
from tests.hosts.snapshot import Snapshot
from tests.support.aws_contract import aws_contract
from tests.support.declared import TREE, contract_of, local_environment

TOLD = {
    "instance-id": "i-0123456789abcdef0",
    "instance-type": "t4g.small",
    "placement/availability-zone": "eu-central-1a",
    "local-ipv4": "10.66.64.10",
    "mac": "02:00:00:00:00:01",
    "network/interfaces/macs/02:00:00:00:00:01/vpc-ipv4-cidr-blocks": "10.66.0.0/16\n10.67.0.0/16",
    "network/interfaces/macs/02:00:00:00:00:01/subnet-ipv4-cidr-block": "10.66.64.0/21",
}


class Metadata(http.server.BaseHTTPRequestHandler):
    """The instance metadata service as hosts of the kit have it: nothing without a session's token."""

    def do_PUT(self) -> None:
        asked = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        self.say(200 if asked else 400, "token")

    def do_GET(self) -> None:
        known = TOLD.get(self.path.removeprefix("/latest/meta-data/"))
        held = self.headers["X-aws-ec2-metadata-token"] == "token"
        self.say(401 if not held else 200 if known else 404, known or "")

    def say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(instance, "SERVICE", f"http://127.0.0.1:{server.server_port}/latest")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # no host is asked through one
        yield
        server.shutdown()


def test_a_host_asks_the_metadata_service_with_a_token(service: None) -> None:
    metadata = instance.instance({"metadata": True})
    assert (metadata["instance_id"], metadata["zone"]) == ("i-0123456789abcdef0", "eu-central-1a")
    assert (metadata["address"], metadata["subnet"]) == ("10.66.64.10", "10.66.64.0/21")
    assert metadata["networks"] == ["10.66.0.0/16", "10.67.0.0/16"]
    assert metadata["without_token"] == 401


def test_a_host_of_another_platform_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "SERVICE", "nowhere")
    assert instance.instance({"metadata": False}) is None
    assert instance.clock({"metadata": False}) is None


Script = Callable[[str], Path]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts an `aws` on PATH that is this shell script."""

    def put(script: str) -> Path:
        (tmp_path / "aws").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "aws").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        return tmp_path

    return put


def test_the_cli_is_asked_in_the_region_and_once(aws: Script) -> None:
    folder = aws('printf "%s\\n" "$@" >>"$0.asked"; echo \'{"Subnets": [{"CidrBlock": "10.0.0.0/21"}]}\'')
    cloud = Cloud("eu-central-1")
    for _ in range(2):
        assert cloud.networks(["subnet-2", "subnet-1"]) == ["10.0.0.0/21"]
    words = (folder / "aws.asked").read_text().splitlines()
    assert words[:4] == ["ec2", "describe-subnets", "--region", "eu-central-1"]
    assert words.count("ec2") == 1
    assert json.loads(words[-1]) == {"SubnetIds": ["subnet-1", "subnet-2"]}
    assert {"--cli-connect-timeout", "--cli-read-timeout", "--no-cli-pager"} <= set(words)


def test_a_refusal_of_aws_is_one_line(aws: Script) -> None:
    aws("echo >&2; echo 'An error occurred (AccessDenied) when calling it: no' >&2; exit 254")
    with pytest.raises(
        pytest.fail.Exception, match=r"^aws ec2 describe-subnets: An error .*AccessDenied.* no$"
    ):
        Cloud("eu-central-1").networks(["subnet-1"])
    assert "AccessDenied" in Cloud("eu-central-1").refusal("s3api", "delete-object")


def test_a_cli_that_hangs_or_is_missing_is_one_line(aws: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    aws("exec sleep 60")
    monkeypatch.setattr(asked_cloud, "DEADLINE", 0.2)
    with pytest.raises(pytest.fail.Exception, match=r"aws ec2 describe-volumes: .*timed out"):
        Cloud("eu-central-1").volumes(["vol-1"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match=r"aws ec2 describe-volumes: .*No such file"):
        Cloud("eu-central-1").volumes(["vol-1"])


ASK = """
import json, sys
sys.path.insert(0, {tree!r})
from tests.support.aws_contract import aws_contract
from tests.hosts.snapshot import Hosts
contract = aws_contract("prod")
hosts = Hosts(contract)
json.dump(hosts.ask("program", {{host.name: "question" for host in contract.hosts}}), sys.stdout)
hosts.close()
"""
#: Counts how many of it run at a time, and answers with its own arguments.
SSH = """#!{python}
import json, pathlib, sys, tempfile, time
running = pathlib.Path({folder!r}, "running")
running.mkdir(exist_ok=True)
with tempfile.NamedTemporaryFile(dir=running):
    count = len(list(running.iterdir()))
    time.sleep(1)
print(json.dumps([count, *sys.argv[1:]]))
"""


def test_hosts_are_reached_through_the_endpoint_and_not_too_many_at_once(tmp_path: Path) -> None:
    contract = aws_contract("prod")
    assert contract.access.proxy
    outputs = {"contract": contract.model_dump(mode="json")}
    (tmp_path / "outputs").write_text(json.dumps(outputs))
    for name, script in {
        "pulumi": f"#!/bin/sh\ncat {tmp_path}/outputs\n",
        "aws": "#!/bin/sh\necho aws-cli/2.31.5 Python/3.13.7\n",
        "ssh": SSH.format(python=sys.executable, folder=str(tmp_path)),
    }.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(tree=str(TREE))],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "ANSIBLE_CONFIG": str(TREE / "ansible" / "ansible.cfg"),
            "FLASHTIER_PULUMI": str(tmp_path),
            "FLASHTIER_STACK": "prod",
            "FLASHTIER_STATE": str(tmp_path / "state"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert set(answers) == {host.name for host in contract.hosts}
    for host in contract.hosts:
        count, *words = answers[host.name]
        assert count <= MOST_TUNNELS // 2, "half of them may still be ending"
        (proxy,) = [word for word in words if word.startswith("ProxyCommand=")]
        assert proxy.startswith("ProxyCommand=aws ec2-instance-connect open-tunnel ")
        assert f"--private-ip-address {host.address} " in proxy
        assert f"--instance-connect-endpoint-id {contract.access.proxy.endpoint_id} " in proxy
        assert host.address in words


def snapshots(**units: list[str]) -> dict[str, Snapshot]:
    """Hosts of one machine, by name, with the units that each has; no units: it does not answer."""
    return {
        name: Snapshot(
            name, {"identity": {"machine": "aarch64"}, "units": found} if found else {"error": "off"}
        )
        for name, found in units.items()
    }


def units(one: Snapshot) -> list[str]:
    return list(one["units"])


def test_what_all_hosts_of_an_image_have_is_accepted() -> None:
    image = Image(aws_contract(), snapshots(web1=["a", "b", "own"], db1=["a", "b", "c"], off=[]))
    assert image.completed("units", "web1", {"own"}, units) == {"own", "a", "b"}
    assert image.completed("units", "db1", set(), units, may={"c", "d"}) == {"a", "b", "c"}
    assert image.accepted == {"units": {"a", "b"}}


def test_one_host_that_answers_is_like_no_other() -> None:
    image = Image(aws_contract(), snapshots(web1=["a"], db1=[]))
    assert image.completed("units", "web1", set(), units) == set()


def test_a_host_alone_of_its_architecture_is_compared_with_all() -> None:
    hosts = snapshots(web1=["a", "b"], web2=["a", "b"])
    hosts["db1"] = Snapshot("db1", {"identity": {"machine": "x86_64"}, "units": ["a", "x"]})
    image = Image(aws_contract(), hosts)
    assert image.completed("units", "db1", set(), units) == {"a"}
    assert image.completed("units", "web1", set(), units) == {"a", "b"}


def test_of_the_kit_s_own_image_nothing_unlisted_is_accepted() -> None:
    contract = contract_of("unit", Environment.parse(local_environment()))
    image = Image(contract, snapshots(web1=["a"], web2=["a"]))
    assert image.completed("units", "web1", {"own"}, units, may={"a"}) == {"own"}
