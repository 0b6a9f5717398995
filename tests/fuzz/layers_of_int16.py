"""A layer of random graphs: to int16, one to three operators there, and back to int8."""

from __future__ import annotations

import layers_of_moves
import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer
from layers_of_elements import matmul, reduce
from layers_of_state import variable
from layers_of_windows import (
    convolution,
    depthwise,
    fully_connected,
    mirror_pad,
    pad,
    pool,
    resize,
    transposed,
)

_ONE = 1 / 32768
_LARGEST_RATIO = 2**13  # of a QUANTIZE's scales
_LARGEST = 100.0  # scale that a QUANTIZE to int8 takes; curves and multipliers take less than 1


def wide(m: GraphMaker, x: Handle) -> Handle:
    outer, m.builder.dtype = m.known, "int16"
    inner = m.builder.activation(x.shape, max(m.scale(), x.scale / _LARGEST_RATIO), 0)
    m.builder.writer.add_op("QUANTIZE", [x.id], [inner.id], {})
    m.known = [inner]
    for _ in range(m.number(1, 3)):
        m.add_layer(ANY_RANK, IMAGES)
    small = [y for y in m.known if y.scale < _LARGEST]
    y, m.known, m.builder.dtype = small[-1], outer, "int8"
    return m.op("QUANTIZE", [y], y.shape)


def two_operands(m: GraphMaker, x: Handle) -> Handle | None:
    """Of two tensors, or of one and a constant."""
    builtin = m.pick(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"))
    if m.flag():
        sizes = [n if m.flag() else 1 for n in x.shape]
        values = m.builder.rng.integers(-(2**15), 2**15, sizes).astype(np.int16)
        operands = [x.id, m.builder.constant(values, x.scale)]
    else:
        others = [y for y in m.known if (y.shape, y.scale) == (x.shape, x.scale)]
        if len(x.shape) == 4 and not builtin.endswith("IMUM") and m.flag():
            shape = (1, 1, 1, x.shape[3])
            others = [m.op("MEAN", [x, m.numbers([1, 2])], shape, KeepDims=True)]
        operands = [x.id, m.pick(others).id]
    if builtin.endswith("IMUM"):
        output, options = m.builder.activation(x.shape, x.scale, 0), {}
    else:
        scale = max(m.scale(), 2 * x.scale**2) if builtin == "MUL" else m.scale()
        output = m.builder.activation(x.shape, scale, 0)
        options = {"FusedActivationFunction": m.activation()}
        options |= {} if builtin == "MUL" else {"PotScaleInt16": False}
        operands = operands if m.flag() else operands[::-1]
    m.builder.writer.add_op(builtin, operands, [output.id], options)
    return output


def one_operand(m: GraphMaker, x: Handle) -> Handle | None:
    if x.scale >= 1:
        return None
    builtin = m.pick(("RELU", "RELU6", "LEAKY_RELU", "ABS", "QUANTIZE"))
    options = {"Alpha": m.pick((0.1, 0.0, 1.7))} if builtin == "LEAKY_RELU" else {}
    return m.op(builtin, [x], x.shape, **options)


def curve(m: GraphMaker, x: Handle) -> Handle | None:
    if x.scale >= 1:
        return None
    builtin = m.pick(("TANH", "LOGISTIC", "SOFTMAX"))
    options = {"Beta": m.pick((1.0, 0.5))} if builtin == "SOFTMAX" else {}
    output = m.builder.activation(x.shape, _ONE, 0)
    m.builder.writer.add_op(builtin, [x.id], [output.id], options)
    return output


ANY_RANK: tuple[Layer, ...] = (
    *layers_of_moves.ANY_RANK,
    *(two_operands, one_operand, curve, reduce, matmul, variable, fully_connected, pad, mirror_pad),
    *(two_operands, one_operand, curve),  # twice as often
)
IMAGES: tuple[Layer, ...] = (convolution, depthwise, transposed, pool, resize)
