"""Calls one function on an emulated core that has memory and nothing else.

Unicorn runs in a process of its own, because of its licence and so that a crash of it is an error:
`python -m tinydeploy.emulate.bare ELF` is that process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from elftools.elf.elffile import ELFFile

from tinydeploy.errors import EmulationError, MissingDependencyError

CODE_ADDRESS, DATA_ADDRESS = 0x1000, 0x2000_0000
"""Where an ELF for this must have its code and constants, and its data."""

CORES = {
    "cortex-m0plus": "M0",
    "cortex-m3": "M3",
    "cortex-m4": "M4",
    "cortex-m7": "M7",
    "cortex-m33": "M33",
}
"""Unicorn's models of cores, by the compiler's names."""

_BYTES = 64 << 20  # of each memory
_RETURN = 0x100  # an address that nothing lies at
_ADVICE = "Install it: pip install 'tinydeploy[emulate]'."


def call_entry(elf: Path, *, core: str = "cortex-m4", timeout_s: float = 300.0) -> int:
    """Calls the entry function of an ELF.

    There is no start-up code: variables are those of the ELF, zeros else, no constructor has run.

    Args:
        elf: Linked to CODE_ADDRESS and DATA_ADDRESS.
        core: What executes it, one of CORES.
        timeout_s: Seconds until it counts as hanging.

    Returns:
        What the function returns, unsigned, 32 bits.

    Raises:
        MissingDependencyError: Unicorn is not installed.
        EmulationError: It faults, or does not return in time.
    """
    command = [sys.executable, "-m", "tinydeploy.emulate.bare", str(elf), CORES[core]]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise EmulationError(f"{elf.name} did not return within {timeout_s:.0f} s") from error
    if "No module named 'unicorn'" in done.stderr:
        raise MissingDependencyError("the emulated core needs the package unicorn", _ADVICE)
    if done.returncode:
        why = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EmulationError(f"{elf.name} fails on the emulated core: {why[-1]}")
    return int(done.stdout)


def _call(elf: Path, model: str) -> int:
    from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, Uc, arm_const

    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(getattr(arm_const, f"UC_CPU_ARM_CORTEX_{model}"))
    uc.mem_map(0, _BYTES)
    uc.mem_map(DATA_ADDRESS, _BYTES)
    with elf.open("rb") as stream:
        file = ELFFile(stream)
        for segment in file.iter_segments("PT_LOAD"):
            uc.mem_write(segment["p_vaddr"], segment.data())
        entry = file.header["e_entry"]
    uc.reg_write(arm_const.UC_ARM_REG_SP, DATA_ADDRESS + _BYTES)
    uc.reg_write(arm_const.UC_ARM_REG_LR, _RETURN | 1)
    uc.emu_start(entry | 1, _RETURN)
    return int(uc.reg_read(arm_const.UC_ARM_REG_R0))


if __name__ == "__main__":
    sys.stdout.write(f"{_call(Path(sys.argv[1]), sys.argv[2])}\n")
