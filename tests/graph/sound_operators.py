"""A sound operator of each kind, and models of one operator with some of its parts replaced."""

from __future__ import annotations

import numpy as np
import tflite

from tinydeploy.quantize.tflite_writer import TfliteWriter

KEEP = object()


class Tensor:
    """A tensor of a model with one operator."""

    def __init__(self, shape, dtype="int8", scale=0.5, zero=0, data=None, axis=0, variable=False):
        self.shape, self.dtype, self.axis, self.variable = shape, dtype, axis, variable
        self.scales = None if scale is None else np.atleast_1d(np.float32(scale))
        self.zeros = None if scale is None else np.resize(zero, len(self.scales))
        self.data = None if data is None else np.full(shape, data, dtype)

    @property
    def is_given(self):
        """Whether it is an input of the model."""
        return self.data is None and not self.variable

    def write(self, writer, name):
        return writer.add_tensor(
            name, self.shape, self.dtype, scales=self.scales, zero_points=self.zeros,
            axis=self.axis, data=self.data, variable=self.variable,
        )  # fmt: skip


def weights(*shape, **options):
    return Tensor(shape, **{"data": 3, **options})


def bias(*shape, **options):
    return Tensor(shape, **{"dtype": "int32", "data": 7, "scale": 0.25, **options})


def constant(values, dtype="int32"):
    array = np.array(values, dtype)
    tensor = Tensor(array.shape, dtype, scale=None)
    tensor.data = array
    return tensor


X = Tensor((1, 8, 8, 4))
TRUTHS = Tensor((1, 8, 8, 4), "bool", scale=None)
MASK = Tensor((1, 8, 8, 4), "bool", scale=None, data=True)
SAME = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
CONV = {**SAME, "DilationHFactor": 1, "DilationWFactor": 1}
POOL = {**SAME, "FilterHeight": 2, "FilterWidth": 2}

