"""Which kernel runs a CONV_2D: products of matrices over widened taps, or portable C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel, Optimize
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


@dataclass(frozen=True)
class _Step:
    """What a form of the core loop spends on 16 MACs, its share of the loop's end included."""

    instructions: float
    cycles: dict[str, float]  # by core, see tinydeploy/emulate/cycle_table.py


_STEPS: dict[Form, _Step] = {
    "single": _Step(14.2, {"cortex-m7": 8.2, "cortex-m4": 20.4}),
    "paired": _Step(11.4, {"cortex-m7": 13.4, "cortex-m4": 17.8}),
    "square": _Step(10.4, {"cortex-m7": 13.4, "cortex-m4": 18.4}),
    "direct": _Step(14.2, {"cortex-m7": 10.2, "cortex-m4": 19.4}),
}
# Instructions for the results of a turn, which are 4 or 8; for widening 16 weights, once a chunk;
# for 16 taps, once for all channels (where windows overlap they are gathered, too); for a block of
# 2 channels of a chunk, and for one of 4.
_RESULTS, _WEIGHTS, _TAPS, _GATHERED_TAPS, _BLOCK = {4: 36, 8: 62}, 12, 22, 36, {2: 110, 4: 140}
# What an instruction counts beside a cycle where forms are compared.
_INSTRUCTION = 0.1


def choose_kernel(op: Conv2D, graph: Graph, board: Board, optimize: Optimize) -> GemmKernel | None:
    """The kernel for a convolution; None where sums do not fit doubled, or scratch does not."""
    op = settle_channels(op)
    if not sums_fit_doubled(op):
        return None
    finish: Finish = "sums"
    if requantizes_exactly(op):
        # The loop that clamps can do without, where flash is short.
        finish = "clamped" if is_clamped(op) or optimize == "flash" else "plain"
    limit = SCRATCH[optimize]
    found = [make_kernel(op, graph, form, finish, limit) for form in _forms(op, finish, optimize)]
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
    depth = -(-op.weights[0].size // 4) * 4
    height, width, channels = op.row_shape(graph)
    block, group = _SHAPES[form]
    wanted = width if op.pool is not None else height * width
    fixed = (0 if form == "direct" else 2 * block * depth) + 16 + 2 * depth
    fixed += width * channels if op.pool is not None else 0
    each = 2 * depth + (16 if finish == "sums" else 4)
    most = max(group, min(_MAX_PIXELS, (limit - fixed) // each) // group * group)
    chunks = -(-wanted // most)
    pixels = -(-wanted // (chunks * group)) * group
    return GemmKernel(
        "conv_2d_gemm_s8",
        fixed + each * pixels,
        depth=depth,
        pixels=pixels,
        form=form,
        finish=finish,
    )


def estimate_instructions(kernel: GemmKernel, op: Conv2D, pixels: int, cpu: str = "") -> float:
    """Instructions of one call that makes so many neighbouring pixels, by estimate.

    Args:
        kernel: One that `make_kernel` has made for `op`.
        op: The convolution.
        pixels: Of the convolution, before any pool.
        cpu: With a core's name, cycles of its inner loop instead of instructions.
    """
    chunks = -(-pixels // kernel.pixels)
    groups = -(-pixels // kernel.group)
    blocks = -(-op.channels // kernel.block)
    results = kernel.block * kernel.group
    step = _STEPS[kernel.form]
    loop = step.cycles.get(cpu, step.instructions) * kernel.depth * results / 16 + _RESULTS[results]
    taps = _TAPS if op.kernel == (1, 1) else _GATHERED_TAPS
    weights = 0 if kernel.form == "direct" else kernel.depth * kernel.block / 16 * _WEIGHTS
    return (
        groups * blocks * loop
        + pixels * kernel.depth / 16 * taps
        + chunks * blocks * (weights + _BLOCK[kernel.block])
    )


def _forms(op: Conv2D, finish: Finish, optimize: Optimize) -> tuple[Form, ...]:
    """The forms of the core loop that may be taken; one for all layers where flash is short."""
    few = op.weights[0].size <= 4
    forms = tuple(form for form in FORMS if not (few and form == "square"))
    return forms if forms and finish != "sums" and optimize != "flash" else ("paired",)


def _rank(op: Conv2D, graph: Graph, kernel: GemmKernel, cpu: str) -> tuple[bool, float]:
    """Cheapest among those of at most one instruction per MAC; else fewest instructions."""
    height, width, channels = op.row_shape(graph)
    pixels = width if op.pool is not None else height * width
    macs = pixels * channels * op.weights[0].size
    instructions = estimate_instructions(kernel, op, pixels)
    if instructions > macs:
        return True, instructions
    return False, estimate_instructions(kernel, op, pixels, cpu) + _INSTRUCTION * instructions
