"""The question -> what is wrong with the files, as JSON."""

import json
import os
import pathlib
import subprocess
import sys

from tests.daemons.inside import looks, servers, view


def answer(question):
    """Print a list for each host that was asked about: what is wrong with a file, a look.

    `question`: packages (of Debian, unpacked and not installed) and hosts, each with address (its own),
    absent (paths), folders (path -> [mode, owner]), files (path -> [mode, owner, text]) and looks ([path,
    look, talks, spoil]: an argv or a function's name; whether the command says something when all is well;
    what is appended to the file for that look alone).
    """
    try:
        view.begin(question["packages"])
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        sys.exit(f"{', '.join(question['packages'])} cannot be had from the host's archive: {error}")
    json.dump([alone(host) for host in question["hosts"]], sys.stdout)


def alone(host):
    """The looks of one host, in a process whose view ends with it."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        with os.fdopen(send, "w") as out:
            json.dump(faults(host), out)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as sent:
        told = sent.read()
    os.waitpid(child, 0)
    return json.loads(told)


def faults(host):
    """In the child: a fault a look, or the same for all where there is no view to look through."""
    try:
        view.enter(host["address"])
        view.lay(host["absent"], host["folders"], host["files"])
    except (OSError, RuntimeError, LookupError, subprocess.TimeoutExpired) as error:
        return [f"not looked at: {type(error).__name__}: {error}"] * len(host["looks"])
    told = {}
    return [seen(*look, told, host["files"]) for look in host["looks"]]


def seen(path, look, talks, spoil, told, files):
    """What is wrong with a file. `told`: what a server has said of all its good files at once."""
    file = pathlib.Path(path)
    text = file.read_text()
    try:
        if spoil:
            file.write_text(text + spoil)
            return asked(path, look, talks)
        said = told[str(look)] if str(look) in told else asked(path, look, talks)
        if hasattr(servers, str(look)):
            told[look] = said
        others = [other for other in files if other != path]
        lines = said.splitlines()  # what names another file is told of that one
        return "\n".join(line for line in lines if path in line or not any(one in line for one in others))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        file.write_text(text)


def asked(path, look, talks):
    if isinstance(look, list):
        return looks.command(path, look, talks)
    function = getattr(servers, look, None) or getattr(looks, look)
    return function(path)
