"""FULLY_CONNECTED: core loops over packed weights, where their rounding is provably exact.

The core loops (firmware/include/td_dense.h) come in two forms. The joint form needs the fewest
instructions; it holds sums of less than 2^23 and weights of -127 and above. The single form holds
sums of less than 2^27. Beyond that, and where no exact linear rounding is found, the portable
kernel runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.graph.accumulator import output_bounds
from tinydeploy.graph.fixed_point import round_array
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.linear_rounding import find_steps, fit_linear

MAX_SCRATCH = 8192
"""Bytes of scratch that a layer may take."""

_BLOCK = 64  # units at a time, where a vector is widened whole
_PIECES = (2, 3, 4, 6, 8)  # that a vector is also worth taking in
# Instructions for a product, for an element to be spread, for a unit of each piece, and of all.
_PRODUCT, _ELEMENT, _PIECE, _UNIT = 0.87, 2, 5, 10


@dataclass(frozen=True)
class DenseForm:
    """One form of the core loops.

    Args:
        name: The form is td_dense_<name>.
        scale: Sums are kept shifted left by it.
        least_weight: Smallest weight that it can hold.
    """

    name: str
    scale: int
    least_weight: int


FORMS = (DenseForm("joint", 8, -127), DenseForm("single", 4, -128))


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedKernel(Kernel):
    """td_fully_connected_packed_s8.

    Args:
        form: Of the core loops.
        piece: Elements of a vector at a time, a multiple of 4.
        block: Units at a time, all of them unless vectors are taken whole.
        addend: int64 [channels], added to the shifted sum of weights times differences from the
            input's zero point; bias included.
        multiplier: int64 [channels], in [0, 2^31).
        offset: Added to the upper half of the product.
        shift: To the right, after that.
    """

    form: DenseForm
    piece: int = 0
    block: int = 0
    addend: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    offset: int
    shift: int


def choose_kernel(
    op: FullyConnected, graph: Graph, board: Board, optimize: Optimize
) -> Kernel | None:
    """Chooses the packed kernel where one of its forms is exact."""
    for form in FORMS:
        if int(op.weights.min()) >= form.least_weight:
            kernel = fit_kernel(op, form)
            if kernel is not None:
                pieces = range(1, op.depth + 1)
                cut = (_take_pieces(op, kernel, count) for count in pieces)
                return next((k for k in cut if k.scratch_bytes <= MAX_SCRATCH), None)
    return None


def list_kernels(op: FullyConnected, kernel: PackedKernel) -> list[Kernel]:
    """The kernel that was chosen for an op, with vectors in more pieces and less scratch."""
    return [_take_pieces(op, kernel, count) for count in _PIECES]


def estimate_instructions(op: FullyConnected, kernel: PackedKernel) -> int:
    """Instructions for one vector, by estimate."""
    pieces = -(-op.depth // kernel.piece)
    products = _PRODUCT * op.channels * op.depth
    return int(products + _ELEMENT * op.depth + op.channels * (_PIECE * pieces + _UNIT))


def _take_pieces(op: FullyConnected, kernel: PackedKernel, count: int) -> PackedKernel:
    """The same kernel for vectors in so many pieces, or fewer."""
    piece = -(-op.depth // (4 * count)) * 4
    block = op.channels if piece < op.depth else min(op.channels, _BLOCK)
    return replace(kernel, piece=piece, block=block, scratch_bytes=2 * piece + 4 * block)


def fit_kernel(op: FullyConnected, form: DenseForm) -> PackedKernel | None:
    """The packed kernel in one form, for vectors in one piece; None where it would not be exact."""
    low, high = output_bounds(op.weights, op.bias, op.input_zero_point)
    limit = 1 << (31 - form.scale)
    greatest = float(op.scale.max())
    if not (-limit < low.min() and high.max() < limit - 1 and op.scale.min() > 0):
        return None

    # multiplier ~ scale * 2^(32 + shift - form.scale) must stay below 2^31 and the shifted output,
    # at most |sum| * scale + 256, below 2^(30 - shift).
    reach = float(np.maximum(-low, high).max()) * greatest + 256
    shift = min(30 + form.scale - 32 - int(np.frexp(greatest)[1]) + 1, 30 - int(np.frexp(reach)[1]))
    if shift < 0:
        return None

    def function(sums: NDArray[np.int64]) -> NDArray[np.int64]:
        outputs = round_array(sums * op.scale[:, None]) + op.output_zero_point
        return np.asarray(np.clip(outputs, op.low[:, None], op.high[:, None]), np.int64)

    values = range(int(op.low.min()) + 1, int(op.high.max()) + 1)
    steps = find_steps(function, low, high, values)
    exponent = 32 + shift - form.scale
    multiplier = round_array(np.ldexp(op.scale, exponent))
    linear = fit_linear(steps, multiplier, exponent, 1 << 31)
    if linear is None or not linear.multiplier.all():  # an addend times 0 moves nothing
        return None

    offset = (op.output_zero_point << shift) + ((1 << shift) >> 1)
    addend = []
    columns = (linear.multiplier.tolist(), linear.least.tolist(), linear.most.tolist())
    for factor, least, most in zip(*columns, strict=True):
        # floor((sum * factor + a) / 2^exponent), least <= a <= most, with everything 2^scale times
        # as large; the whole multiples of 2^32 are the offset's, the rest the addend's.
        bottom = (least << form.scale) - (offset << 32)
        top = ((most + 1) << form.scale) - 1 - (offset << 32)
        least_addend, most_addend = -(-bottom // factor), top // factor
        fine = min(max(0, least_addend), most_addend)
        if least_addend > most_addend or abs(fine) > 1 << form.scale:
            return None
        addend.append(fine)
    bias = op.bias.astype(np.int64) << form.scale
    return PackedKernel(
        stem="fully_connected_packed_s8",
        form=form,
        addend=bias + np.array(addend, np.int64),
        multiplier=linear.multiplier,
        offset=offset,
        shift=shift,
    )
