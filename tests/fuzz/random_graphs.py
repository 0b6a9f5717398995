"""Random valid graphs of all operators, as a strategy of hypothesis, which makes failures small."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from builders import Handle, ModelBuilder
from hypothesis import assume
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinydeploy.graph.lookup_tables import TABLES

T = TypeVar("T")
Shape = tuple[int, ...]

MOST_ELEMENTS = 3000  # of a tensor


class GraphMaker:
    """Adds random operators to a model.

    Args:
        draw: As hypothesis gives it; what it draws first is the simplest.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.builder = ModelBuilder(self.number(0, 1 << 16))
        self.known: list[Handle] = []
        self.indices: list[Handle] = []  # outputs that nothing reads

    def pick(self, options: Sequence[T]) -> T:
        picked: T = self.draw(st.sampled_from(options))
        return picked

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def flag(self) -> bool:
        return bool(self.draw(st.booleans()))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.number(least, most), self.number(least, most)

    # Operators.

    def input(self) -> None:
        shape = self.pick(
            (
                (self.number(1, 9), self.number(1, 9), self.number(1, 9)),
                (self.number(1, 12), self.number(1, 9)),
                (self.number(1, 40),),
            )
        )
        x = self.builder.input(shape, self.scale(), self.zero())
        self.known.append(x)

    def scale(self) -> float:
        return self.pick((0.05, 0.5, 1 / 64, 0.0173, 0.731))

    def zero(self) -> int:
        return self.pick((0, -128, 127, -3, 29))

    def op(
        self,
        builtin: str,
        inputs: Sequence[Handle | int],
        shape: Shape,
        like: Handle | None = None,
        **options: Any,
    ) -> Handle:
        """An operator; its output quantizes like a given tensor, or at random."""
        scale, zero = (like.scale, like.zero_point) if like else (self.scale(), self.zero())
        output = self.builder.activation(shape, scale, zero)
        ids = [x.id if isinstance(x, Handle) else x for x in inputs]
        self.builder.writer.add_op(builtin, ids, [output.id], options)
        return output

    def numbers(self, values: object) -> int:
        return self.builder.constant(np.asarray(values, np.int32))

    def add_layer(self) -> None:
        """One more operator on a tensor that there is, most often the last one."""
        x = self.known[-1] if self.number(0, 3) else self.pick(self.known)
        kinds = [*ANY, *(IMAGE if len(x.shape) == 4 else ())]
        made = self.pick(kinds)(self, x)
        for y in made if isinstance(made, list) else [made]:
            if y is not None:
                self.known.append(y)

    def finish(self) -> bytes:
        inner = [x for x in self.known if x.id not in self.builder.inputs]
        outputs = {inner[-1].id: inner[-1]}
        for _ in range(self.number(0, 2)):
            y = self.pick(inner)
            outputs[y.id] = y
        outputs |= {y.id: y for y in self.indices}
        return self.builder.finish(list(outputs.values()))


def fits(shape: Sequence[int]) -> bool:
    return (
        1 <= math.prod(shape) <= MOST_ELEMENTS
        and min(shape) >= 1
        and len(shape) <= 6
        and (len(shape) != 4 or shape[0] == 1)
    )


# Layers with weights.


def convolution(m: GraphMaker, x: Handle) -> Handle:
    kernel, dilation = m.pair(1, 4), m.pick(((1, 1), (2, 1), (1, 3)))
    return m.builder.conv(
        x, m.number(1, 9), kernel, stride=m.pair(1, 3), dilation=dilation,
        padding=_padding(m, x, kernel, dilation), activation=_activation(m),
        per_channel=m.flag(), zero_point=m.zero(),
    )  # fmt: skip


def depthwise(m: GraphMaker, x: Handle) -> Handle:
    kernel = m.pair(1, 4)
    return m.builder.depthwise(
        x, m.number(1, 2), kernel, stride=m.pair(1, 3), padding=_padding(m, x, kernel),
        activation=_activation(m), bias=m.flag(), per_channel=m.flag(), zero_point=m.zero(),
    )  # fmt: skip


