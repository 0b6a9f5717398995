"""Small models of the kinds that converters and vendors give out, other than plain int8 images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.model_builder import Handle, ModelBuilder, add_lstm, initialize

Maker = Callable[[], bytes]


def _op(b: ModelBuilder, builtin: str, inputs, shape, like: Handle, **options: object) -> Handle:
    """An operator whose output quantizes as `like`."""
    out = b.activation(shape, like.scale, like.zero_point)
    ids = [x.id if isinstance(x, Handle) else b.constant(np.asarray(x, np.int32)) for x in inputs]
    b.writer.add_op(builtin, ids, [out.id], options)
    return out


def padded_and_transposed() -> bytes:
    """An NCHW input, turned round and padded in front of the first convolution."""
    b = ModelBuilder(1)
    x = b.input((3, 14, 16))
    x = _op(b, "TRANSPOSE", [x, (0, 2, 3, 1)], (1, 14, 16, 3), x)
    x = b.conv(b.pad(x, (0, 0, 1, 1)), 8, stride=(2, 2), padding="VALID", activation="RELU6")
    return b.finish([b.fully_connected(b.depthwise(x), 5)])


def computed_shape() -> bytes:
    """SHAPE, STRIDED_SLICE and PACK in front of RESHAPE, as Keras' Flatten and Reshape give."""
    b = ModelBuilder(2)
    x = b.conv(b.input((6, 6, 4)), 4)
    shape = b.writer.add_tensor("shape", (4,), "int32")
    batch = b.writer.add_tensor("batch", (), "int32")
    packed = b.writer.add_tensor("packed", (2,), "int32")
    b.writer.add_op("SHAPE", [x.id], [shape], {"OutType": "INT32"})
    slices = [b.constant(np.array([value], np.int32)) for value in (0, 1, 1)]
    b.writer.add_op("STRIDED_SLICE", [shape, *slices], [batch], {"ShrinkAxisMask": 1})
    rest = b.constant(np.array(144, np.int32))
    b.writer.add_op("PACK", [batch, rest], [packed], {"ValuesCount": 2, "Axis": 0})
    flat = b.activation((1, 144), x.scale, x.zero_point)
    b.writer.add_op("RESHAPE", [x.id, packed], [flat.id], {})
    return b.finish([b.fully_connected(flat, 7)])


def float_ends() -> bytes:
    """A float32 input and output, quantized inside."""
    b = ModelBuilder(3)
    source = b.writer.add_tensor("input", (1, 8, 8, 3), "float32")
    x = b.activation((1, 8, 8, 3), 0.05, -3)
    b.writer.add_op("QUANTIZE", [source], [x.id], {})
    y = b.fully_connected(b.pool("AVERAGE_POOL_2D", b.conv(x, 6)), 4)
    result = b.writer.add_tensor("output", y.shape, "float32")
    b.writer.add_op("DEQUANTIZE", [y.id], [result], {})
    return b.writer.finish([source], [result])


def enlarging() -> bytes:
    """Both RESIZEs and several outputs, one of them inner."""
    b = ModelBuilder(4)
    x = b.conv(b.input((8, 8, 3)), 8, stride=(2, 2), activation="RELU")
    up = _op(b, "RESIZE_BILINEAR", [x, (8, 8)], (1, 8, 8, 8), x, HalfPixelCenters=True)
    near = _op(b, "RESIZE_NEAREST_NEIGHBOR", [x, (8, 8)], (1, 8, 8, 8), x)
    mask = b.conv(b.concatenation([up, near]), 2, (1, 1))
    return b.finish([mask, b.mean(x, keep_dims=False), up])


def squeeze_and_excite() -> bytes:
    """A MEAN that becomes a factor of each channel."""
    b = ModelBuilder(5)
    x = b.depthwise(b.conv(b.input((10, 10, 3)), 8, activation="RELU6"))
    gate = b.conv(b.conv(b.mean(x), 4, (1, 1), activation="RELU"), 8, (1, 1))
    return b.finish([b.mean(b.binary("MUL", x, b.lookup("LOGISTIC", gate)), keep_dims=False)])