# A sound operator of each kind: inputs, output, options.
SOUND = {
    "CONV_2D": ([X, weights(6, 3, 3, 4), bias(6)], Tensor((1, 8, 8, 6)), CONV),
    "DEPTHWISE_CONV_2D": (
        [X, weights(1, 3, 3, 8), bias(8)],
        Tensor((1, 8, 8, 8)),
        {**CONV, "DepthMultiplier": 2},
    ),
    "FULLY_CONNECTED": ([X, weights(5, 256), bias(5)], Tensor((1, 5)), {"KeepNumDims": False}),
    "ADD": ([X, X], X, {}),
    "SUB": ([X, X], X, {}),
    "MUL": ([X, X], X, {}),
    "MAXIMUM": ([X, X], X, {}),
    "MINIMUM": ([X, X], X, {}),
    "AVERAGE_POOL_2D": ([X], X, POOL),
    "MAX_POOL_2D": ([X], X, POOL),
    "MEAN": ([X, constant([1, 2])], Tensor((1, 4)), {}),
    "SUM": ([X, constant([1, 2])], Tensor((1, 4)), {}),
    "PAD": ([X, constant([[0, 0], [1, 1], [1, 1], [0, 0]])], Tensor((1, 10, 10, 4)), {}),
    "PADV2": (
        [X, constant([[0, 0], [1, 1], [1, 1], [0, 0]]), Tensor((1,), data=3)],
        Tensor((1, 10, 10, 4)),
        {},
    ),
    "RESHAPE": ([X], Tensor((1, 256)), {"NewShape": [1, 256]}),
    "SQUEEZE": ([Tensor((1, 1, 1, 4))], Tensor((1, 4)), {}),
    "EXPAND_DIMS": ([X, constant(0)], Tensor((1, 1, 8, 8, 4)), {}),
    "SOFTMAX": ([X], Tensor((1, 8, 8, 4), scale=1 / 256, zero=-128), {"Beta": 1.0}),
    "LOG_SOFTMAX": ([X], Tensor((1, 8, 8, 4), scale=1 / 16, zero=127), {}),
    "ARG_MAX": ([X, constant(3)], Tensor((1, 8, 8), "int32", scale=None), {"OutputType": "INT32"}),
    "ARG_MIN": ([X, constant(3)], Tensor((1, 8, 8), "int64", scale=None), {"OutputType": "INT64"}),
    "CONCATENATION": ([X, X], Tensor((1, 8, 8, 8)), {"Axis": 3}),
    "LOGISTIC": ([X], Tensor((1, 8, 8, 4), scale=1 / 256), {}),
    "TANH": ([X], X, {}),
    "HARD_SWISH": ([X], X, {}),
    "RELU": ([X], X, {}),
    "RELU6": ([X], X, {}),
    "RELU_N1_TO_1": ([X], X, {}),
    "LEAKY_RELU": ([X], X, {"Alpha": 0.1}),
    "QUANTIZE": ([X], X, {}),
    "RELU_0_TO_1": ([X], X, {}),
    "ABS": ([X], X, {}),
    "EXP": ([Tensor((1, 8, 8, 4), scale=0.01)], X, {}),
    "GELU": ([X], X, {}),
    "PRELU": ([X, weights(1, 1, 4)], X, {}),
    "SQUARED_DIFFERENCE": ([X, X], X, {}),
    "TRANSPOSE_CONV": (
        [constant([1, 16, 16, 6]), weights(6, 3, 3, 4), X, bias(6)],
        Tensor((1, 16, 16, 6)),
        {"Padding": "SAME", "StrideH": 2, "StrideW": 2},
    ),
    "L2_NORMALIZATION": ([X], Tensor((1, 8, 8, 4), scale=1 / 128), {}),
    "REDUCE_MAX": ([X, constant([3])], Tensor((1, 8, 8)), {}),
    "REDUCE_MIN": ([X, constant([1, 3])], Tensor((1, 8)), {}),
    "TRANSPOSE": ([X, constant([0, 2, 1, 3])], X, {}),
    "SLICE": ([X, constant([0, 1, 0, 0]), constant([1, 7, 8, -1])], Tensor((1, 7, 8, 4)), {}),
    "STRIDED_SLICE": (
        [X, constant([0, 1, 0, 0]), constant([1, 8, 8, 4]), constant([1, 2, 1, 1])],
        Tensor((1, 4, 8, 4)),
        {},
    ),
    "REVERSE_V2": ([X, constant([2])], X, {}),
    "SPLIT": ([constant(3), X], Tensor((1, 8, 8, 4)), {"NumSplits": 1}),
    "SPLIT_V": ([X, constant([4]), constant(3)], Tensor((1, 8, 8, 4)), {"NumSplits": 1}),
    "UNPACK": ([Tensor((1, 1, 9))], Tensor((1, 9)), {"Num": 1, "Axis": 1}),
    "PACK": ([X, X], Tensor((1, 2, 8, 8, 4)), {"Axis": 1, "ValuesCount": 2}),
    "SPACE_TO_DEPTH": ([X], Tensor((1, 4, 4, 16)), {"BlockSize": 2}),
    "DEPTH_TO_SPACE": ([X], Tensor((1, 16, 16, 1)), {"BlockSize": 2}),
    "TILE": ([X, constant([1, 1, 3, 1])], Tensor((1, 8, 24, 4)), {}),
    "BROADCAST_TO": ([Tensor((1, 1, 1, 4)), constant([1, 8, 8, 4])], X, {}),
    "GATHER": ([X, constant([3, 0])], Tensor((1, 8, 8, 2)), {"Axis": 3}),
    "MIRROR_PAD": (
        [X, constant([[0, 0], [1, 1], [7, 0], [0, 0]])],
        Tensor((1, 10, 15, 4)),
        {"Mode": "REFLECT"},
    ),
    "RESIZE_NEAREST_NEIGHBOR": ([X, constant([16, 8])], Tensor((1, 16, 8, 4)), {}),
    "SVDF": (
        [
            Tensor((1, 6)),
            weights(4, 6),
            weights(4, 3, dtype="int16"),
            bias(2),
            Tensor((1, 12), "int16", variable=True),
        ],
        Tensor((1, 2)),
        {"Rank": 2, "FusedActivationFunction": "RELU"},
    ),
    "RESIZE_BILINEAR": ([X, constant([16, 8])], Tensor((1, 16, 8, 4)), {}),
    **{
        builtin: ([X, X], TRUTHS, {})
        for builtin in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    },
    "DIV": ([X, Tensor((1, 8, 8, 4), data=9)], Tensor((1, 8, 8, 4), scale=0.01), {}),
    "LOG": ([X], X, {}),
    "NEG": ([X], X, {}),
    "SQRT": ([Tensor((1, 8, 8, 4), zero=-128)], X, {}),
    "RSQRT": ([Tensor((1, 8, 8, 4), zero=-128)], X, {}),
    "LOGICAL_AND": ([TRUTHS, MASK], TRUTHS, {}),
    "LOGICAL_OR": ([TRUTHS, MASK], TRUTHS, {}),
    "LOGICAL_NOT": ([TRUTHS], TRUTHS, {}),
    "SELECT": ([MASK, X, X], X, {}),
    "SELECT_V2": ([MASK, X, X], X, {}),
    "BATCH_MATMUL": ([Tensor((1, 3, 4)), Tensor((1, 4, 5))], Tensor((1, 3, 5), scale=4), {}),
}


def model(
    builtin, *, x=KEEP, w=KEEP, b=KEEP, d=KEEP, e=KEEP, y=KEEP, extra=(), options=KEEP, **changes
):
    """The sound operator with some of its parts replaced; None leaves an input out."""
    if builtin in VARIABLES:
        return variable_model(builtin, X, **changes)
    if builtin == "UNIDIRECTIONAL_SEQUENCE_LSTM":
        return lstm_model(y=None if y is KEEP else y, **changes)
    inputs, output, sound_options = SOUND[builtin]
    inputs = [
        new if new is not KEEP else old
        for new, old in zip((x, w, b, d, e), [*inputs, *[None] * 4], strict=False)
    ]
    while inputs and inputs[-1] is None:
        inputs.pop()
    output = output if y is KEEP else y
    writer = TfliteWriter()
    ids = [-1 if t is None else t.write(writer, f"in{i}") for i, t in enumerate((*inputs, *extra))]
    ends = {i: t for i, t in zip(ids, (*inputs, *extra), strict=True) if t is not None}
    ends = [compare(writer, i, t) for i, t in ends.items() if t.is_given]
    out = output.write(writer, "out")
    writer.add_op(builtin, ids, [out], {**sound_options, **changes})
    if options is None:
        return remove_options(writer, ends, out)
    return writer.finish(ends, [out])


