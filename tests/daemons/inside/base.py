"""Used by every module: commands with a deadline, and a clean environment for them."""

import subprocess

#: Seconds for one command.
DEADLINE = 60
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"}


def run(*command, **options):
    """A completed command, with both of its outputs as one text."""
    options = {"text": True, "timeout": DEADLINE, "env": CLEAN, "check": False} | options
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )


def must(*command, **options):
    """The output of a command; raises `RuntimeError` where it fails."""
    done = run(*command, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])}: rc {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def stop(server):
    """End a process that was started."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