def columns() -> bytes:
    """Depthwise convolutions of k x 1 and 1 x k, as keyword nets have."""
    b = ModelBuilder(6)
    x = b.depthwise(b.input((20, 1, 8)), 1, (9, 1), activation="RELU")
    x = b.depthwise(b.conv(x, 6, (1, 1)), 2, (5, 1), stride=(2, 1), padding="VALID")
    y = b.depthwise(b.input((1, 20, 4)), 1, (1, 7))
    return b.finish([b.mean(x, keep_dims=False), y])


def two_hundred_layers() -> bytes:
    """A chain of 66 depthwise and 67 pointwise convolutions, 66 sums and a FULLY_CONNECTED."""
    b = ModelBuilder(7)
    x = b.conv(b.input((6, 6, 4)), 4, scale=0.2)
    for _ in range(66):
        y = b.conv(b.depthwise(x, scale=0.3), 4, (1, 1), scale=0.2)
        x = b.binary("ADD", x, y, scale=0.2)
    return b.finish([b.fully_connected(x, 3)])


def indices() -> bytes:
    """ARG_MAX at the end, of classes and of each pixel, beside the scores."""
    b = ModelBuilder(8)
    x = b.conv(b.input((5, 6, 3)), 7)
    scores = b.fully_connected(x, 9)
    outputs = [scores]
    for y, axis, shape, dtype in ((scores, 1, (1,), "int64"), (x, 3, (1, 5, 6), "int32")):
        found = b.writer.add_tensor(f"indices{axis}", shape, dtype)
        axes = b.constant(np.array(axis, np.int32))
        b.writer.add_op("ARG_MAX", [y.id, axes], [found], {"OutputType": dtype.upper()})
        outputs.append(Handle(found, shape, 1.0, 0))
    return b.finish(outputs)


def wide() -> bytes:
    """int16 activations throughout, int8 at one output."""
    b = ModelBuilder(9)
    writer, rng = b.writer, b.rng

    def tensor(shape, scale, dtype="int16"):
        return writer.add_tensor(f"t{rng.integers(1 << 30)}", shape, dtype, scales=[scale])

    def weights(shape, axis):
        data, scales = rng.integers(-127, 128, shape).astype(np.int8), np.full(shape[axis], 0.01)
        bias = rng.integers(-(10**6), 10**6, shape[axis]).astype(np.int64)
        return [
            writer.add_tensor("w", shape, "int8", scales=scales, axis=axis, data=data),
            writer.add_tensor("b", bias.shape, "int64", scales=scales * 0.001, data=bias),
        ]

    window = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
    dilated = {**window, "DilationHFactor": 1, "DilationWFactor": 1}
    x, y, z = tensor((1, 9, 8, 3), 0.001), tensor((1, 9, 8, 6), 0.004), tensor((1, 9, 8, 6), 0.01)
    relu = {**dilated, "FusedActivationFunction": "RELU"}
    writer.add_op("CONV_2D", [x, *weights((6, 3, 3, 3), 0)], [y], relu)
    writer.add_op(
        "DEPTHWISE_CONV_2D", [y, *weights((1, 3, 3, 6), 3)], [z], {**dilated, "DepthMultiplier": 1}
    )
    total, pooled = tensor((1, 9, 8, 6), 0.012), tensor((1, 4, 4, 6), 0.012)
    writer.add_op("ADD", [y, z], [total], {"PotScaleInt16": False})
    pool = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 2, "StrideW": 2, "Padding": "VALID"}
    writer.add_op("MAX_POOL_2D", [total], [pooled], pool)
    flat, scores = tensor((1, 96), 0.012), tensor((1, 5), 0.08)
    writer.add_op("RESHAPE", [pooled], [flat], {"NewShape": [1, 96]})
    writer.add_op("FULLY_CONNECTED", [flat, *weights((5, 96), 0)], [scores], {})
    shares, narrow = tensor((1, 5), 1 / 32768), tensor((1, 5), 0.3, "int8")
    writer.add_op("SOFTMAX", [scores], [shares], {"Beta": 1.0})
    writer.add_op("QUANTIZE", [scores], [narrow], {})
    return writer.finish([x], [shares, narrow, total])


