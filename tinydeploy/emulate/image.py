"""What an ELF file says: bytes to flash, symbols, functions, source lines."""

from __future__ import annotations

import bisect
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinydeploy.errors import InputFileError


@dataclass(frozen=True, order=True)
class Function:
    """A function's address without the Thumb bit, size in bytes, name, and file if it is local."""

    address: int
    size: int
    name: str
    file: str = ""


@dataclass(frozen=True, order=True)
class Variable:
    """A variable's address and size in bytes, its name, and its source file if that is local."""

    address: int
    size: int
    name: str
    file: str


class Image:
    """A linked firmware image.

    Args:
        path: The ELF file; None for erased flash.

    Attributes:
        segments: What to flash, as (address, bytes).
        symbols: Addresses by name.
        functions: By address.
        variables: By address.
        used: Addresses [begin, end) of everything that has a place while it runs.

    Raises:
        InputFileError: The file cannot be read or is not a 32-bit Arm executable.
    """

    def __init__(self, path: Path | None) -> None:
        self.segments: tuple[tuple[int, bytes], ...] = ()
        self.symbols: dict[str, int] = {}
        self.functions: tuple[Function, ...] = ()
        self.variables: tuple[Variable, ...] = ()
        self.used: tuple[tuple[int, int], ...] = ()
        self._loaded: tuple[tuple[int, bytes], ...] = ()
        self._starts: list[int] = []
        self._elf: ELFFile | None = None
        if path is not None:
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            self._elf = ELFFile(io.BytesIO(path.read_bytes()))
            if self._elf["e_machine"] != "EM_ARM" or self._elf["e_type"] != "ET_EXEC":
                raise InputFileError(f"{path} is not an executable for Arm")
            loads = [
                (int(segment["p_paddr"]), int(segment["p_vaddr"]), bytes(segment.data()))
                for segment in self._elf.iter_segments()
                if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]
            ]
            self.segments = tuple((load, data) for load, _, data in loads)
            self._loaded = tuple((run, data) for _, run, data in loads)
            table: Any = self._elf.get_section_by_name(".symtab")
            symbols = list(table.iter_symbols()) if table else []
        except OSError as error:
            raise InputFileError(f"cannot read {path}: {error}") from error
        except (ELFError, ValueError, KeyError, UnicodeDecodeError) as error:
            raise InputFileError(f"{path} is not a valid ELF file: {error}") from error
        self.symbols = {symbol.name: int(symbol["st_value"]) for symbol in symbols if symbol.name}
        self.functions = tuple(
            sorted(
                Function(int(s["st_value"]) & ~1, int(s["st_size"]), s.name, file)
                for s, file in _list_symbols(symbols, "STT_FUNC")
            )
        )
        self.variables = tuple(
            sorted(
                Variable(int(s["st_value"]), int(s["st_size"]), s.name, file)
                for s, file in _list_symbols(symbols, "STT_OBJECT")
            )
        )
        self.used = tuple(
            (int(section["sh_addr"]), int(section["sh_addr"]) + int(section["sh_size"]))
            for section in self._elf.iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
        )
        self._starts = [function.address for function in self.functions]

    def function_at(self, address: int) -> Function | None:
        """The function that the address lies in, if any."""
        at = bisect.bisect_right(self._starts, address) - 1
        # Aliases share an address; any of them that is long enough will do.
        while at >= 0:
            function = self.functions[at]
            if address < function.address + function.size:
                return function
            if function.size:
                return None
            at -= 1
        return None

    def code_at(self, address: int, size: int) -> bytes:
        """The image's bytes at an address where it runs; empty where it has none."""
        for start, data in self._loaded:
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        return b""

    def describe(self, address: int) -> str:
        """The function and source line of an address, e.g. "main (app/main.c:12)"."""
        function = self.function_at(address)
        name = function.name if function else "no function"
        line = self._line_at(address)
        return f"{name} ({line})" if line else name

    def _line_at(self, address: int) -> str:
        at = bisect.bisect_right(self._lines, (address, 1 << 40, "")) - 1
        if at < 0:
            return ""
        _, line, file = self._lines[at]
        return f"{file}:{line}" if line else ""

    @cached_property
    def _lines(self) -> list[tuple[int, int, str]]:
        """Sorted (address, line, file); line 0 where a sequence ends."""
        rows: list[tuple[int, int, str]] = []
        try:
            if self._elf is None or not self._elf.has_dwarf_info():
                return rows
            info = self._elf.get_dwarf_info()
            for unit in info.iter_CUs():
                program = info.line_program_for_CU(unit)
                if program is not None:
                    rows += _line_rows(program)
        except (ELFError, KeyError, IndexError, ValueError, TypeError, AttributeError):
            # Line numbers are a convenience: damaged debug information must not hide the fault
            # itself.
            return []
        return sorted(rows)


def _list_symbols(symbols: Iterable[Any], kind: str) -> Iterator[tuple[Any, str]]:
    """The symbols of a kind, each with its source file if it is local.

    A file's local symbols stand behind its name, global ones behind all files.
    """
    file = ""
    for symbol in symbols:
        if symbol["st_info"]["type"] == "STT_FILE":
            file = symbol.name
        elif symbol["st_info"]["type"] == kind:
            yield symbol, file if symbol["st_info"]["bind"] == "STB_LOCAL" else ""


def _line_rows(program: Any) -> list[tuple[int, int, str]]:
    files = program["file_entry"]
    base = 0 if program["version"] >= 5 else 1
    rows = []
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        number = state.file - base
        name = files[number].name.decode(errors="replace") if 0 <= number < len(files) else "?"
        rows.append((int(state.address), 0 if state.end_sequence else int(state.line), name))
    return rows
