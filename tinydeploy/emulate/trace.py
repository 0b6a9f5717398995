"""Follows a model's run: which layer runs when, its instructions, what its rows hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import Uc
from unicorn import arm_const as uc_arm

from tinydeploy.emulate.counter import Counter
from tinydeploy.emulate.gaps import Range
from tinydeploy.emulate.memories import Memories

# layer, first, last, instructions
EVENT = np.dtype(
    [
        ("layer", "<i4"),
        ("first", "<i4"),
        ("last", "<i4"),
        ("reserved", "<i4"),
        ("instructions", "<u8"),
    ]
)
# executions and taken branches of one block within one layer
SHARE = np.dtype(
    [
        ("layer", "<i4"),
        ("address", "<u4"),
        ("size", "<u4"),
        ("instructions", "<u4"),
        ("executions", "<u8"),
        ("taken", "<u8"),
    ]
)


class ModelTrace:
    """Watches the entries of a model's functions.

    A function that runs the model returns how many further calls the inference takes, 0 in the end;
    all those calls are one run.

    Args:
        uc: The processor.
        counter: Its instruction counter.
        memories: Where rows are captured.
        runs: Entry addresses of the functions that run the model.
        begins: Entry addresses of those that give up a run that is not complete.
        layers: Entry address -> layer number.
        stack_limit: Lowest address that the stack may use; None where the image does not tell.
        foreign: Addresses [begin, end) of variables that a run must not change.
    """

    def __init__(
        self,
        uc: Uc,
        counter: Counter,
        memories: Memories,
        runs: frozenset[int],
        begins: frozenset[int],
        layers: Mapping[int, int],
        stack_limit: int | None,
        foreign: Sequence[Range],
    ) -> None:
        self._uc, self._counter, self._memories = uc, counter, memories
        self._runs, self._begins = runs, begins
        self._layers, self._stack_limit = layers, stack_limit
        self._rows: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        self._running: list[tuple[int, int, int, int]] = []
        self._events: list[tuple[int, int, int, int]] = []  # of the last complete run
        self._captured: dict[int, bytes] = {}
        self._return_to: int | None = None
        # Instructions and blocks so far, where the next call belongs to the run of the last one.
        self._pause: tuple[int, npt.NDArray[np.int64]] | None = None
        self._start = 0
        self._current = (-1, 0, 0)
        self._shares: dict[int, npt.NDArray[np.int64]] = {}
        self._running_shares: dict[int, npt.NDArray[np.int64]] = {}
        self._counts = np.zeros((0, 2), np.int64)
        self._stack = StackMark(memories)
        self._foreign, self._variables = foreign, [b""] * len(foreign)
        self.stray: int | None = None  # the first byte of those that a run changed
        self._entered = self._longest = self._deepest = 0  # of the calls of one run
        self.stack_high_water = self.longest_call = 0
        self.runs = 0
        for address in (*runs, *begins, *layers):
            counter.set_watch(address, True)

    def close(self) -> None:
        """Stops watching."""
        for address in (
            *self._runs,
            *self._begins,
            *self._layers,
            *([self._return_to] if self._return_to else []),
        ):
            self._counter.set_watch(address, False)

    def capture(self, rows: Mapping[tuple[int, int], list[tuple[int, int, int]]]) -> None:
        """Sets which memory to read when which row is complete.

        Args:
            rows: (layer, row) -> pieces of (address, bytes, key).
        """
        self._rows = dict(rows)
        self._captured = {}

    def on_watch(self, address: int) -> None:
        """A watched block is about to run; what ran before it is counted already."""
        if self._return_to is None:
            if address in self._runs:
                self._begin()
            elif address in self._begins:
                self._pause = None
            return
        if address == self._return_to:
            self._finish()
        elif address in self._layers:
            if self._current[0] >= 0:
                self._end_event()
            read = self._uc.reg_read
            first, last = (_signed(read(r)) for r in (uc_arm.UC_ARM_REG_R0, uc_arm.UC_ARM_REG_R1))
            self._current = (self._layers[address], first, last)

    def events(self) -> npt.NDArray[Any]:
        """Events of the last complete run (dtype EVENT)."""
        table = np.zeros(len(self._events), EVENT)
        for row, (layer, first, last, count) in zip(table, self._events, strict=True):
            row["layer"], row["first"], row["last"], row["instructions"] = layer, first, last, count
        return table

    def shares(self) -> npt.NDArray[Any]:
        """Blocks executed in the last complete run, by layer (dtype SHARE)."""
        blocks = self._counter.snapshot()
        tables = []
        for layer, counts in self._shares.items():
            used = np.flatnonzero(counts[:, 0])
            table = np.zeros(len(used), SHARE)
            table["layer"] = layer
            for name in ("address", "size", "instructions"):
                table[name] = blocks[name][used]
            table["executions"], table["taken"] = counts[used, 0], counts[used, 1]
            tables.append(table)
        return np.concatenate(tables) if tables else np.zeros(0, SHARE)

    def captured(self) -> dict[int, bytes]:
        """Captured pieces by key; a row that was made twice shows its last content."""
        return self._captured

    def _begin(self) -> None:
        self._return_to = self._uc.reg_read(uc_arm.UC_ARM_REG_LR) & ~1
        self._counter.set_watch(self._return_to, True)
        self._variables = self._read_foreign()
        total, now = self._counter.total, self._count_blocks()
        if self._pause is None:
            self._running, self._running_shares, self._deepest, self._longest = [], {}, 0, 0
            self._start, self._counts = total, now
        else:
            # What ran since the last event belongs to the next one, without what ran in between.
            self._start += total - self._pause[0]
            now[: len(self._pause[1])] -= self._pause[1]
            now[: len(self._counts)] += self._counts
            self._counts = now
        self._current, self._entered = (-1, 0, 0), total
        if self._stack_limit is not None:
            self._stack.begin(self._stack_limit, self._uc.reg_read(uc_arm.UC_ARM_REG_SP))

    def _end_event(self) -> None:
        """The current layer's event is over: what it made is complete."""
        layer, first, last = self._current
        total = self._counter.total
        self._running.append((layer, first, last, total - self._start))
        self._start = total
        for row in range(first, last) if self._rows else ():
            for address, size, key in self._rows.get((layer, row), ()):
                self._captured[key] = self._memories.read(address, size) or b""
        now = self._count_blocks()
        share = now.copy()
        share[: len(self._counts)] -= self._counts
        earlier = self._running_shares.get(layer)
        if earlier is not None:
            share[: len(earlier)] += earlier
        self._running_shares[layer], self._counts = share, now

    def _finish(self) -> None:
        continues = _signed(self._uc.reg_read(uc_arm.UC_ARM_REG_R0)) > 0
        if self._current[0] >= 0 or (not continues and self._counter.total != self._start):
            self._end_event()
        assert self._return_to is not None
        if self._return_to not in (*self._layers, *self._runs, *self._begins):
            self._counter.set_watch(self._return_to, False)
        self._return_to = None
        self._longest = max(self._longest, self._counter.total - self._entered)
        self._find_stray()
        if self._stack_limit is not None:
            self._deepest = max(self._deepest, self._stack.end())
        self._pause = (self._counter.total, self._count_blocks()) if continues else None
        if continues:
            return
        self._events, self._shares = self._running, self._running_shares
        self.stack_high_water, self.longest_call = self._deepest, self._longest
        self.runs += 1

    def _read_foreign(self) -> list[bytes]:
        return [self._memories.read(begin, end - begin) or b"" for begin, end in self._foreign]

    def _find_stray(self) -> None:
        now = self._read_foreign()
        for (begin, _), old, new in zip(self._foreign, self._variables, now, strict=True):
            if old != new and self.stray is None:
                pairs = zip(old, new, strict=True)
                self.stray = begin + next(n for n, (a, b) in enumerate(pairs) if a != b)

    def _count_blocks(self) -> npt.NDArray[np.int64]:
        table = self._counter.snapshot()
        return np.stack([table["executions"], table["taken"]], axis=1).astype(np.int64)


class StackMark:
    """Measures a run's stack: marks what lies below sp, looks what changed, restores the rest."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._before = self._mark = b""
        self._limit = self._sp = 0

    def begin(self, limit: int, sp: int) -> None:
        """Marks [limit, sp)."""
        self._limit, self._sp = limit, sp
        self._before = self._memories.read(limit, max(sp - limit, 0)) or b""
        # Never the byte that was there, so that every byte changes; arbitrary, so that no write
        # repeats it by habit.
        noise = np.random.default_rng(sp).integers(1, 256, len(self._before), np.uint8)
        self._mark = (np.frombuffer(self._before, np.uint8) ^ noise).tobytes()
        self._memories.write(limit, self._mark)

    def end(self) -> int:
        """Bytes of stack that were written below sp; unwritten bytes get their old values back."""
        now = self._memories.read(self._limit, len(self._before)) or b""
        old, mark = np.frombuffer(now, np.uint8), np.frombuffer(self._mark, np.uint8)
        written = np.flatnonzero(old != mark)
        restored = np.where(old != mark, old, np.frombuffer(self._before, np.uint8))
        self._memories.write(self._limit, restored.tobytes())
        return len(now) - int(written[0]) if len(written) else 0


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word