def streaming() -> bytes:
    """Two SVDF layers in a row, which keep state."""
    b = ModelBuilder(10)
    writer, rng = b.writer, b.rng
    x = b.input((12,))
    for units, rank, memory in ((8, 2, 6), (4, 1, 3)):
        filters, depth = units * rank, x.shape[1]
        state_scale = x.scale * 0.01 * 73 * 74 * np.sqrt(depth) / 8000
        values = rng.integers(-127, 128, (filters, depth)).astype(np.int8)
        time = rng.integers(-3000, 3000, (filters, memory)).astype(np.int16)
        ids = [
            x.id,
            writer.add_tensor("feature", values.shape, "int8", scales=[0.01], data=values),
            writer.add_tensor("time", time.shape, "int16", scales=[0.0004], data=time),
            -1,
            writer.add_tensor(
                "state", (1, time.size), "int16", scales=[state_scale], variable=True
            ),
        ]
        spread = state_scale * 0.0004 * 8000 * 1700 * np.sqrt(memory * rank)
        x = b.activation((1, units), spread / 60, -4)
        writer.add_op("SVDF", ids, [x.id], {"Rank": rank, "FusedActivationFunction": "RELU"})
    return b.finish([b.fully_connected(x, 3), x])


def remembering() -> bytes:
    """Convolutions over time whose last inputs are variables, one of them initialized with data."""
    b = ModelBuilder(11)
    writer = b.writer
    writer.add_op("CALL_ONCE", [], [], {"InitSubgraphIndex": 1})
    x = b.input((2, 1, 6))
    initial = [np.full((1, 3, 1, 6), x.zero_point, np.int8)]
    x = b.conv(_remember(b, "steps", x, 3), 5, (3, 1), padding="VALID", stride=(2, 1))
    initial.append(b.rng.integers(-99, 99, (1, 2, 1, 5)).astype(np.int8))
    x = b.conv(_remember(b, "later", x, 2), 4, (2, 1), padding="VALID")
    y = b.fully_connected(x, 3)
    initialize(writer, dict(zip(("steps", "later"), initial, strict=True)))
    return b.finish([y, x])


def _remember(b: ModelBuilder, name: str, x: Handle, steps: int) -> Handle:
    """The input behind the last rows of what was before, of which the variable keeps some."""
    handle = b.writer.add_tensor(name, (), "resource")
    b.writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": name})
    _, height, width, channels = x.shape
    before = b.activation((1, steps, width, channels), x.scale, x.zero_point)
    b.writer.add_op("READ_VARIABLE", [handle], [before.id])
    both = b.activation((1, steps + height, width, channels), x.scale, x.zero_point)
    b.writer.add_op("CONCATENATION", [before.id, x.id], [both.id], {"Axis": 1})
    sizes = [(0, height, 0, 0), (1, steps, width, channels)]
    last = _op(b, "SLICE", [both, *sizes], before.shape, x)
    b.writer.add_op("ASSIGN_VARIABLE", [handle, last.id], [])
    return both


def recurrent() -> bytes:
    """Two LSTM layers over the rows of a convolution, and the classes of the last step."""
    b = ModelBuilder(12)
    x = b.conv(b.input((6, 5, 2)), 3, scale=0.03)
    x = _op(b, "RESHAPE", [x, (1, 6, 15)], (1, 6, 15), x)
    for units in (8, 5):
        y = b.activation((1, 6, units), 1 / 128, 4)
        add_lstm(b.writer, b.rng, x, y, gain=2.0, CellClip=10.0)
        x = y
    last = _op(b, "SLICE", [x, (0, 5, 0), (1, 1, 5)], (1, 1, 5), x)
    return b.finish([b.fully_connected(last, 4), x])


KINDS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        padded_and_transposed,
        computed_shape,
        float_ends,
        enlarging,
        squeeze_and_excite,
        columns,
        two_hundred_layers,
        indices,
        wide,
        streaming,
        remembering,
        recurrent,
    )
}