def grouped(m: GraphMaker, x: Handle) -> Handle | None:
    depth = x.shape[3]
    groups = m.pick([n for n in range(1, depth + 1) if depth % n == 0])
    kernel, channels = m.pair(1, 3), groups * m.number(1, 5)
    weights = m.builder.rng.integers(-127, 128, (channels, *kernel, depth // groups))
    shape = (*x.shape[:3], channels)
    options = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
    options |= {"DilationHFactor": 1, "DilationWFactor": 1}
    return _weighted(m, "CONV_2D", [x], weights, shape, options) if fits(shape) else None


def transposed(m: GraphMaker, x: Handle) -> Handle | None:
    kernel, stride, channels = m.pair(1, 4), m.pair(1, 3), m.number(1, 6)
    padding = m.pick(("SAME", "VALID"))
    sizes = [n * s - m.number(0, s - 1) for n, s in zip(x.shape[1:3], stride, strict=True)]
    if padding == "VALID":
        sizes = [n + k - 1 for n, k in zip(sizes, kernel, strict=True)]
    shape = (1, *sizes, channels)
    weights = m.builder.rng.integers(-127, 128, (channels, *kernel, x.shape[3]))
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    inputs = [m.numbers(shape), -1, x]
    return _weighted(m, "TRANSPOSE_CONV", inputs, weights, shape, options) if fits(shape) else None


def fully_connected(m: GraphMaker, x: Handle) -> Handle:
    keep = m.flag()
    return m.builder.fully_connected(
        x, m.number(1, 12), depth=x.shape[-1] if keep else None, keep_num_dims=keep,
        bias=m.flag(), per_channel=m.flag(), activation=_activation(m), zero_point=m.zero(),
    )  # fmt: skip


def _weighted(
    m: GraphMaker,
    builtin: str,
    inputs: list[Any],
    weights: NDArray[Any],
    shape: Shape,
    options: dict[str, Any],
) -> Handle:
    """A convolution of weights [channels, ...]; they take the place of -1, or come second."""
    (x,) = (one for one in inputs if isinstance(one, Handle))
    scales = m.builder.rng.uniform(0.002, 0.02, len(weights) if m.flag() else 1).astype(np.float32)
    writer, data = m.builder.writer, weights.astype(np.int8)
    tensor = writer.add_tensor("w", data.shape, "int8", scales=scales, data=data)
    ids = [tensor if one == -1 else one for one in inputs]
    ids = ids if tensor in ids else [*ids, tensor]
    bias = m.builder.rng.integers(-9999, 9999, len(weights)).astype(np.int32)
    bias_scales = scales * np.float32(x.scale)
    ids.append(writer.add_tensor("b", bias.shape, "int32", scales=bias_scales, data=bias))
    scale = float(x.scale * scales.mean() * 70 * 70 * math.sqrt(weights[0].size) / 40)
    output = m.builder.activation(shape, scale, m.zero())
    ids = [one.id if isinstance(one, Handle) else one for one in ids]
    writer.add_op(builtin, ids, [output.id], options)
    return output


def _padding(
    m: GraphMaker, x: Handle, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> str:
    sizes = zip(kernel, dilation, x.shape[1:3], strict=True)
    return m.pick(("SAME", "VALID")) if all((k - 1) * d < n for k, d, n in sizes) else "SAME"


def _activation(m: GraphMaker) -> str:
    return m.pick(("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))


# Windows and edges of images.


def pool(m: GraphMaker, x: Handle) -> Handle:
    kernel = m.pair(1, 4)
    return m.builder.pool(
        m.pick(("MAX_POOL_2D", "AVERAGE_POOL_2D")), x, kernel, stride=m.pair(1, 3),
        padding=_padding(m, x, kernel), activation=_activation(m),
    )  # fmt: skip


def pad(m: GraphMaker, x: Handle) -> Handle | None:
    rank = len(x.shape)
    amounts = [(0, 0) if rank == 4 and d == 0 else m.pair(0, 2) for d in range(rank)]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, amounts, strict=True))
    if not fits(shape):
        return None
    if m.flag():
        value = m.builder.constant(np.array([m.number(-128, 127)], np.int8), x.scale, x.zero_point)
        return m.op("PADV2", [x, m.numbers(amounts), value], shape, x)
    return m.op("PAD", [x, m.numbers(amounts)], shape, x)


def mirror_pad(m: GraphMaker, x: Handle) -> Handle | None:
    mode = m.pick(("REFLECT", "SYMMETRIC"))
    most = [n - (mode == "REFLECT") for n in x.shape]
    amounts = [(0, 0), *(m.pair(0, min(n, 3)) for n in most[1:])]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, amounts, strict=True))
    if not fits(shape) or len(shape) not in (2, 3, 4):
        return None
    return m.op("MIRROR_PAD", [x, m.numbers(amounts)], shape, x, Mode=mode)


def resize(m: GraphMaker, x: Handle) -> Handle | None:
    builtin = m.pick(("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"))
    size = m.pair(1, 14) if m.flag() else (x.shape[1] * 2, x.shape[2] * 2)
    shape = (1, *size, x.shape[3])
    options = m.pick(({}, {"AlignCorners": True}, {"HalfPixelCenters": True}))
    return m.op(builtin, [x, m.numbers(size)], shape, x, **options) if fits(shape) else None


def blocks(m: GraphMaker, x: Handle) -> Handle | None:
    _, height, width, channels = x.shape
    block = m.number(2, 3)
    if channels % block**2 == 0:
        shape: Shape = (1, height * block, width * block, channels // block**2)
        return m.op("DEPTH_TO_SPACE", [x], shape, x, BlockSize=block)
    if height % block or width % block:
        return None
    shape = (1, height // block, width // block, channels * block**2)
    return m.op("SPACE_TO_DEPTH", [x], shape, x, BlockSize=block)


# Element by element.


def two_operands(m: GraphMaker, x: Handle) -> Handle | None:
    builtin = m.pick(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"))
    if builtin.endswith("IMUM"):
        y: Handle | NDArray[np.int8] = (
            m.builder.rng.integers(-128, 128, x.shape[-1:]).astype(np.int8) if m.flag() else x
        )
        return m.builder.binary(builtin, x, y)
    others = [y for y in m.known if y.shape == x.shape or _spreads(y.shape, x.shape)]
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
    options = {} if builtin[1] == "Q" else {"FusedActivationFunction": _activation(m)}
    m.builder.writer.add_op(builtin, operands, [output.id], options)
    return output


def _spreads(one: Shape, other: Shape) -> bool:
    """Whether two images broadcast to each other."""
    return len(one) == len(other) == 4 and all(
        a == b or 1 in (a, b) for a, b in zip(one, other, strict=True)
    )


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
    scale, zero = (None, None) if function == "LOGISTIC" else (m.scale(), m.zero())
    return m.builder.lookup(function, x, scale=scale, zero_point=zero)


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
    builtin, keep = m.pick(("MEAN", "REDUCE_MAX", "REDUCE_MIN")), m.flag()
    axes = [d for d in range(len(x.shape)) if m.flag()]
    shape = tuple(1 if d in axes else n for d, n in enumerate(x.shape) if keep or d not in axes)
    if not axes or not shape or not fits(shape):
        return None
    like = None if builtin == "MEAN" else x
    return m.op(builtin, [x, m.numbers(axes)], shape, like, KeepDims=keep)


def arg_extreme(m: GraphMaker, x: Handle) -> None:
    axis, dtype = m.number(0, len(x.shape) - 1), m.pick(("int32", "int64"))
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if shape and fits(shape) and len(m.indices) < 2:
        output = m.builder.writer.add_tensor(f"indices{len(m.indices)}", shape, dtype)
        builtin, options = m.pick(("ARG_MAX", "ARG_MIN")), {"OutputType": dtype.upper()}
        m.builder.writer.add_op(builtin, [x.id, m.numbers([axis])], [output], options)
        m.indices.append(Handle(output, shape, 1.0, 0))


def reshape(m: GraphMaker, x: Handle) -> Handle:
    size = math.prod(x.shape)
    height = m.pick([n for n in range(1, 13) if size % n == 0])
    width = m.pick([n for n in range(1, 13) if size // height % n == 0])
    shapes = ((1, height, width, size // height // width), (1, size), (1, height, size // height))
    return m.builder.reshape(x, m.pick(shapes))


def transpose(m: GraphMaker, x: Handle) -> Handle | None:
    order = m.draw(st.permutations(range(len(x.shape))))
    shape = tuple(x.shape[d] for d in order)
    return m.op("TRANSPOSE", [x, m.numbers(order)], shape, x) if fits(shape) else None


def strided_slice(m: GraphMaker, x: Handle) -> Handle | None:
    begins = [m.number(0, n - 1) for n in x.shape]
    steps = [m.pick((1, 2, -1, -2)) for _ in x.shape]
    counts = [
        m.number(1, (b // -s if s < 0 else (n - 1 - b) // s) + 1)
        for n, b, s in zip(x.shape, begins, steps, strict=True)
    ]
    if len(x.shape) == 4:
        begins[0], steps[0], counts[0] = 0, 1, 1
    ends = [b + (c - 1) * s + (1 if s > 0 else -1)
            for b, s, c in zip(begins, steps, counts, strict=True)]  # fmt: skip
    mask = sum(1 << d for d, end in enumerate(ends) if end < 0)
    inputs = [x, m.numbers(begins), m.numbers(ends), m.numbers(steps)]
    return m.op("STRIDED_SLICE", inputs, tuple(counts), x, EndMask=mask)


def slice_(m: GraphMaker, x: Handle) -> Handle:
    begins = [m.number(0, n - 1) for n in x.shape]
    sizes = [m.number(1, n - b) for n, b in zip(x.shape, begins, strict=True)]
    return m.op("SLICE", [x, m.numbers(begins), m.numbers(sizes)], tuple(sizes), x)


def reverse(m: GraphMaker, x: Handle) -> Handle:
    like = x if m.flag() else None  # the reference copies bytes of any scale
    return m.op("REVERSE_V2", [x, m.numbers([m.number(0, len(x.shape) - 1)])], x.shape, like)


def split(m: GraphMaker, x: Handle) -> list[Handle] | None:
    axis = m.number(0, len(x.shape) - 1)
    size = x.shape[axis]
    if m.flag():
        count = m.pick([n for n in range(1, 5) if size % n == 0])
        sizes = [size // count] * count
        builtin, inputs = "SPLIT", [m.numbers(axis), x.id]
    else:
        first = m.number(1, size)
        sizes = [first, size - first] if size > first else [size]
        builtin, inputs = "SPLIT_V", [x.id, m.numbers(sizes), m.numbers(axis)]
    shapes = [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in sizes]
    outputs = [m.builder.activation(shape, x.scale, x.zero_point) for shape in shapes]
    ids = [y.id for y in outputs]
    m.builder.writer.add_op(builtin, inputs, ids, {"NumSplits": len(ids)})
    return outputs


def unpack(m: GraphMaker, x: Handle) -> list[Handle] | None:
    axis = m.number(0, len(x.shape) - 1)
    shape, count = x.shape[:axis] + x.shape[axis + 1 :], x.shape[axis]
    if not shape or not fits(shape) or count > 6:
        return None
    outputs = [m.builder.activation(shape, x.scale, x.zero_point) for _ in range(count)]
    options = {"Num": count, "Axis": axis}
    m.builder.writer.add_op("UNPACK", [x.id], [y.id for y in outputs], options)
    return outputs


def join(m: GraphMaker, x: Handle) -> Handle | None:
    """CONCATENATION or PACK of what has the same scale and shape, x itself twice, a constant."""
    values = m.builder.rng.integers(-128, 128, x.shape).astype(np.int8)
    constant = m.builder.constant(values, x.scale, x.zero_point)
    alike: list[Handle | int] = [
        y for y in m.known
        if (y.shape, y.scale, y.zero_point) == (x.shape, x.scale, x.zero_point)
    ]  # fmt: skip
    inputs = [m.pick(alike), *(m.pick([*alike, constant]) for _ in range(m.number(0, 2)))]
    inputs = inputs[::-1] if m.flag() else inputs
    rank = len(x.shape)
    if m.flag():
        axis = m.number(0, rank)
        shape = (*x.shape[:axis], len(inputs), *x.shape[axis:])
        options = {"Axis": axis, "ValuesCount": len(inputs)}
        return m.op("PACK", inputs, shape, x, **options) if fits(shape) else None
    axis = m.number(0, rank - 1)
    shape = tuple(n * len(inputs) if d == axis else n for d, n in enumerate(x.shape))
    return m.op("CONCATENATION", inputs, shape, x, Axis=axis) if fits(shape) else None


def tile(m: GraphMaker, x: Handle) -> Handle | None:
    times = [m.number(1, 3) for _ in x.shape]
    shape = tuple(n * t for n, t in zip(x.shape, times, strict=True))
    return m.op("TILE", [x, m.numbers(times)], shape, x) if fits(shape) else None


def broadcast(m: GraphMaker, x: Handle) -> Handle | None:
    shape = tuple(m.number(1, 4) if n == 1 else n for n in x.shape)
    shape = (*[1] * m.number(0, 4 - min(len(shape), 4)), *shape)
    return m.op("BROADCAST_TO", [x, m.numbers(shape)], shape, x) if fits(shape) else None


def gather(m: GraphMaker, x: Handle) -> Handle | None:
    axis = m.number(0, len(x.shape) - 1)
    picked = [m.number(0, x.shape[axis] - 1) for _ in range(m.number(1, 4))]
    shape = (*x.shape[:axis], len(picked), *x.shape[axis + 1 :])
    return m.op("GATHER", [x, m.numbers(picked)], shape, x, Axis=axis) if fits(shape) else None


Layer = Callable[[GraphMaker, Handle], "Handle | list[Handle] | None"]

ANY: tuple[Layer, ...] = (
    *(
        lookup,
        two_operands,
        prelu,
        softmax,
        log_softmax,
        l2_normalization,
        reduce,
        arg_extreme,
        reshape,
        transpose,
        strided_slice,
        slice_,
    ),
    *(reverse, split, unpack, join, tile, broadcast, gather, pad),
    *(mirror_pad, fully_connected),
)
IMAGE: tuple[Layer, ...] = (
    *(convolution, depthwise, grouped, transposed, pool, resize, blocks),
    *(convolution, depthwise, pool),  # twice as often
)


@st.composite
def graphs(draw: Callable[[st.SearchStrategy[Any]], Any], most_layers: int = 8) -> bytes:
    """A .tflite file: one to three inputs, some layers, one to three outputs."""
    maker = GraphMaker(draw)
    for _ in range(maker.pick((1, 1, 2, 3))):
        maker.input()
    inputs = len(maker.known)
    for _ in range(maker.number(1, most_layers)):
        maker.add_layer()
    assume(len(maker.known) > inputs)
    return maker.finish()
