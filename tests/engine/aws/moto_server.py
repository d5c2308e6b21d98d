"""Start moto on a free port of the loopback: `python moto_server.py`; the first line of its output is the
port.

moto answers GetConsoleOutput with a fixed text. Here it answers, as a simulation of what cloud-init of
Debian prints
at the first boot, a block of SSH host keys of the instance's own, made from its identity and of no use for
a login.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import sys
import threading
from pathlib import Path
from typing import Any

# Both are off by default; without them moto takes a type or an image that does not exist.
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
# In place of moto's own, which are more than a thousand and not of Debian.
os.environ["MOTO_AMIS_PATH"] = str(Path(__file__).with_name("images.json"))

from moto.ec2.models.instances import Instance
from moto.ec2.responses import general, monitoring
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


def host_key(instance: str) -> str:
    """The line `ssh-ed25519 ...` that the instance's console shows."""
    parts = (b"ssh-ed25519", hashlib.sha256(instance.encode()).digest())
    wire = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(wire).decode()}"


def console(instance: str) -> str:
    return (
        "[    0.000000] Linux version 6.12 (simulated by the tests of flashtier)\n"
        "-----BEGIN SSH HOST KEY KEYS-----\n"
        f"{host_key(instance)} root@{instance}\n"
        "-----END SSH HOST KEY KEYS-----\n"
        "[   12.000000] cloud-init[500]: Cloud-init finished\n"
    )


def _console_output(self: Any) -> Any:
    instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
    output = general.Base64EncodedString.from_raw_string(console(instance.id))
    return general.ActionResult({"InstanceId": instance.id, "Timestamp": general.utcnow(), "Output": output})


def _monitored(state: str) -> Any:
    """MonitorInstances and UnmonitorInstances, which moto has not."""

    def answer(self: Any) -> Any:
        found = self.ec2_backend.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        for instance in found:
            instance.monitoring_state = state
        states = [{"InstanceId": one.id, "Monitoring": {"State": state}} for one in found]
        return general.ActionResult({"InstanceMonitorings": states})

    return answer


def _terminate_and_free_the_address(terminate: Any) -> Any:
    """As EC2 does; moto keeps an address that was asked for, and another host cannot get it."""

    def freeing(self: Any) -> Any:
        addresses = {nic.private_ip_address: nic.subnet for nic in self.nics.values()}
        state = terminate(self)
        for address, subnet in addresses.items():
            subnet.del_subnet_ip(address)
        return state

    return freeing


def serve() -> None:
    Instance.terminate = _terminate_and_free_the_address(Instance.terminate)  # type: ignore[method-assign]
    monitoring.Monitoring.monitor_instances = _monitored("enabled")  # type: ignore[method-assign]
    monitoring.Monitoring.unmonitor_instances = _monitored("disabled")  # type: ignore[method-assign]
    for kind in vars(general).values():
        if isinstance(kind, type) and "get_console_output" in vars(kind):
            kind.get_console_output = _console_output
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    os.environ["MOTO_PORT"] = str(server.port)
    print(server.port, flush=True)
    parent = os.getppid()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Whoever started it may be killed; it does not stay.
    ended = threading.Event()
    while os.getppid() == parent:
        ended.wait(1)
    sys.stdout = None  # type: ignore[assignment]
    os._exit(0)


if __name__ == "__main__":
    serve()
