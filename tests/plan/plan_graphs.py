"""Small graphs without weights for tests of the plan, and random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.tensor import Quantization, Tensor
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.overlay import Overlay
from tinydeploy.plan.variants import Variant


@dataclass(frozen=True, eq=False)
class Window(Op):
    """Reads `kernel` rows per output row; scratch as asked, if elastic half of it will do."""

    builtin: ClassVar[str] = "WINDOW"
    kernel: int = 1
    stride: int = 1
    pad: int = 0
    scratch: int = 0
    elastic: bool = False
    over: bool = False

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        return first * self.stride - self.pad, (last - 1) * self.stride - self.pad + self.kernel


@dataclass(frozen=True, eq=False)
class Whole(Op):
    """Reads as much as the default of Op says."""

    builtin: ClassVar[str] = "WHOLE"
    scratch: int = 0


@dataclass(frozen=True, eq=False)
class Sum(Op):
    """Adds up all rows of its input as they come; its scratch lives as long as that takes."""

    builtin: ClassVar[str] = "SUM"
    scratch: int = 4


@dataclass(frozen=True, eq=False)
class Rename(Op):
    builtin: ClassVar[str] = "RESHAPE"


def fake_variants(
    graph: Graph, board: Board | None = None, optimize: Optimize = "balanced"
) -> Mapping[int, tuple[Variant, ...]]:
    """Calls cost 100 and 10 a row; ops that are elastic also run with half the scratch, slower."""

    def variant(scratch: int, factor: int) -> Variant:
        kernel = Kernel("fake_s8", scratch, accumulates=isinstance(op, Sum))
        return Variant(kernel, lambda rows: factor * (100 + 10 * rows))

    found = {}
    for position, op in enumerate(graph.ops):
        scratch = getattr(op, "scratch", 0)
        less = (variant(scratch // 2, 2),) if getattr(op, "elastic", False) else ()
        found[position] = (*less, variant(scratch, 1))
    return found


def fake_overlays(graph: Graph, op: Op, kernel: Kernel) -> Iterator[Overlay]:
    """Windows that keep the shape may push their rows up over their input's, if they say so."""
    shapes = {graph.tensors[tensor].rows for tensor in (*op.inputs, *op.outputs)}
    if isinstance(op, Window) and op.over and len(shapes) == 1:
        yield Overlay(op.inputs[0], op.pad)


def fake_kernels(graph: Graph) -> Mapping[int, Kernel]:
    """The fastest of them."""
    return {position: found[-1].kernel for position, found in fake_variants(graph).items()}


def make_graph(
    shapes: Sequence[tuple[int, ...]],
    ops: Sequence[Op],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> Graph:
    quantization = Quantization((0.5,), (3,))
    tensors = tuple(Tensor(f"t{i}", shape, "int8", quantization) for i, shape in enumerate(shapes))
    return Graph("net", tensors, tuple(ops), tuple(inputs), tuple(outputs))


def chain(*shapes: tuple[int, ...], scratch: int = 0) -> Graph:
    """Tensor 0 -> 1 -> 2 ... by ops that read all of their input."""
    ops = [Whole(i, (i,), (i + 1,), scratch) for i in range(len(shapes) - 1)]
    return make_graph(shapes, ops, [0], [len(shapes) - 1])


KINDS = ("whole", "rename", "two", "split", "concat", "window", "sum", "over", "over")


@st.composite
def graphs(
    draw: st.DrawFn, max_ops: int = 14, *, windows: bool = True, max_inputs: int = 3
) -> Graph:
    """Random graphs: several inputs, branches, renamings, several outputs, dead ends, scratch.

    With windows, some ops do not read all rows of their input at once, or sum them up.
    """
    sizes = st.integers(1, 9)
    shapes: list[tuple[int, ...]] = [
        (1, draw(sizes), draw(sizes), draw(sizes)) for _ in range(draw(st.integers(1, max_inputs)))
    ]
    inputs = list(range(len(shapes)))
    ops: list[Op] = []
    for index in range(draw(st.integers(0, max_ops))):
        source = draw(st.integers(0, len(shapes) - 1))
        kind = draw(st.sampled_from(KINDS if windows else KINDS[:5]))
        if kind == "rename":
            size = Tensor("", shapes[source], "int8", None).size
            shapes.append(draw(st.sampled_from(((1, size), (1, 1, 1, size), (1, size, 1, 1)))))
            ops.append(Rename(index, (source,), (len(shapes) - 1,)))
            continue
        scratch = draw(st.integers(0, 60))
        first = len(shapes)
        height = draw(sizes)
        count = 2 if kind == "split" else 1
        shapes += [(1, height, draw(sizes), draw(sizes)) for _ in range(count)]
        outputs = tuple(range(first, len(shapes)))
        if kind == "window":
            window = (draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 2)))
            ops.append(Window(index, (source,), outputs, *window, scratch, draw(st.booleans())))
        elif kind == "over":
            shapes[-1] = shapes[source]
            half = draw(st.integers(0, 2))
            ops.append(Window(index, (source,), outputs, 2 * half + 1, 1, half, scratch, over=True))
        elif kind == "sum":
            shapes[-1] = (1, draw(sizes))
            ops.append(Sum(index, (source,), outputs, 4 + scratch))
        elif kind == "concat":
            height = Tensor("", shapes[source], "int8", None).rows[0]
            shapes[-1] = (1, height, *shapes[-1][2:])
            parts = [
                t for t in range(first) if Tensor("", shapes[t], "int8", None).rows[0] == height
            ]
            chosen = draw(st.lists(st.sampled_from(parts), min_size=1, max_size=3))
            ops.append(Whole(index, (source, *chosen), outputs, scratch))
        else:
            second = draw(st.integers(0, first - 1))
            ops.append(
                Whole(index, (source, second) if kind == "two" else (source,), outputs, scratch)
            )
    outputs_of_model = draw(
        st.lists(st.integers(0, len(shapes) - 1), min_size=1, max_size=3, unique=True)
    )
    return make_graph(shapes, ops, inputs, outputs_of_model)
