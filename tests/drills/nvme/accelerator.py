"""Choose QEMU's accelerator for the drill's machine: KVM where a trial boot succeeds, else TCG.

The existence of /dev/kvm proves nothing. In a virtual machine KVM may emulate the guest's kernel one
instruction at a time, and stops for good at an unknown one (observed with kvm_pvm: `shlx` where the kernel
unpacks itself, and past that `cmpxchg16b`, `xrstor`, `int3`). TCG is only slow.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.drills.nvme.image import Image
from tests.drills.nvme.machine import TCG, Machine, MachineDied

DEVICE = Path("/dev/kvm")
#: Seconds for a boot with KVM, which takes about twenty on a machine that has it.
TRIAL = 120


def accelerator(image: Image, folder: Path, say: Callable[[str], None]) -> str:
    """The value of QEMU's -accel: $ACCELERATOR, or the result of a trial boot in `folder`."""
    if named := os.environ.get("ACCELERATOR"):
        say(f"nvme: accelerator {named}, named by ACCELERATOR")
        return named
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        say(f"nvme: accelerator {TCG}: there is no {DEVICE} to use")
        return TCG
    trial = Machine(image, folder, "kvm")
    try:
        seconds = trial.start(TRIAL)
    except MachineDied as died:
        say(f"nvme: accelerator {TCG}: KVM was tried, {str(died).splitlines()[0]}")
        return TCG
    finally:
        trial.kill()
    say(f"nvme: accelerator kvm: a trial booted in {seconds:.0f} s")
    return "kvm"