def compare(writer, tensor, truths):
    """Makes truth values of an input of the model, which it returns; others are one themselves."""
    if truths.dtype != "bool":
        return tensor
    source = Tensor(truths.shape).write(writer, "compared")
    writer.add_op("GREATER", [source, source], [tensor], {})
    return source


def wide_model(builtin, *, x=KEEP, w=KEEP, b=KEEP, y=KEEP, **changes):
    """The sound operator with int16 activations, some of its parts replaced."""
    if builtin in VARIABLES:
        return variable_model(builtin, widen(X))
    inputs, output, options = SOUND[builtin]
    inputs = [
        widen(t) if new is KEEP else new for t, new in zip(inputs, (x, w, b, KEEP), strict=False)
    ]
    scale = 1 / 32768 if builtin in ("SOFTMAX", "LOGISTIC", "TANH") else None
    writer = TfliteWriter()
    ids = [tensor.write(writer, f"in{i}") for i, tensor in enumerate(inputs)]
    out = (widen(output, scale) if y is KEEP else y).write(writer, "out")
    if builtin in ("ADD", "SUB"):
        options = {**options, "PotScaleInt16": False}
    writer.add_op(builtin, ids, [out], {**options, **changes})
    return writer.finish([i for i, t in zip(ids, inputs, strict=True) if t.data is None], [out])


def lstm_model(*, parts=None, y=None, intermediates=5, **changes):
    """A sound UNIDIRECTIONAL_SEQUENCE_LSTM of 4 units; `parts` replace inputs by number."""
    inputs = [Tensor((1, 3, 6)), *[weights(4, 6, scale=0.01)] * 4, *[weights(4, 4, scale=0.01)] * 4]
    inputs += [None] * 3 + [bias(4)] * 4 + [None] * 2
    inputs += [Tensor((1, 4), variable=True), Tensor((1, 4), "int16", 2.0**-11, variable=True)]
    inputs += [None] * 4
    for which, tensor in (parts or {}).items():
        inputs[which] = tensor
    writer = TfliteWriter()
    ids = [-1 if t is None else t.write(writer, f"in{i}") for i, t in enumerate(inputs)]
    out = (Tensor((1, 3, 4)) if y is None else y).write(writer, "out")
    inner = [Tensor((0,)).write(writer, f"inner{i}") for i in range(intermediates)]
    options = {"FusedActivationFunction": "TANH", **changes}
    writer.add_op("UNIDIRECTIONAL_SEQUENCE_LSTM", ids, [out], options, intermediates=inner)
    return writer.finish(ids[:1], [out])


VARIABLES = ("READ_VARIABLE", "ASSIGN_VARIABLE")


def variable_model(builtin, like, *, initial=None, value=None, read=None):
    """A variable that is read, and perhaps assigned the input; parts replaced."""
    value = like if value is None else value
    read = like if read is None else read
    writer = TfliteWriter()
    x = value.write(writer, "x")
    handle = writer.add_tensor("handle", (), "resource")
    y = read.write(writer, "y")
    writer.add_op("CALL_ONCE", [], [], {"InitSubgraphIndex": 1})
    writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": "v"})
    writer.add_op("READ_VARIABLE", [handle], [y])
    if builtin == "ASSIGN_VARIABLE":
        writer.add_op("ASSIGN_VARIABLE", [handle, x], [])
    writer.start_graph()
    handle = writer.add_tensor("handle", (), "resource")
    writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": "v"})
    first = Tensor(like.shape, like.dtype, data=3) if initial is None else initial
    writer.add_op("ASSIGN_VARIABLE", [handle, first.write(writer, "initial")], [])
    return writer.finish([x] if value.is_given else [], [y])


def widen(tensor, scale=None):
    """int16 in place of int8 activations and operands, int64 biases; all else as it is."""
    if tensor.dtype == "int32" and tensor.scales is not None:
        return Tensor(tensor.shape, "int64", 0.25, data=7)
    if tensor.dtype != "int8" or (tensor.data is not None and len(tensor.shape) > 1):
        return tensor
    wide = Tensor(tensor.shape, "int16", tensor.scales[0] if scale is None else scale)
    wide.data = None if tensor.data is None else tensor.data.astype(np.int16)
    return wide


def remove_options(writer, ends, out):
    """The bytes with the operator's union of options declared to be none."""
    data = bytearray(writer.finish(ends, [out]))
    operator = tflite.Model.GetRootAs(data, 0).Subgraphs(0).Operators(0)._tab
    data[operator.Pos + operator.Offset(10)] = 0  # builtin_options_type
    return bytes(data)
