"""Random layers of float32 between integers, as converters leave them."""

from __future__ import annotations

import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer

FUNCTIONS = (
    *("ABS", "COS", "EXP", "FLOOR", "GELU", "LEAKY_RELU", "LOGISTIC", "NEG", "RELU"),
    *("RELU6", "RELU_N1_TO_1", "SIGN", "SIN", "SQUARE", "TANH"),
)
OPERATIONS = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB")


def island(m: GraphMaker, x: Handle) -> list[Handle]:
    """Functions of an int8 tensor, moved or joined, and quantized."""
    real = _real(m, "DEQUANTIZE", [x.id], x.shape)
    real = _function(m, x, real, x.shape)
    axis, written = m.axis(len(x.shape))
    shape, ends = x.shape, [real]
    how = m.pick(("as it is", "split", "joined"))
    if how == "split":
        ends = [_tensor(m, shape)]
        m.builder.writer.add_op("SPLIT", [m.numbers(written), real], ends, {"NumSplits": 1})
    elif how == "joined" and axis > 0:
        other = _function(m, x, _real(m, "DEQUANTIZE", [x.id], x.shape), x.shape)
        shape = tuple(2 * n if d == axis else n for d, n in enumerate(shape))
        ends = [_real(m, "CONCATENATION", [real, other], shape, Axis=written)]
    if m.flag():
        ends = [_function(m, x, real, shape) for real in ends]
    outputs = []
    for end in ends:
        outputs.append(m.builder.activation(shape, m.scale(), m.zero()))
        m.builder.writer.add_op("QUANTIZE", [end], [outputs[-1].id], {})
    return outputs


def _function(m: GraphMaker, x: Handle, real: int, shape: tuple[int, ...]) -> int:
    if m.flag():
        builtin = m.pick(FUNCTIONS)
        options = {"LEAKY_RELU": {"Alpha": 0.3}, "GELU": {"Approximate": m.flag()}}
        if builtin == "EXP" and x.scale > 0.1:
            builtin = "TANH"
        return _real(m, builtin, [real], shape, **options.get(builtin, {}))
    number = np.array(m.pick((0.5, -1.25, 3.0)), np.float32)
    operands = [real, m.builder.constant(number)]
    builtin = m.pick(OPERATIONS)
    return _real(m, builtin, operands[::-1] if m.flag() and builtin != "DIV" else operands, shape)


def _real(
    m: GraphMaker, builtin: str, inputs: list[int], shape: tuple[int, ...], **options: object
) -> int:
    output = _tensor(m, shape)
    m.builder.writer.add_op(builtin, inputs, [output], options)
    return output


def _tensor(m: GraphMaker, shape: tuple[int, ...]) -> int:
    name = f"real{m.builder.rng.integers(1 << 30)}"
    return m.builder.writer.add_tensor(name, shape, "float32")


ANY_RANK: tuple[Layer, ...] = (island,)
