"""Takes the lock of procedures for the rest of this run of ansible-playbook, or says who holds it.

Arguments: `shown`, names of extra variables whose values the audit may have; `required`, whether a run
without etcd is refused; `in_maintenance`, whether it may run while a maintenance is declared. Nothing is done
on the task's own host. The password of etcd's account is read here, since `no_log` at the task would hide the
refusal.
"""

from __future__ import annotations

import getpass
import json
import os
import select
import shlex
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from infra import paths
from infra.aws.cli import CONNECT_S
from infra.contract import Contract
from infra.errors import FlashtierError
from infra.procedure.keeper import ANSWERS, RUNS
from infra.reach import ssh
from infra.stack.outputs import read_contract, read_secrets

#: Seconds to connect to a host; on AWS the connection has to be made by the AWS CLI first.
CONNECTS = 5.0
IDENTIFIER = "flashtier-procedure"
SECRET = "etcd_procedure_password"  # noqa: S105 - its name


class ActionModule(ActionBase):
    """Starts the keeper and waits for its first line; it goes on by itself until the playbook has ended."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """What became of the lock, in one line; a run that may not go on fails."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        asked = self._task.args
        name = "+".join(Path(path).stem for path in context.CLIARGS["args"])
        only_read = bool(variables.get("ansible_check_mode"))
        try:
            contract = read_contract(variables["contract"]["stack"])
            found = self._keeper(contract, name, asked, only_read)
        except (FlashtierError, OSError, ValueError) as error:
            raise AnsibleActionFail(
                f"{name}: the lock of procedures could not be asked for: {error}"
            ) from error
        whom = {"person": f"{person()}@{socket.gethostname()}"}
        return self._result(name, found, bool(asked["required"])) | whom

    def _keeper(
        self, contract: Contract, name: str, asked: dict[str, Any], only_read: bool
    ) -> dict[str, Any]:
        connects = float(CONNECTS if contract.access.proxy is None else CONNECT_S)
        members = [host for host in contract.hosts if "etcd" in host.components]
        port = contract.ports["etcd_client"]
        words = ("sudo", "-n", "python3", "-c", shlex.quote(RUNS))
        known_hosts = paths.known_hosts(contract.stack)
        own = os.getppid()
        pidfd = os.pidfd_open(own)
        if os.getppid() != own:
            raise OSError(f"ansible-playbook ({own}) has ended")
        given = {
            "pid": own,
            "pidfd": pidfd,
            "connect": connects,
            "hosts": {
                host.name: ssh.command(contract, host, known_hosts, words, connects) for host in members
            },
            "question": {
                "endpoints": [(host.address, port) for host in members],
                "user": "procedure",
                "password": password(contract.stack),
                "key": f"/flashtier/{contract.stack}/procedure",
                "value": {
                    "id": f"{socket.gethostname()} {own} {os.urandom(8).hex()}",
                    "procedure": name,
                    "holder": f"{person()}@{socket.gethostname()} pid {own}",
                    "since": datetime.now(UTC).isoformat(timespec="seconds"),
                },
                "arguments": shown(load_extra_vars(self._loader), asked["shown"]),
                "only_read": only_read,
                "maintenance": None
                if asked["in_maintenance"]
                else f"/flashtier/{contract.stack}/maintenance",
                "resumed": False,
            },
        }
        # Its own session: what ends the playbook's process group, such as Ctrl-C, does not end it.
        keeper = subprocess.Popen(
            [sys.executable, "-m", "infra.procedure.keeper"],
            cwd=paths.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[pidfd],
            start_new_session=True,
        )
        os.close(pidfd)
        _pipe(keeper.stdin).write(json.dumps(given).encode())
        _pipe(keeper.stdin).close()
        return first_line(keeper, len(members) * (connects + ANSWERS) + CONNECTS)

    def _result(self, name: str, found: dict[str, Any], required: bool) -> dict[str, Any]:
        state, why = found["state"], found.get("why", "")
        if state == "taken":
            audit = f"journalctl -t {IDENTIFIER} on {found['host']}"
            return {
                "changed": False,
                "msg": f"{name} holds the lock of procedures; its audit: {audit}",
                "audit": audit,
            }
        if state == "maintenance":
            return {"failed": True, "msg": f"{name}: {maintained(found['maintenance'])}"}
        if state == "refused":
            return {
                "failed": True,
                "msg": f"{name}: {held_by(found['holder'])}. Nothing was changed. Wait until that has"
                " ended, or end it there: the lock ends with it.",
            }
        if state == "held":
            return {"changed": False, "msg": f"{name}: {held_by(found['holder'])}: it would be refused now"}
        if state == "free":
            return {"changed": False, "msg": f"{name}: no procedure holds the lock"}
        if state == "held already":
            return {"changed": False, "msg": f"{name} holds the lock of procedures already"}
        if required:
            return {
                "failed": True,
                "msg": f"{name}: the lock of procedures cannot be had, since etcd does not give it: {why}."
                " Nothing was changed. `flashtier status` says how etcd is; ansible/site.yml makes its"
                " accounts.",
            }
        return {
            "changed": False,
            "msg": f"{name} goes on without the lock of procedures: etcd does not give it: {why}",
        }


def password(stack: str) -> str:
    """Raises `FlashtierError` where the stack was last brought up without one."""
    found = read_secrets(stack).get(SECRET)
    if found is None:
        raise FlashtierError(
            f"stack {stack}: has no secret {SECRET}; run `flashtier secrets -s {stack}`, `pulumi up"
            f" -s {stack}` and ansible/site.yml"
        )
    return found


def person() -> str:
    """Who started this, also by sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def held_by(holder: dict[str, Any]) -> str:
    """Who holds the lock, and since when."""
    return (
        f"{holder.get('procedure', 'a procedure')} holds the lock of procedures:"
        f" {holder.get('holder', 'its holder is unknown')}, since {holder.get('since', 'an unknown time')}"
    )


def maintained(found: dict[str, Any]) -> str:
    """Why a procedure does not begin while people work."""
    until = found.get("until", 0)
    end = datetime.fromtimestamp(float(until), UTC).isoformat(timespec="seconds")
    return (
        f"{found.get('owner', 'someone')} has declared a maintenance ({found.get('reason', 'no reason')})"
        f" until {end}, and Patroni decides nothing meanwhile. Nothing was changed. To end it:"
        " ansible-playbook ansible/playbooks/maintenance.yml -e end=now"
    )


def shown(given: dict[str, Any], names: list[str]) -> dict[str, str]:
    """Extra variables for the audit; of one that is not among `names` only that it was given."""
    return {name: str(value) if name in names else "(not shown)" for name, value in sorted(given.items())}


def first_line(keeper: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    """What the keeper says. Raises `OSError` where it says nothing in that time."""
    answer = _pipe(keeper.stdout)
    if not select.select([answer], [], [], seconds)[0]:
        keeper.kill()
        raise OSError(f"its keeper did not answer within {seconds:.0f} s")
    line = answer.readline()
    if not line:
        raise OSError(f"its keeper ended with {keeper.wait(5)}")
    found: dict[str, Any] = json.loads(line)
    return found


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise OSError("the keeper has no pipe")
    return stream
