"""Which bytes of its arenas, and which others, an inference in the emulated board writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import MismatchError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import Plan

_ADVICE = "This is a bug in tinydeploy's kernels or plan: please report it with the model."


class TouchedBytes:
    """Fills the arenas with noise before a run, and looks behind it what is left.

    The noise is another one for every run: what a run finds in its arenas must not matter, and a
    byte that once happens to be written as it was is found the next time.

    Args:
        emulated: The board; its free memory is guarded from now on.
        graph: The graph as built.
        plan: Its plan.
    """

    def __init__(self, emulated: EmulatedBoard, graph: Graph, plan: Plan) -> None:
        self._emulated, self._plan = emulated, plan
        self._starts = {
            arena.memory: emulated.image.symbols[f"{graph.name}_arena_{arena.memory}"]
            for arena in plan.arenas
        }
        self._noise: dict[str, NDArray[np.uint8]] = {}
        self._random = np.random.default_rng(0xA5)
        self.highest = dict.fromkeys(self._starts, 0)
        emulated.guard_memory()

    def begin_run(self) -> None:
        """Fills the arenas, before the inputs are written."""
        for arena in self._plan.arenas:
            noise = self._random.integers(0, 256, arena.size, np.uint8)
            self._emulated.write_memory(self._starts[arena.memory], noise.tobytes())
            self._noise[arena.memory] = noise

    def end_run(self) -> None:
        """Finds the highest byte, plus one, that is not what it was."""
        for arena in self._plan.arenas:
            found = self._emulated.read_memory(self._starts[arena.memory], arena.size)
            changed = np.frombuffer(found, np.uint8) != self._noise[arena.memory]
            last = int(np.flatnonzero(changed)[-1]) + 1 if changed.any() else 0
            self.highest[arena.memory] = max(self.highest[arena.memory], last)

    def check(self) -> None:
        """Compares what was touched with the plan.

        Raises:
            MismatchError: The firmware wrote outside of what it has, or the plan reserves more at
                the end of an arena than a row of its largest tensor.
        """
        address = self._emulated.broken_guard()
        if address is not None:
            raise MismatchError(
                f"the firmware wrote at {address:#010x}, where its image has nothing", _ADVICE
            )
        address = self._emulated.stray_write()
        if address is not None:
            raise MismatchError(
                f"inference changed the byte at {address:#010x}, which is not the model's", _ADVICE
            )
        for arena in self._plan.arenas:
            highest, slack = self.highest[arena.memory], _allowed_slack(self._plan)
            if arena.size - highest > slack:
                raise MismatchError(
                    f"the arena in {arena.memory} is planned with {arena.size:,} bytes, and "
                    f"inference writes the first {highest:,} alone: at most {slack:,} may be spare",
                    _ADVICE,
                )


def _allowed_slack(plan: Plan) -> int:
    """Bytes of a row of the largest tensor, in whole words: what lies in arenas begins at those.

    Of a detector's candidates there may be few.
    """
    largest = max(plan.rows.values(), key=lambda rows: rows.height * rows.row_bytes)
    row = -(-largest.row_bytes // 4) * 4
    return row if plan.detection is None else max(row, plan.detection.size)
