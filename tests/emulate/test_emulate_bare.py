"""A core with nothing but memory: what its function returns, and what goes wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tinydeploy.emulate.bare import CODE_ADDRESS, CORES, DATA_ADDRESS, call_entry
from tinydeploy.errors import EmulationError

pytest.importorskip("unicorn", reason="the emulator is not installed")
COMPILER = "arm-none-eabi-gcc"
PLACES = (f"-Wl,-Ttext={CODE_ADDRESS:#x}", f"-Wl,-Tdata={DATA_ADDRESS:#x}", "-Wl,-e,entry")


def link(folder: Path, text: str, core: str = "cortex-m4") -> Path:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed")
    (folder / "entry.c").write_text(text)
    flags = (f"-mcpu={core}", "-mthumb", "-O1", "-nostdlib")
    subprocess.run([COMPILER, *flags, *PLACES, "entry.c", "-o", "entry"], cwd=folder, check=True)
    return folder / "entry"


@pytest.mark.parametrize("core", CORES)
def test_returns_what_the_function_returns(tmp_path: Path, core: str) -> None:
    """Variables have their values, and their zeros."""
    text = (
        "unsigned kept = 0x80000001u, zero[1000]; unsigned entry(void) { return kept - zero[9]; }"
    )
    assert call_entry(link(tmp_path, text, core), core=core) == 0x80000001


def test_a_fault(tmp_path: Path) -> None:
    text = "int entry(void) { return *(volatile int *)0xDEADBEE0; }"
    with pytest.raises(EmulationError, match=r"entry fails on the emulated core: .*[Ii]nvalid"):
        call_entry(link(tmp_path, text))


def test_an_endless_loop(tmp_path: Path) -> None:
    text = "void entry(void) { for (;;) {} }"
    with pytest.raises(EmulationError, match="entry did not return within 3 s"):
        call_entry(link(tmp_path, text), timeout_s=3)
