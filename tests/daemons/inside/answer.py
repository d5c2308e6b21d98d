"""The question -> what is wrong with the files, as JSON."""

import json
import os
import pathlib
import subprocess
import sys

from tests.daemons.inside import commands, servers, view


def answer(question):
    """Print a list for each host in the question: the fault of each check.

    `question`: packages (of Debian, unpacked and not installed) and hosts, each with address (its own),
    absent (paths), folders (path -> [mode, owner]), files (path -> [mode, owner, text]) and checks ([path,
    command, talks, spoil]: an argv or a function's name; whether the command has output on success; what is
    appended to the file for that check alone).
    """
    try:
        view.begin(question["packages"])
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        sys.exit(f"{', '.join(question['packages'])} cannot be fetched from the host's archive: {error}")
    json.dump([alone(host) for host in question["hosts"]], sys.stdout)


def alone(host):
    """The checks of one host, in a process whose view ends with it."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        with os.fdopen(send, "w") as out:
            json.dump(faults(host), out)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as sent:
        text = sent.read()
    os.waitpid(child, 0)
    return json.loads(text)


def faults(host):
    """In the child: a fault per check, or the same for all where the view cannot be made."""
    try:
        view.enter(host["address"])
        view.lay(host["absent"], host["folders"], host["files"])
    except (OSError, RuntimeError, LookupError, subprocess.TimeoutExpired) as error:
        return [f"not checked: {type(error).__name__}: {error}"] * len(host["checks"])
    reports = {}
    return [fault(*check, reports, host["files"]) for check in host["checks"]]


def fault(path, command, talks, spoil, reports, files):
    """What is wrong with a file. `reports`: what a server has reported of all its good files at once."""
    file = pathlib.Path(path)
    text = file.read_text()
    try:
        if spoil:
            file.write_text(text + spoil)
            return run_check(path, command, talks)
        known = str(command) in reports
        said = reports[str(command)] if known else run_check(path, command, talks)
        if hasattr(servers, str(command)):
            reports[command] = said
        others = [other for other in files if other != path]
        lines = said.splitlines()  # a line that names another file is reported for that one
        return "\n".join(line for line in lines if path in line or not any(one in line for one in others))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        file.write_text(text)


def run_check(path, command, talks):
    if isinstance(command, list):
        return commands.execute(path, command, talks)
    function = getattr(servers, command, None) or getattr(commands, command)
    return function(path)
