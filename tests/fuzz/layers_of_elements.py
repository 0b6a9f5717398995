"""Random layers that compute element by element, or over dimensions."""

from __future__ import annotations

import math

import numpy as np
from builders import Handle
from graph_maker import GraphMaker, Layer, Shape, fits
from numpy.typing import NDArray

from tinydeploy.graph.lookup_tables import TABLES


def two_operands(m: GraphMaker, x: Handle) -> Handle | None:
    builtin = m.pick(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"))
    if builtin.endswith("IMUM"):
        y: Handle | NDArray[np.int8] = (
            m.builder.rng.integers(-128, 128, x.shape[-1:]).astype(np.int8) if m.flag() else x
        )
        return m.builder.binary(builtin, x, y)
    others = [y for y in m.known if y.shape == x.shape or spreads(y.shape, x.shape)]
    if len(x.shape) == 4 and m.flag():  # as in squeeze-and-excite
        others = [m.builder.mean(x, m.pick(((1, 2), (3,), (2,))))]
    if m.flag():
        sizes = [n if m.flag() else 1 for n in x.shape]
        values = m.builder.rng.integers(-128, 128, sizes).astype(np.int8)
        other, scale, result = m.builder.constant(values, x.scale, m.zero()), x.scale, x.shape
        operands = [x.id, other] if m.flag() else [other, x.id]
    else:
        y = m.pick(others)
        scale, result = y.scale, tuple(np.broadcast_shapes(x.shape, y.shape))
        operands = [x.id, y.id] if m.flag() else [y.id, x.id]
    if not fits(result):
        return None
    out_scale = {"MUL": 100 * x.scale * scale, "SQUARED_DIFFERENCE": 50 * (x.scale + scale) ** 2}
    output = m.builder.activation(result, out_scale.get(builtin, x.scale + scale), m.zero())
    options = {} if builtin[1] == "Q" else {"FusedActivationFunction": m.activation()}
    m.builder.writer.add_op(builtin, operands, [output.id], options)
    return output


def spreads(one: Shape, other: Shape) -> bool:
    """Whether two images broadcast to each other."""
    return len(one) == len(other) == 4 and all(
        a == b or 1 in (a, b) for a, b in zip(one, other, strict=True)
    )


def quotient(m: GraphMaker, x: Handle) -> Handle:
    """By a constant, or by what is at least 1 above its zero point."""
    shape = [n if m.flag() else 1 for n in x.shape]
    least = max(x.zero_point, -120)
    if m.flag() and least < 127:
        bound = np.full((1,), least + 1, np.int8)
        divisor = m.builder.maximum(x, bound)
        other, scale = divisor.id, x.scale
    else:
        values = m.builder.rng.integers(1, 128, shape) * m.builder.rng.choice((-1, 1), shape)
        scale = m.scale()
        other = m.builder.constant(values.astype(np.int8), scale, 0)
    # The reference divides well where this ratio is at least 64.
    ratio = m.pick((80.0, 300.0, 1e4))
    output = m.builder.activation(x.shape, x.scale / scale / ratio, m.zero())
    options = {"FusedActivationFunction": m.activation()}
    m.builder.writer.add_op("DIV", [x.id, other], [output.id], options)
    return output


def prelu(m: GraphMaker, x: Handle) -> Handle:
    sizes = [n if m.flag() else 1 for n in x.shape[1:]] if len(x.shape) > 1 else [x.shape[0]]
    values = m.builder.rng.integers(-128, 128, sizes).astype(np.int8)
    slopes = m.builder.constant(values, 0.01, m.zero())
    return m.op("PRELU", [x, slopes], x.shape)


def lookup(m: GraphMaker, x: Handle) -> Handle | None:
    function = m.pick(sorted(TABLES))
    if function == "EXP" and x.scale > 0.1:
        return None
    if function == "EXP":
        return m.builder.lookup(function, x, scale=math.exp(127 * x.scale) / 100)
    if function in ("NEG", "SQRT", "RSQRT"):
        zero = 0 if function == "NEG" else -128
        if x.zero_point != zero:
            x = m.builder.lookup("QUANTIZE", x, zero_point=zero)
        if function == "NEG":
            return m.builder.lookup(function, x, zero_point=0)
        size = math.sqrt(100 * x.scale)
        scale = size / 50 if function == "SQRT" else 1 / (size * m.pick((2, 30)))
        return m.builder.lookup(function, x, scale=scale, zero_point=m.zero())
    scale, zero = (None, None) if function == "LOGISTIC" else (m.scale(), m.zero())
    if function == "HARD_SWISH" and scale is not None:
        if x.scale >= 128:
            return None
        scale = max(scale, x.scale / 100)
    if function == "GELU":
        like = m.builder.activation(x.shape, m.scale(), m.zero())
        m.builder.writer.add_op("GELU", [x.id], [like.id], {"Approximate": m.flag()})
        return like
    alpha = m.pick((0.1, 0.25, 1.5, -0.5))
    return m.builder.lookup(function, x, scale=scale, zero_point=zero, alpha=alpha)


def softmax(m: GraphMaker, x: Handle) -> Handle | None:
    return m.builder.softmax(x, m.pick((1.0, 0.1))) if x.shape[-1] < 400 else None


def log_softmax(m: GraphMaker, x: Handle) -> Handle:
    output = m.builder.activation(x.shape, 1 / 16, 127)
    m.builder.writer.add_op("LOG_SOFTMAX", [x.id], [output.id], {})
    return output


def l2_normalization(m: GraphMaker, x: Handle) -> Handle:
    output = m.builder.activation(x.shape, 1 / 128, 0)
    m.builder.writer.add_op("L2_NORMALIZATION", [x.id], [output.id], {})
    return output


# Over dimensions.


def reduce(m: GraphMaker, x: Handle) -> Handle | None:
    sums = ("SUM",) if m.builder.dtype == "int8" else ()
    builtin, keep = m.pick(("MEAN", *sums, "REDUCE_MAX", "REDUCE_MIN")), m.flag()
    axes = [d for d in range(len(x.shape)) if m.flag()]
    shape = tuple(1 if d in axes else n for d, n in enumerate(x.shape) if keep or d not in axes)
    if not axes or not shape or not fits(shape):
        return None
    like = x if builtin.startswith("REDUCE") else None
    written = [d - len(x.shape) if m.flag() else d for d in axes]
    return m.op(builtin, [x, m.numbers(written)], shape, like, KeepDims=keep)


def arg_extreme(m: GraphMaker, x: Handle) -> None:
    (axis, written), dtype = m.axis(len(x.shape)), m.pick(("int32", "int64"))
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if shape and fits(shape) and len(m.indices) < 2:
        output = m.builder.writer.add_tensor(f"indices{len(m.indices)}", shape, dtype)
        builtin, options = m.pick(("ARG_MAX", "ARG_MIN")), {"OutputType": dtype.upper()}
        m.builder.writer.add_op(builtin, [x.id, m.numbers([written])], [output], options)
        m.indices.append(Handle(output, shape, 1.0, 0))


def matmul(m: GraphMaker, x: Handle) -> Handle | None:
    """A tensor's matrices times a constant, or times themselves turned."""
    if len(x.shape) < 2:
        return None
    first, second, itself = m.flag(), m.flag(), m.flag()
    rows, depth = x.shape[-2:][::-1] if first else x.shape[-2:]
    if itself:
        columns, other, scale, second = rows, x.id, x.scale, not first
    else:
        columns, scale = m.number(1, 6), 0.02
        size = (columns, depth) if second else (depth, columns)
        batch = x.shape[:-2] if m.flag() else (1,) * (len(x.shape) - 2)
        values = m.builder.rng.integers(-128, 128, (*batch, *size)).astype(m.builder.dtype)
        other = m.builder.constant(values, scale, m.zero())
    shape = (*x.shape[:-2], rows, columns)
    if not fits(shape):
        return None
    output = m.builder.activation(shape, x.scale * scale * 90 * math.sqrt(depth), m.zero())
    options = {"AdjX": first, "AdjY": second}
    m.builder.writer.add_op("BATCH_MATMUL", [x.id, other], [output.id], options)
    return output


ANY_RANK: tuple[Layer, ...] = (
    *(lookup, two_operands, prelu, softmax, log_softmax),
    *(l2_normalization, reduce, arg_extreme, matmul, quotient),
)
