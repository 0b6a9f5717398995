"""Proves a plan by replaying it on the bytes of the arena; shares no code with the planner.

Every byte of every stored tensor has a number of its own. The replay writes these numbers into
arrays as large as the arenas: where a step reads, exactly the numbers of the rows it needs must be
found, before its outputs and its scratch are written and after. Two tensors related by a renaming
op have the same numbers, because they hold the same bytes.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.plan.calls import call_rows, made_rows, read_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.overlay import find_overlays
from tinydeploy.plan.plan import FEED, Plan, Rows, Step, input_buffer

_NEVER_WRITTEN = -1
_SCRATCH = -2  # that of op 0; that of op n is n less


def check_plan(graph: Graph, plan: Plan, board: Board | None) -> None:
    """Replays every step of a plan.

    Checked: every stored tensor has a place of its shape, inputs and outputs without gaps;
    everything lies in its arena, every arena in its memory; no step reads what was never written
    or has been overwritten; no step's output or scratch overlaps with what it reads or with one
    another; every op makes its rows in their order, each once; the outputs are whole at the end,
    also where a detector's boxes are then read from them. An input of the host's own buffer is
    never written; one that is pushed row by row comes in order, and no row is read before it came.

    Args:
        graph: The graph.
        plan: Its plan.
        board: The board that it was planned for; None for a plan for the host.

    Raises:
        InternalError: One of these does not hold; the message says which, where and when.
    """
    _Replay(graph, plan, board).run()


class _Replay:
    def __init__(self, graph: Graph, plan: Plan, board: Board | None) -> None:
        self.graph, self.plan, self.board = graph, plan, board
        self.arenas = {
            arena.memory: np.full(arena.size, _NEVER_WRITTEN, np.int64) for arena in plan.arenas
        }
        self.buffers: dict[str, NDArray[np.int64]] = {}  # the host's own, by their names
        self.first_number: dict[int, int] = {}
        self.made: dict[int, NDArray[np.int64]] = {}
        self.reached: dict[int, int] = {}
        self.pushed = 0
        self.moment = "before the first step"

    def run(self) -> None:
        self.check_arenas()
        self.number_tensors()
        for tensor in self.graph.stored:
            self.check_place(tensor)
        self.give_inputs()
        for number, step in enumerate(self.plan.steps):
            self.moment = f"step {number}"
            self.do_step(step)
        self.moment = "at the end"
        self.read_outputs()
        if self.graph.detector is not None:
            self.moment = "while boxes are read from the outputs"
            self.use_detection_scratch(self.graph.detector.scratch_bytes)
            self.read_outputs()
        for tensor, made in self.made.items():
            for y in np.flatnonzero(made != 1):
                self.fail(f"row {y} of tensor {tensor} was made {made[y]} times")

    def give_inputs(self) -> None:
        """The host writes all inputs into the arena, or shows its own buffers; or it waits."""
        if self.plan.input_form == "rows":
            if len(self.graph.inputs) != 1:
                self.fail("rows are pushed into several inputs")
            return
        if self.plan.input_form == "kept":
            for number, tensor in enumerate(self.graph.inputs):
                if self.plan.rows[tensor].memory in self.arenas:
                    self.fail(f"input {number} is kept and lies in an arena")
                size = self.graph.tensors[tensor].size_bytes
                self.buffers[input_buffer(number)] = np.full(size, _NEVER_WRITTEN, np.int64)
        for tensor in dict.fromkeys(self.graph.inputs):
            self.write(tensor, 0, self.plan.rows[tensor].height)
        for buffer in self.buffers.values():
            buffer.flags.writeable = False
        for tensor in self.graph.inputs:
            self.read(tensor, 0, self.plan.rows[tensor].height)

    def check_arenas(self) -> None:
        """Arenas have memories of their own that may hold them and are large enough."""
        if len(self.arenas) != len(self.plan.arenas):
            self.fail("two arenas in one memory")
        if self.board is None:
            return
        usable = {
            memory.name: memory.size for memory in self.board.memories if "arena" in memory.use
        }
        for name, arena in self.arenas.items():
            if name not in usable:
                self.fail(f"memory {name} is not one that may hold an arena")
            if len(arena) > usable[name]:
                self.fail(f"the arena of {len(arena)} bytes is larger than memory {name}")

    def number_tensors(self) -> None:
        """Gives numbers to the bytes of every stored tensor; a renamed one has its source's."""
        sources = {op.outputs[0]: op.inputs[0] for op in self.graph.ops if op.builtin == "RESHAPE"}
        total = 0
        for tensor in self.graph.stored:
            if tensor in sources:
                sizes = {self.graph.tensors[t].size_bytes for t in (tensor, sources[tensor])}
                if len(sizes) != 1:
                    self.fail(f"tensor {tensor} is renamed from one of another size")
                self.first_number[tensor] = self.first_number[sources[tensor]]
                continue
            self.first_number[tensor] = total
            total += self.graph.tensors[tensor].size_bytes
            self.made[tensor] = np.zeros(self.graph.tensors[tensor].rows[0], np.int64)

    def check_place(self, tensor: int) -> None:
        """The place has the tensor's rows; a table names each; the host's tensors have no gaps."""
        if tensor not in self.plan.rows:
            self.fail(f"tensor {tensor} has no place")
        rows = self.plan.rows[tensor]
        height, row_bytes = self.graph.tensors[tensor].rows[0], self.graph.tensors[tensor].row_bytes
        if (rows.tensor, rows.height, rows.row_bytes) != (tensor, height, row_bytes):
            self.fail(f"the place of tensor {tensor} is not of its shape: {rows}")
        if rows.table is not None and (
            len(rows.table) != height or any(offset % 4 for offset in rows.table)
        ):
            self.fail(f"the row table of tensor {tensor} has a wrong length or an odd offset")
        inputs = () if self.plan.input_form == "rows" else self.graph.inputs
        if tensor in (*inputs, *self.graph.outputs) and (
            rows.table is not None
            or (height > 1 and rows.pitch != rows.row_bytes)
            or rows.offset % 4
        ):
            self.fail(
                f"tensor {tensor} is the host's and does not lie in one aligned piece: {rows}"
            )

    def do_step(self, step: Step) -> None:
        """Reads, then writes scratch and outputs, then finds all three as they should be."""
        if step.op == FEED:
            self.push_rows(step)
            return
        if not 0 <= step.op < len(self.graph.ops):
            self.fail(f"there is no op {step.op}")
        op = self.graph.ops[step.op]
        if op.builtin == "RESHAPE":
            self.fail(f"op {step.op} makes tensor {op.outputs[0]}, which is only another name")
        if step.op not in self.plan.kernels:
            self.fail(f"op {step.op} has no kernel")
        self.read_inputs(op, step)
        scratch = self.scratch_of(step.op)
        kernel = self.plan.kernels[step.op]
        if not 0 <= step.first < step.last <= call_rows(self.graph, op, kernel):
            self.fail(f"op {step.op} has no rows [{step.first}, {step.last})")
        first, last = made_rows(self.graph, op, kernel, step.first, step.last)
        # The generated schedule names no first rows: each layer goes on with the next.
        if step.first != self.reached.get(step.op, 0):
            self.fail(f"op {step.op} does not go on where it stopped")
        self.reached[step.op] = step.last
        if kernel.accumulates and step.first and np.any(scratch != _SCRATCH - step.op):
            self.fail(f"the sums of op {step.op} were overwritten")
        scratch[:] = _SCRATCH - step.op
        for tensor in op.outputs:
            self.write(tensor, first, last)
        for tensor in op.outputs:
            self.read(tensor, first, last)
        if np.any(scratch != _SCRATCH - step.op):
            self.fail(f"the scratch of op {step.op} overlaps with its output")
        self.read_inputs(op, step, after=True)

    def push_rows(self, step: Step) -> None:
        """The host's next rows are written where they belong, the first of them first."""
        if self.plan.input_form != "rows":
            self.fail("rows of the input are pushed, and it is not given so")
        tensor = self.graph.inputs[0]
        if not self.pushed == step.first < step.last <= self.plan.rows[tensor].height:
            self.fail(f"rows [{step.first}, {step.last}) of the input are pushed out of turn")
        self.pushed = step.last
        self.write(tensor, step.first, step.last)
        self.read(tensor, step.first, step.last)

    def read_inputs(self, op: Op, step: Step, *, after: bool = False) -> None:
        """All rows that the step reads are there; afterwards those that gave way are not."""
        kernel = self.plan.kernels[step.op]
        for which, tensor in enumerate(op.inputs):
            first, last = read_rows(self.graph, op, kernel, which, step.first, step.last)
            gave_way = self.rows_that_give_way(op, kernel, tensor, step) if after else set()
            for y in range(first, last):
                if y not in gave_way:
                    self.read(tensor, y, y + 1)

    def rows_that_give_way(self, op: Op, kernel: Kernel, tensor: int, step: Step) -> set[int]:
        """Rows of an input in whose very place the kernel may, and does, put rows of its output."""
        rows = self.plan.rows[tensor]
        found: set[int] = set()
        for overlay in find_overlays(self.graph, op, kernel):
            if overlay.tensor != tensor:
                continue
            output = self.plan.rows[op.outputs[0]]
            found |= {
                y - overlay.shift
                for y in range(max(step.first, overlay.shift), step.last)
                if output.memory == rows.memory
                and output.row_offset(y) == rows.row_offset(y - overlay.shift)
            }
        return found

    def read_outputs(self) -> None:
        for tensor in self.graph.outputs:
            self.read(tensor, 0, self.plan.rows[tensor].height)

    def use_detection_scratch(self, needed: int) -> None:
        """The scratch for reading boxes is large enough and lies in an arena; all of it changes."""
        place = self.plan.detection
        if place is None or place.size < needed or place.offset % 4:
            self.fail(f"boxes need {needed} bytes of aligned scratch, not {place}")
        scratch = self.piece(place.memory, place.offset, place.size, "the scratch for boxes")
        if not scratch.flags.writeable:
            self.fail(f"the scratch for boxes lies in {place.memory}")
        scratch[:] = _NEVER_WRITTEN

    def scratch_of(self, position: int) -> NDArray[np.int64]:
        """The op's scratch, which is large enough and lies in its arena."""
        needed = self.plan.kernels[position].scratch_bytes
        place = self.plan.scratch.get(position)
        if place is None:
            if needed:
                self.fail(f"op {position} has no scratch and needs {needed} bytes")
            return np.empty(0, np.int64)
        if place.size < needed or place.offset % 4:
            self.fail(f"op {position} needs {needed} bytes of aligned scratch, not {place}")
        scratch = self.piece(
            place.memory, place.offset, place.size, f"the scratch of op {position}"
        )
        if not scratch.flags.writeable:
            self.fail(f"the scratch of op {position} lies in {place.memory}")
        return scratch

    def write(self, tensor: int, first: int, last: int) -> None:
        if tensor not in self.made:
            self.fail(f"a step makes tensor {tensor}, which is only another name")
        self.made[tensor][first:last] += 1
        for y in range(first, last):
            row = self.row(self.plan.rows[tensor], y)
            if not row.flags.writeable:
                self.fail(f"tensor {tensor} is written into {self.plan.rows[tensor].memory}")
            row[:] = self.numbers(tensor, y)

    def read(self, tensor: int, first: int, last: int) -> None:
        for y in range(first, last):
            found = self.row(self.plan.rows[tensor], y)
            wrong = found != self.numbers(tensor, y)
            if np.any(wrong):
                byte = int(np.argmax(wrong))
                holds = self.who(int(found[byte]))
                self.fail(f"byte {byte} of row {y} of tensor {tensor} is needed and {holds}")

    def numbers(self, tensor: int, y: int) -> NDArray[np.int64]:
        row_bytes = self.plan.rows[tensor].row_bytes
        begin = self.first_number[tensor] + y * row_bytes
        return np.arange(begin, begin + row_bytes)

    def row(self, rows: Rows, y: int) -> NDArray[np.int64]:
        offset = rows.offset + y * rows.pitch if rows.table is None else rows.table[y]
        return self.piece(rows.memory, offset, rows.row_bytes, f"row {y} of tensor {rows.tensor}")

    def piece(self, memory: str, offset: int, size: int, what: str) -> NDArray[np.int64]:
        arena = self.arenas.get(memory, self.buffers.get(memory))
        if arena is None:
            self.fail(f"{what} lies in {memory}, which has no arena")
        if not 0 <= offset <= offset + size <= len(arena):
            here = f"[{offset}, {offset + size})"
            self.fail(f"{what} at {here} is not within the {len(arena)} bytes of {memory}")
        return arena[offset : offset + size]

    def who(self, number: int) -> str:
        """In words, what a byte holds."""
        if number == _NEVER_WRITTEN:
            return "was never written"
        if number <= _SCRATCH:
            return f"was overwritten by the scratch of op {_SCRATCH - number}"
        begin, tensor = max(
            (begin, tensor) for tensor, begin in self.first_number.items() if begin <= number
        )
        return f"holds byte {number - begin} of tensor {tensor}"

    def fail(self, what: str) -> NoReturn:
        raise InternalError(f"the memory plan of {self.graph.name} is wrong, {self.moment}: {what}")
