"""Small models of the kinds that TensorFlow's converter makes of Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.model_builder import Handle, ModelBuilder

Maker = Callable[[], bytes]


class _Model(ModelBuilder):
    """Adds operators as the converter writes them."""

    def op(self, builtin, inputs, shape, like: Handle | None = None, **options: object) -> Handle:
        """An operator whose output quantizes as `like`; numbers among its inputs are int32."""
        out = self.activation(shape, *((like.scale, like.zero_point) if like else (0.05, 3)))
        self.writer.add_op(builtin, [self._id(x) for x in inputs], [out.id], options)
        return out

    def other(self, builtin: str, inputs, shape, dtype: str, **options: object) -> Handle:
        """An operator that gives float32 or truth values."""
        out = self.writer.add_tensor(f"o{self.rng.integers(1 << 30)}", shape, dtype)
        self.writer.add_op(builtin, [self._id(x) for x in inputs], [out], options)
        return Handle(out, tuple(shape), 1.0, 0)

    def values(self, shape, scale: float, zero_point: int = 0) -> Handle:
        """A random constant."""
        data = self.rng.integers(-128, 128, shape).astype(np.int8)
        return Handle(self.constant(data, scale, zero_point), tuple(shape), scale, zero_point)

    def negated(self, x: Handle) -> Handle:
        """NEG has no int8 form: it remains float32."""
        real = self.other("DEQUANTIZE", [x], x.shape, "float32")
        return self.op("QUANTIZE", [self.other("NEG", [real], x.shape, "float32")], x.shape, x)

    def layer_norm(self, x: Handle) -> Handle:
        """LayerNormalization over the last dimension."""
        mean = self.mean(x, (-1,), scale=x.scale / 2, zero_point=0)
        square = self.activation(x.shape, x.scale * 3, -128)
        self.writer.add_op("SQUARED_DIFFERENCE", [x.id, mean.id], [square.id], {})
        variance = self.mean(square, (-1,), scale=x.scale * 2, zero_point=-128)
        root = self.lookup("RSQRT", variance, scale=0.01, zero_point=-128)
        gain = self.binary("MUL", root, self.rng.integers(1, 128, (1, 1, x.shape[-1]), np.int8))
        shift = self.binary("MUL", self.negated(mean), gain)
        return self.binary("ADD", self.binary("MUL", x, gain), shift)

    def _id(self, x: Handle | object) -> int:
        return x.id if isinstance(x, Handle) else self.constant(np.asarray(x, np.int32))


def unrolled_recurrent() -> bytes:
    """An LSTM that is not one operator: its gates are split in float32."""
    b = _Model(1)
    x = b.input((4, 6))
    steps = [b.op("STRIDED_SLICE", [x, (0, n, 0), (1, n + 1, 6), (1, 1, 1)], (1, 6), x,
                  ShrinkAxisMask=2) for n in range(4)]  # fmt: skip
    hidden = cell = None
    for step in steps:
        gates = b.fully_connected(step, 20, scale=0.06)
        if hidden is not None:
            gates = b.binary("ADD", gates, b.fully_connected(hidden, 20, scale=0.05), scale=0.06)
        real = b.other("DEQUANTIZE", [gates], gates.shape, "float32")
        parts = [b.writer.add_tensor(f"part{n}", (1, 5), "float32") for n in range(4)]
        axis = b.constant(np.array(1, np.int32))
        b.writer.add_op("SPLIT", [axis, real.id], parts, {"NumSplits": 4})
        quantized = []
        for part, scale in zip(parts, (0.05, 0.04, 0.06, 0.05), strict=True):
            quantized.append(b.activation((1, 5), scale, 2))
            b.writer.add_op("QUANTIZE", [part], [quantized[-1].id], {})
        entry, keep, value, leave = quantized
        new = b.binary("MUL", b.lookup("LOGISTIC", entry), b.lookup("TANH", value))
        if cell is not None:
            new = b.binary("ADD", new, b.binary("MUL", cell, b.lookup("LOGISTIC", keep)))
        cell = new
        hidden = b.binary("MUL", b.lookup("LOGISTIC", leave), b.lookup("TANH", cell))
    assert hidden is not None
    return b.finish([b.fully_connected(hidden, 3), hidden])


def gated_sequence() -> bytes:
    """Two dilated convolutions of one SPACE_TO_BATCH_ND, as a gated causal layer has."""
    b = _Model(2)
    x = b.input((12, 4))
    padded = b.op("PAD", [x, ((0, 0), (4, 0), (0, 0))], (1, 16, 4), x)
    cut = b.op("SPACE_TO_BATCH_ND", [padded, (2,), ((0, 0),)], (2, 8, 4), x)
    image = b.op("RESHAPE", [cut, (2, 1, 8, 4)], (2, 1, 8, 4), x)
    branches = []
    for function in ("TANH", "LOGISTIC"):
        y = b.conv(image, 5, (1, 3), padding="VALID")
        flat = b.op("RESHAPE", [y, (2, 6, 5)], (2, 6, 5), y)
        whole = b.op("BATCH_TO_SPACE_ND", [flat, (2,), ((0, 0),)], (1, 12, 5), y)
        branches.append(b.lookup(function, whole))
    gated = b.binary("MUL", *branches)
    return b.finish([b.mean(gated, (1,), keep_dims=False), gated])


def attention() -> bytes:
    """One head of self-attention and a normalization behind it."""
    b = _Model(3)
    x = b.input((6, 8))
    query, key, value = [b.fully_connected(x, 8, depth=8, keep_num_dims=True) for _ in range(3)]
    turned = b.op("TRANSPOSE", [key, (0, 2, 1)], (1, 8, 6), key)
    products = b.activation((1, 6, 6), query.scale * key.scale * 300, -4)
    b.writer.add_op("BATCH_MATMUL", [query.id, turned.id], [products.id], {})
    shares = b.softmax(products, 0.1)
    mixed = b.activation((1, 6, 8), value.scale, value.zero_point)
    b.writer.add_op("BATCH_MATMUL", [shares.id, value.id], [mixed.id], {})
    y = b.layer_norm(b.binary("ADD", x, mixed))
    return b.finish([b.fully_connected(b.mean(y, (1,), keep_dims=False), 4), y])


def peaks() -> bytes:
    """The local maxima of a heat map, by EQUAL, and a mask of those above a threshold."""
    b = _Model(4)
    heat = b.lookup("LOGISTIC", b.conv(b.input((9, 8, 3)), 2, scale=0.04))
    largest = b.pool("MAX_POOL_2D", heat, (3, 3), stride=(1, 1), padding="SAME")
    truths = b.other("EQUAL", [heat, largest], heat.shape, "bool")
    real = b.other(
        "CAST", [truths], heat.shape, "float32", InDataType="BOOL", OutDataType="FLOAT32"
    )
    kept = b.activation(heat.shape, 1 / 255, -128)
    b.writer.add_op("QUANTIZE", [real.id], [kept.id], {})
    scores = b.binary("MUL", heat, kept, scale=1 / 256, zero_point=-128)
    half = Handle(b.constant(np.full((1,), 30, np.int8), heat.scale, heat.zero_point), (1,), 1.0, 0)
    above = b.other("GREATER", [heat, half], heat.shape, "bool")
    chosen = b.op("SELECT_V2", [above, heat, half], heat.shape, heat)
    return b.finish([scores, above, chosen])


def unit_vectors() -> bytes:
    """Vectors divided by their length, of which the squares are float32; and weighted sums."""
    b = _Model(5)
    x = b.conv(b.input((4, 4, 3)), 6, scale=0.05)
    real = b.other("DEQUANTIZE", [x], x.shape, "float32")
    squares = b.activation(x.shape, 0.1, -128)
    square = b.other("SQUARE", [real], x.shape, "float32")
    b.writer.add_op("QUANTIZE", [square.id], [squares.id], {})
    sums = b.activation((1, 4, 4, 1), 0.5, -128)
    axes = b.constant(np.array([3], np.int32))
    b.writer.add_op("SUM", [squares.id, axes], [sums.id], {"KeepDims": True})
    inverse = b.lookup("RSQRT", sums, scale=0.02, zero_point=-128)
    units = b.binary("MUL", x, inverse, scale=1 / 100)
    total = b.activation((1, 6), 0.08, 5)
    both = b.constant(np.array([1, 2], np.int32))
    b.writer.add_op("SUM", [units.id, both], [total.id], {})
    size = b.binary("ADD", b.lookup("ABS", total), np.full((1,), 20, np.int8), zero_point=-128)
    ratio = b.activation((1, 6), 1 / 128, 0)
    b.writer.add_op("DIV", [total.id, size.id], [ratio.id], {})
    return b.finish([units, ratio])


CONVERTED: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (unrolled_recurrent, gated_sequence, attention, peaks, unit_vectors)
}
