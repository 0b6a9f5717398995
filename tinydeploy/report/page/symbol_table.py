"""What takes flash and RAM, symbol by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.report.build_report import SymbolFacts
from tinydeploy.report.page.words import make_printable, show_count, show_share

_LARGEST = 16
_IN_FLASH = ("weights", "code", "constants")


@dataclass(frozen=True)
class SymbolRow:
    """A symbol, or the rest of them; `percent` of the largest, `short` without the net's name."""

    name: str
    short: str
    kind: str
    memory: str
    size: int
    shown: str
    share: str
    percent: float


@dataclass(frozen=True)
class SymbolTable:
    """Symbols of a kind of memory.

    Args:
        title: Of flash, or of RAM.
        total: Bytes in all, gaps included.
        largest: The largest ones.
        rest: All others together.
        all: Every one; empty where `largest` has them all.
    """

    title: str
    total: str
    largest: tuple[SymbolRow, ...]
    rest: SymbolRow | None
    all: tuple[SymbolRow, ...]


def view_symbols(
    symbols: Sequence[SymbolFacts], model: str, *, flash: int, ram: int, stack: int
) -> tuple[SymbolTable, SymbolTable]:
    """The tables of flash and of RAM.

    Args:
        symbols: Of the firmware.
        model: Its name, which is the prefix of the net's symbols.
        flash: Bytes in all.
        ram: Bytes in all.
        stack: Bytes that are reserved for it.
    """
    in_flash = [symbol for symbol in symbols if symbol.kind in _IN_FLASH]
    in_ram = [symbol for symbol in symbols if symbol.kind not in _IN_FLASH]
    in_ram.append(SymbolFacts("reserved for the stack", "stack", "", stack))
    in_ram.sort(key=lambda symbol: -symbol.bytes)
    prefix = f"{model}_"
    return _table("Flash", in_flash, flash, prefix), _table("RAM", in_ram, ram, prefix)


def _table(title: str, symbols: list[SymbolFacts], total: int, prefix: str) -> SymbolTable:
    most = max((symbol.bytes for symbol in symbols), default=1) or 1
    rows = tuple(_row(symbol, symbol.name.removeprefix(prefix), total, most) for symbol in symbols)
    left = total - sum(symbol.bytes for symbol in symbols[:_LARGEST])
    count = len(symbols) - _LARGEST
    what = f"{count} smaller ones and alignment" if count > 0 else "alignment"
    return SymbolTable(
        title,
        show_count(total),
        rows[:_LARGEST],
        _row(SymbolFacts(what, "other", "", left), what, total, most) if left > 0 else None,
        rows if count > 0 else (),
    )


def _row(symbol: SymbolFacts, short: str, total: int, most: int) -> SymbolRow:
    return SymbolRow(
        make_printable(symbol.name),
        make_printable(short),
        symbol.kind,
        symbol.memory,
        symbol.bytes,
        show_count(symbol.bytes),
        show_share(symbol.bytes, total),
        round(min(100.0, 100 * symbol.bytes / most), 1),
    )
