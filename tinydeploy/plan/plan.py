"""The plan: in which order rows are made and where every byte of RAM lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.calls import made_rows
from tinydeploy.plan.kernel import Kernel

InputForm = Literal["arena", "kept", "rows"]
"""How the host gives the input: it writes it into the arena, where it may be overwritten; it shows
a buffer of its own, which is only read; or it pushes one row after the other."""

FEED = -1
"""In the place of an op: the host pushes rows of the input."""


@dataclass(frozen=True)
class Step:
    """One event: a call of a layer for the rows [first, last) of its outputs.

    Args:
        op: Position in Graph.ops; FEED where the host pushes these rows of the input.
        first: First row; of the input where the kernel accumulates.
        last: Row behind the last.
    """

    op: int
    first: int
    last: int


@dataclass(frozen=True)
class Rows:
    """Where the rows of one tensor lie: row y at offset + y * pitch, or at table[y].

    Args:
        tensor: Tensor id.
        memory: Name of the board's memory whose arena holds it; `input_buffer(i)` for what lies in
            the host's own buffer of input i.
        offset: Bytes from the start of that arena; with a table, of the lowest row.
        pitch: Bytes from one row to the next; it may be negative.
        height: Number of rows.
        row_bytes: Bytes of one row.
        table: Offset of each row, a multiple of 4, where they do not follow a pitch; else None.
    """

    tensor: int
    memory: str
    offset: int
    pitch: int
    height: int
    row_bytes: int
    table: tuple[int, ...] | None = None

    def row_offset(self, y: int) -> int:
        """Bytes from the start of the arena to row `y`."""
        return self.offset + y * self.pitch if self.table is None else self.table[y]


@dataclass(frozen=True)
class Scratch:
    """Working memory of one op while it runs; overlaps with whatever is not live then."""

    memory: str
    offset: int
    size: int


@dataclass(frozen=True)
class Arena:
    """The part of one memory that the model uses."""

    memory: str
    size: int


@dataclass(frozen=True)
class Plan:
    """The schedule of one inference and the place of every row.

    Args:
        steps: The events in order; together they make every row of every stored tensor once.
        rows: By tensor id; every tensor of Graph.stored. Aliases (reshape) have equal places.
        scratch: By position in Graph.ops; ops without scratch are absent.
        arenas: One per memory used.
        lower_bound_bytes: No plan of this family (same ops, same schedule) needs less.
        kernels: By position in Graph.ops; all but those of ops that only rename.
        input_form: How the host gives the input.
        detection: Working memory for reading boxes from the outputs; None without a detector.
    """

    steps: tuple[Step, ...]
    rows: Mapping[int, Rows]
    scratch: Mapping[int, Scratch]
    arenas: tuple[Arena, ...]
    lower_bound_bytes: int
    kernels: Mapping[int, Kernel]
    input_form: InputForm = "arena"
    detection: Scratch | None = None

    @property
    def calls(self) -> tuple[Step, ...]:
        """The steps that call a layer."""
        return tuple(step for step in self.steps if step.op != FEED)

    @property
    def arena_bytes(self) -> int:
        """RAM of one inference without the stack: activations, input, output, scratch."""
        return sum(arena.size for arena in self.arenas)


@dataclass(frozen=True)
class PlannedGraph:
    """A graph and its plan, for which the planner may have fused layers of it."""

    graph: Graph
    plan: Plan


def input_buffer(number: int) -> str:
    """In the place of a memory's name: the host's own buffer of an input."""
    return f"input {number}"


def step_rows(graph: Graph, plan: Plan, step: Step) -> tuple[int, int]:
    """Rows of its outputs that are complete after a step, half-open."""
    return made_rows(graph, graph.ops[step.op], plan.kernels[step.op], step.first, step.last)
