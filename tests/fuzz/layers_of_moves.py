"""Random layers that move bytes and compute nothing."""

from __future__ import annotations

import math

from builders import Handle
from graph_maker import GraphMaker, Layer, fits
from hypothesis import strategies as st


def reshape(m: GraphMaker, x: Handle) -> Handle:
    size = math.prod(x.shape)
    height = m.pick([n for n in range(1, 13) if size % n == 0])
    width = m.pick([n for n in range(1, 13) if size // height % n == 0])
    shapes = ((1, height, width, size // height // width), (1, size), (1, height, size // height))
    return m.builder.reshape(x, m.pick(shapes))


def computed_reshape(m: GraphMaker, x: Handle) -> Handle | None:
    """RESHAPE to a shape that operators compute, as converters write for a free batch."""
    rest = math.prod(x.shape[1:])
    if x.shape[0] != 1:
        return None
    writer = m.builder.writer
    shape = writer.add_tensor("shape", (len(x.shape),), "int32")
    first, packed = writer.add_tensor("first", (), "int32"), writer.add_tensor("to", (2,), "int32")
    output = m.builder.activation((1, rest), x.scale, x.zero_point)
    writer.add_op("SHAPE", [x.id], [shape], {"OutType": "INT32"})
    bounds = [m.numbers([0]), m.numbers([1]), m.numbers([1])]
    writer.add_op("STRIDED_SLICE", [shape, *bounds], [first], {"ShrinkAxisMask": 1})
    writer.add_op("PACK", [first, m.numbers(rest)], [packed], {"ValuesCount": 2})
    writer.add_op("RESHAPE", [x.id, packed], [output.id], {})
    return output


def ones(m: GraphMaker, x: Handle) -> Handle | None:
    """SQUEEZE or EXPAND_DIMS."""
    gone = [d for d, n in enumerate(x.shape) if n == 1 and m.flag()]
    if gone and len(gone) < len(x.shape):
        shape = tuple(n for d, n in enumerate(x.shape) if d not in gone)
        written = [d - len(x.shape) if m.flag() else d for d in gone]
        return m.op("SQUEEZE", [x], shape, x, SqueezeDims=written) if fits(shape) else None
    axis, written_axis = m.axis(len(x.shape) + 1)
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return m.op("EXPAND_DIMS", [x, m.numbers(written_axis)], shape, x) if fits(shape) else None


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
    masks = {"EndMask": sum(1 << d for d, end in enumerate(ends) if end < 0)}
    first = [0 if s > 0 else n - 1 for n, s in zip(x.shape, steps, strict=True)]
    masks["BeginMask"] = sum(1 << d for d, b in enumerate(begins) if b == first[d] and m.flag())
    single = [n == 1 and s == 1 and m.flag() for n, s in zip(counts, steps, strict=True)]
    masks["ShrinkAxisMask"] = sum(1 << d for d, one in enumerate(single) if one)
    # From behind, and beyond the mask anything at all.
    written = [b - n if m.flag() else b for n, b in zip(x.shape, begins, strict=True)]
    written = [m.number(-9, 9) if masks["BeginMask"] >> d & 1 else b for d, b in enumerate(written)]
    inputs = [x, m.numbers(written), m.numbers(ends), m.numbers(steps)]
    shape = tuple(n for n, one in zip(counts, single, strict=True) if not one)
    return m.op("STRIDED_SLICE", inputs, shape, x, **masks) if shape and fits(shape) else None


def slice_(m: GraphMaker, x: Handle) -> Handle:
    begins = [m.number(0, n - 1) for n in x.shape]
    sizes = [m.number(1, n - b) for n, b in zip(x.shape, begins, strict=True)]
    rest = zip(x.shape, begins, sizes, strict=True)
    written = [-1 if b + size == n and m.flag() else size for n, b, size in rest]
    return m.op("SLICE", [x, m.numbers(begins), m.numbers(written)], tuple(sizes), x)


def reverse(m: GraphMaker, x: Handle) -> Handle:
    like = x if m.flag() else None  # the reference copies bytes of any scale
    return m.op("REVERSE_V2", [x, m.numbers([m.axis(len(x.shape))[1]])], x.shape, like)


def split(m: GraphMaker, x: Handle) -> list[Handle] | None:
    axis, written = m.axis(len(x.shape))
    size = x.shape[axis]
    if m.flag():
        count = m.pick([n for n in range(1, 5) if size % n == 0])
        sizes = [size // count] * count
        builtin, inputs = "SPLIT", [m.numbers(written), x.id]
    else:
        first = m.number(1, size)
        sizes = [first, size - first] if size > first else [size]
        builtin, inputs = "SPLIT_V", [x.id, m.numbers(sizes), m.numbers(written)]
    shapes = [(*x.shape[:axis], n, *x.shape[axis + 1 :]) for n in sizes]
    outputs = [m.builder.activation(shape, x.scale, x.zero_point) for shape in shapes]
    ids = [y.id for y in outputs]
    m.builder.writer.add_op(builtin, inputs, ids, {"NumSplits": len(ids)})
    return outputs


def unpack(m: GraphMaker, x: Handle) -> list[Handle] | None:
    axis, written = m.axis(len(x.shape))
    shape, count = x.shape[:axis] + x.shape[axis + 1 :], x.shape[axis]
    if not shape or not fits(shape) or count > 6:
        return None
    outputs = [m.builder.activation(shape, x.scale, x.zero_point) for _ in range(count)]
    options = {"Num": count, "Axis": written}
    m.builder.writer.add_op("UNPACK", [x.id], [y.id for y in outputs], options)
    return outputs


def join(m: GraphMaker, x: Handle) -> Handle | None:
    """CONCATENATION or PACK of what has the same scale, x itself twice, a constant."""
    values = m.builder.rng.integers(-128, 128, x.shape).astype(m.builder.dtype)
    constant = Handle(
        m.builder.constant(values, x.scale, x.zero_point), x.shape, x.scale, x.zero_point
    )
    alike = [y for y in m.known if y.shape == x.shape and _joins(x, y, 0)]
    inputs = [m.pick(alike), *(m.pick([*alike, constant]) for _ in range(m.number(0, 2)))]
    inputs = inputs[::-1] if m.flag() else inputs
    rank = len(x.shape)
    if m.flag():
        axis, written = m.axis(rank + 1)
        shape = (*x.shape[:axis], len(inputs), *x.shape[axis:])
        options = {"Axis": written, "ValuesCount": len(inputs)}
        return m.op("PACK", inputs, shape, x, **options) if fits(shape) else None
    axis, written = m.axis(rank)
    inputs += [y for y in m.known if y is not x and _joins(x, y, axis) and m.flag()][:2]
    size = sum(y.shape[axis] for y in inputs)
    shape = tuple(size if d == axis else n for d, n in enumerate(x.shape))
    return m.op("CONCATENATION", inputs, shape, x, Axis=written) if fits(shape) else None


def _joins(x: Handle, y: Handle, axis: int) -> bool:
    """Whether they differ in nothing but the size of a dimension."""
    same = (x.scale, x.zero_point, len(x.shape)) == (y.scale, y.zero_point, len(y.shape))
    return same and all(
        a == b for d, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if d != axis
    )


def tile(m: GraphMaker, x: Handle) -> Handle | None:
    times = [m.number(1, 3) for _ in x.shape]
    shape = tuple(n * t for n, t in zip(x.shape, times, strict=True))
    return m.op("TILE", [x, m.numbers(times)], shape, x) if fits(shape) else None


def broadcast(m: GraphMaker, x: Handle) -> Handle | None:
    shape = tuple(m.number(1, 4) if n == 1 else n for n in x.shape)
    shape = (*[1] * m.number(0, 4 - min(len(shape), 4)), *shape)
    return m.op("BROADCAST_TO", [x, m.numbers(shape)], shape, x) if fits(shape) else None


def gather(m: GraphMaker, x: Handle) -> Handle | None:
    axis, written = m.axis(len(x.shape))
    picked = [m.number(0, x.shape[axis] - 1) for _ in range(m.number(1, 4))]
    single = len(x.shape) > 1 and m.flag()  # a number for an index takes the dimension away
    shape = (*x.shape[:axis], *([] if single else [len(picked)]), *x.shape[axis + 1 :])
    indices = m.numbers(picked[0] if single else picked)
    return m.op("GATHER", [x, indices], shape, x, Axis=written) if fits(shape) else None


ANY_RANK: tuple[Layer, ...] = (
    *(reshape, computed_reshape, ones, transpose, strided_slice, slice_, reverse),
    *(split, unpack, join, tile, broadcast, gather),
)
