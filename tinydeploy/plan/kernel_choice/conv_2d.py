"""Which kernel runs a CONV_2D: products of matrices over widened taps, or portable C.

A net of convolutions with a single window runs them by conv_2d_dense.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice.conv_2d_cost import estimate_rows
from tinydeploy.plan.kernel_choice.conv_2d_dense import DenseKernel, choose_dense
from tinydeploy.plan.requantization import (
    is_clamped,
    requantizes_exactly,
    settle_channels,
    sums_fit_doubled,
)

Form = Literal["single", "paired", "square", "direct"]
Finish = Literal["plain", "clamped", "sums"]

FORMS: tuple[Form, ...] = ("single", "paired", "square", "direct")
# Bytes of scratch that a layer may take.
SCRATCH = {"balanced": 8192, "speed": 24576, "ram": 3072, "flash": 8192}
_MAX_PIXELS = 64  # beyond, what a chunk costs is next to nothing per pixel


@dataclass(frozen=True)
class GemmKernel(Kernel):
    """A convolution as products of matrices.

    Args:
        depth: Taps of a pixel, padded to a multiple of 4.
        pixels: Pixels of a chunk, even.
        form: How the core loop fetches words; "direct" does not widen weights beforehand.
        finish: What the core loop does with its sums; see td_conv_2d_gemm.h.
    """

    depth: int = 0
    pixels: int = 0
    form: Form = "paired"
    finish: Finish = "plain"

    @property
    def block(self) -> int:
        """Output channels that the core loop makes at a time."""
        return _SHAPES[self.form][0]

    @property
    def group(self) -> int:
        """Pixels that the core loop makes at a time."""
        return _SHAPES[self.form][1]


# Channels and pixels that the core loop makes at a time.
_SHAPES: dict[Form, tuple[int, int]] = {
    "single": (4, 2),
    "paired": (4, 2),
    "square": (2, 2),
    "direct": (2, 4),
}


# What an instruction counts beside a cycle where forms are compared.
_INSTRUCTION = 0.1


def choose_kernel(
    op: Conv2D, graph: Graph, board: Board, optimize: Optimize
) -> GemmKernel | DenseKernel | None:
    """The kernel for a convolution; None where sums do not fit doubled, or scratch does not."""
    if dense := choose_dense(op, graph):
        return dense
    op = settle_channels(op)
    if not sums_fit_doubled(op):
        return None
    finish: Finish = "sums"
    if requantizes_exactly(op):
        # The loop that clamps can do without, where flash is short.
        finish = "clamped" if is_clamped(op) or optimize == "flash" else "plain"
    limit = SCRATCH[optimize]
    found = [
        make_kernel(op, graph, form, finish, limit) for form in list_forms(op, finish, optimize)
    ]
    fitting = [kernel for kernel in found if kernel.scratch_bytes <= limit]
    if not fitting:
        return min(found, key=lambda kernel: kernel.scratch_bytes)
    return min(fitting, key=lambda kernel: _rank(op, graph, kernel, board.cpu))


def make_kernel(op: Conv2D, graph: Graph, form: Form, finish: Finish, limit: int) -> GemmKernel:
    """The kernel of this form with as many pixels a chunk as the scratch allows, at least a group.

    Args:
        op: The convolution.
        graph: Its graph.
        form: Of the core loop.
        finish: Of the core loop.
        limit: Bytes of scratch.
    """
    height, width, _ = op.row_shape(graph)
    group = group_of(form)
    wanted = width if op.pool is not None else height * width
    sizes = range(_MAX_PIXELS // group * group, group, -group)
    fitting = (n for n in sizes if size_scratch(op, graph, form, finish, n) <= limit)
    chunks = -(-wanted // next(fitting, group))
    return with_pixels(op, graph, form, finish, -(-wanted // (chunks * group)) * group)


def with_pixels(op: Conv2D, graph: Graph, form: Form, finish: Finish, pixels: int) -> GemmKernel:
    """The kernel of this form with so many pixels a chunk, a multiple of the form's group."""
    return GemmKernel(
        "conv_2d_gemm_s8",
        size_scratch(op, graph, form, finish, pixels),
        depth=_depth(op),
        pixels=pixels,
        form=form,
        finish=finish,
    )


def group_of(form: Form) -> int:
    """Pixels that a form of the core loop makes at a time."""
    return _SHAPES[form][1]


def size_scratch(op: Conv2D, graph: Graph, form: Form, finish: Finish, pixels: int) -> int:
    """Bytes of scratch, as td_conv_2d_gemm.h says."""
    _, width, channels = op.row_shape(graph)
    block, _ = _SHAPES[form]
    depth = _depth(op)
    weights = 0 if form == "direct" else 2 * block * depth
    results = 16 + (16 if finish == "sums" else 4) * pixels
    unpooled = width * channels if op.pool is not None else 0
    return 2 * depth * pixels + max(weights + results, 2 * depth) + unpooled


def _depth(op: Conv2D) -> int:
    return -(-int(op.weights[0].size) // 4) * 4


def list_forms(op: Conv2D, finish: Finish, optimize: Optimize) -> tuple[Form, ...]:
    """The forms of the core loop that may be taken; one for all layers where flash is short."""
    few = op.weights[0].size <= 4
    forms = tuple(form for form in FORMS if not (few and form == "square"))
    return forms if forms and finish != "sums" and optimize != "flash" else ("paired",)


def _rank(op: Conv2D, graph: Graph, kernel: GemmKernel, cpu: str) -> tuple[bool, float]:
    """Cheapest among those of at most one instruction per MAC; else fewest instructions."""
    height, width, channels = op.row_shape(graph)
    rows = 1 if op.pool is not None else height
    instructions = estimate_rows(kernel, op, graph, rows)
    if instructions > rows * width * channels * op.weights[0].size:
        return True, instructions
    return False, estimate_rows(kernel, op, graph, rows, cpu) + _INSTRUCTION * instructions
