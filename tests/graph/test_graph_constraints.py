"""Every constraint once: a model that breaks it, and the sentence that the user reads."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ops import OPS
from tinydeploy.graph.read import read_graph
from tinydeploy.quantize.tflite_writer import TfliteWriter

KEEP = object()


class Tensor:
    """A tensor of a model with one operator."""

    def __init__(self, shape, dtype="int8", scale=0.5, zero=0, data=None, axis=0):
        self.shape, self.dtype, self.axis = shape, dtype, axis
        self.scales = None if scale is None else np.atleast_1d(np.float32(scale))
        self.zeros = None if scale is None else np.resize(zero, len(self.scales))
        self.data = None if data is None else np.full(shape, data, dtype)

    def write(self, writer, name):
        return writer.add_tensor(
            name, self.shape, self.dtype, scales=self.scales, zero_points=self.zeros,
            axis=self.axis, data=self.data,
        )  # fmt: skip


def weights(*shape, **options):
    return Tensor(shape, **{"data": 3, **options})


def bias(*shape, **options):
    return Tensor(shape, **{"dtype": "int32", "data": 7, **options})


def constant(values, dtype="int32"):
    array = np.array(values, dtype)
    tensor = Tensor(array.shape, dtype, scale=None)
    tensor.data = array
    return tensor


X = Tensor((1, 8, 8, 4))
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
    "PAD": ([X, constant([[0, 0], [1, 1], [1, 1], [0, 0]])], Tensor((1, 10, 10, 4)), {}),
    "PADV2": (
        [X, constant([[0, 0], [1, 1], [1, 1], [0, 0]]), Tensor((1,), data=3)],
        Tensor((1, 10, 10, 4)),
        {},
    ),
    "RESHAPE": ([X], Tensor((1, 256)), {}),
    "SQUEEZE": ([Tensor((1, 1, 1, 4))], Tensor((1, 4)), {}),
    "EXPAND_DIMS": ([X, constant(0)], Tensor((1, 1, 8, 8, 4)), {}),
    "SOFTMAX": ([X], Tensor((1, 8, 8, 4), scale=1 / 256, zero=-128), {"Beta": 1.0}),
    "CONCATENATION": ([X, X], Tensor((1, 8, 8, 8)), {"Axis": 3}),
    "LOGISTIC": ([X], Tensor((1, 8, 8, 4), scale=1 / 256), {}),
    "TANH": ([X], X, {}),
    "HARD_SWISH": ([X], X, {}),
    "RELU": ([X], X, {}),
    "RELU6": ([X], X, {}),
    "RELU_N1_TO_1": ([X], X, {}),
    "LEAKY_RELU": ([X], X, {"Alpha": 0.1}),
    "QUANTIZE": ([X], X, {}),
}


def model(builtin, *, x=KEEP, w=KEEP, b=KEEP, y=KEEP, extra=(), options=KEEP, **changes):
    """The sound operator with some of its parts replaced; None leaves an input out."""
    inputs, output, sound_options = SOUND[builtin]
    inputs = [
        new if new is not KEEP else old
        for new, old in zip((x, w, b), [*inputs, None, None], strict=False)
    ]
    while inputs and inputs[-1] is None:
        inputs.pop()
    output = output if y is KEEP else y
    writer = TfliteWriter()
    ids = [-1 if t is None else t.write(writer, f"in{i}") for i, t in enumerate((*inputs, *extra))]
    out = output.write(writer, "out")
    writer.add_op(builtin, ids, [out], {**sound_options, **changes})
    ends = [
        i for i, t in zip(ids, (*inputs, *extra), strict=True) if t is not None and t.data is None
    ]
    if options is None:
        return remove_options(writer, ends, out)
    return writer.finish(ends, [out])


def remove_options(writer, ends, out):
    """The bytes with the operator's union of options declared to be none."""
    data = bytearray(writer.finish(ends, [out]))
    import tflite

    operator = tflite.Model.GetRootAs(data, 0).Subgraphs(0).Operators(0)._tab
    data[operator.Pos + operator.Offset(10)] = 0  # builtin_options_type
    return bytes(data)


@pytest.mark.parametrize("builtin", sorted(OPS))
def test_sound_operators_are_accepted(builtin):
    (op,) = read_graph(model(builtin)).ops
    assert type(op) is OPS[builtin]


def scales(tensor, **options):
    return Tensor(tensor.shape, tensor.dtype, **options)


BROKEN = [
    # every op
    ("ADD", {"extra": [X]}, "it has 2 inputs and 1 output"),
    ("CONV_2D", {"extra": [X]}, "it has 2 to 3 inputs and 1 output"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), data=1), "extra": ()}, "at least one of each is needed"),
    ("CONV_2D", {"y": Tensor((1, 8, 8, 6), scale=None)}, "one scale in 2^-40 to 2^40"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), scale=1e13)}, "one scale in 2^-40 to 2^40"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), scale=[0.5] * 4, axis=3)}, "one scale in 2^-40"),
    ("ADD", {"y": Tensor((1, 8, 8, 4), "int32")}, "is int32, not int8"),
    ("RESHAPE", {"y": Tensor((1, 1, 1, 1, 1, 256))}, "1 to 5 dimensions"),
    ("RESHAPE", {"y": Tensor((4, 8, 8, 1))}, "the first of four dimensions is 1"),
    ("MAX_POOL_2D", {"y": Tensor((1, 64, 4))}, "batch, height, width, channels"),
    # windows
    ("CONV_2D", {"StrideH": 0}, "its strides are at least 1"),
    ("MAX_POOL_2D", {"StrideW": -1}, "its strides are at least 1"),
    ("CONV_2D", {"DilationWFactor": 0}, "its dilations are at least 1"),
    ("CONV_2D", {"Padding": 2}, "its padding is SAME or VALID"),
    ("CONV_2D", {"options": None}, "the file gives its options"),
    ("CONV_2D", {"Padding": "VALID"}, "the shape that input, weights, strides and padding give"),
    ("CONV_2D", {"FusedActivationFunction": "TANH"}, "NONE, RELU, RELU6 or RELU_N1_TO_1"),
    ("AVERAGE_POOL_2D", {"FilterHeight": 0}, "its window is at least 1x1"),
    ("AVERAGE_POOL_2D", {"Padding": "VALID"}, "the shape that input, window, strides and padding"),
    ("AVERAGE_POOL_2D", {"y": scales(X, scale=0.25)}, "the same scale and zero point"),
    (
        "AVERAGE_POOL_2D",
        {
            "x": Tensor((1, 1, 9_000_000, 1)),
            "y": Tensor((1, 1, 1, 1)),
            "FilterWidth": 9_000_000,
            "StrideW": 9_000_000,
        },
        "its windows hold at most 2^23 elements",
    ),
    # weights
    ("CONV_2D", {"w": Tensor((1, 3, 3, 4))}, "an int8 constant of 4 dimensions"),
    ("CONV_2D", {"w": weights(6, 3, 12)}, "an int8 constant of 4 dimensions"),
    ("CONV_2D", {"w": weights(6, 3, 3, 4, dtype="int16")}, "an int8 constant of 4 dimensions"),
    ("FULLY_CONNECTED", {"w": weights(5, 16, 16)}, "an int8 constant of 2 dimensions"),
    ("CONV_2D", {"w": weights(6, 3, 3, 4, scale=None)}, "one scale, or one per output channel"),
    ("CONV_2D", {"w": weights(6, 3, 3, 4, zero=1)}, "zero points of 0"),
    ("CONV_2D", {"w": weights(6, 3, 3, 4, scale=[0.1] * 4, axis=3)}, "one per output channel"),
    ("CONV_2D", {"b": bias(5)}, "an int32 constant with one value per output channel"),
    ("CONV_2D", {"b": bias(6, data=None)}, "is int32, not int8"),
    ("CONV_2D", {"b": bias(6, dtype="int16")}, "an int32 constant with one value per output"),
    ("CONV_2D", {"b": bias(6, data=2**31 - 1)}, "stay inside an int32 for every input"),
    (
        "CONV_2D",
        {"y": Tensor((1, 8, 8, 6), scale=2.0**-25)},
        "stay inside an int32 for every input",  # shifted left by the multiplier
    ),
    (
        "CONV_2D",
        {"y": Tensor((1, 8, 8, 6), scale=2.0**-35)},
        "multipliers of at most 2^30",
    ),
    ("CONV_2D", {"w": weights(6, 3, 3, 2)}, "not a grouped convolution"),
    (
        "DEPTHWISE_CONV_2D",
        {"w": weights(1, 3, 3, 6), "y": Tensor((1, 8, 8, 6)), "b": bias(6)},
        "times a whole number",
    ),
    ("FULLY_CONNECTED", {"WeightsFormat": 1}, "not shuffled"),
    ("FULLY_CONNECTED", {"w": weights(5, 100)}, "vectors as long as a row of the weights"),
    ("FULLY_CONNECTED", {"y": Tensor((5,))}, "vectors as long as a row of the weights"),
    ("FULLY_CONNECTED", {"KeepNumDims": True}, "vectors as long as a row of the weights"),
    # two operands
    ("ADD", {"w": Tensor((1, 1, 1, 4), data=1, scale=None)}, "like an activation's"),
    ("ADD", {"w": Tensor((1, 8, 1, 4))}, "it is a constant or one pixel"),
    ("ADD", {"w": Tensor((1, 8, 8, 1))}, "it is a constant or one pixel"),
    ("ADD", {"y": Tensor((1, 8, 8, 4), scale=2.0**-21)}, "above 2^-19 times the larger scale"),
    ("MUL", {"y": Tensor((1, 8, 8, 4), scale=2.0**-16)}, "multiplier of at most 2^14"),
    ("MAXIMUM", {"y": scales(X, scale=0.25)}, "the same scale and zero point"),
    ("MINIMUM", {"w": Tensor((1, 1, 1, 4), data=1, zero=3)}, "the same scale and zero point"),
    # the rest
    ("MEAN", {"w": constant([1])}, "the axes are a constant [1, 2]"),
    ("MEAN", {"w": constant([3])}, "the axes are a constant [1, 2]"),
    ("MEAN", {"w": constant([1, 2, 7])}, "the axes are a constant [1, 2]"),
    ("MEAN", {"w": Tensor((2,), "int8")}, "the axes are a constant [1, 2]"),
    ("MEAN", {"y": Tensor((1, 1, 4))}, "its output is [1, channels] or [1, 1, 1, channels]"),
    ("MEAN", {"y": Tensor((1, 4), scale=2.0**-24)}, "its sums stay inside an int32"),
    ("PAD", {"w": constant([[1, 1], [1, 1]])}, "a constant of 4x2 integers"),
    ("PAD", {"w": constant([[0, 0], [-1, 1], [1, 1], [0, 0]])}, "none of them negative"),
    ("PAD", {"w": constant([[0, 1], [1, 1], [1, 1], [0, 0]])}, "not the batch"),
    ("PAD", {"y": Tensor((1, 9, 10, 4))}, "its output has the shape they give"),
    ("PADV2", {"b": Tensor((1,), "int32", data=3)}, "is one int8 constant"),
    ("RESHAPE", {"y": Tensor((1, 255))}, "as many elements as its input"),
    ("SOFTMAX", {"y": X}, "a scale of 1/256 and a zero point of -128"),
    ("SOFTMAX", {"y": Tensor((1, 4, 8, 8), scale=1 / 256, zero=-128)}, "the shape of its input"),
    (
        "SOFTMAX",
        {"x": Tensor((1, 4096)), "y": Tensor((1, 4096), scale=1 / 256, zero=-128)},
        "at most 4095 elements",
    ),
    ("SOFTMAX", {"Beta": 1e-9}, "beta times the input's scale is above 2^-26"),
    ("CONCATENATION", {"w": Tensor((1, 8, 8, 4), data=1)}, "none is constant"),
    ("CONCATENATION", {"FusedActivationFunction": "RELU"}, "no fused activation function"),
    ("CONCATENATION", {"Axis": 0}, "height, width or channels of NHWC tensors"),
    ("CONCATENATION", {"Axis": 7}, "height, width or channels of NHWC tensors"),
    ("CONCATENATION", {"Axis": 2}, "along it they add up to the output"),
    ("LOGISTIC", {"y": X}, "scales are such that the reference can compute it"),
    ("HARD_SWISH", {"y": scales(X, scale=1e-3)}, "scales are such that the reference can"),
    ("LEAKY_RELU", {"Alpha": 1e30}, "scales are such that the reference can compute it"),
    ("LEAKY_RELU", {"Alpha": float("nan")}, "scales are such that the reference can compute it"),
    ("QUANTIZE", {"y": scales(X, scale=1e-8)}, "scales are such that the reference can compute it"),
]


@pytest.mark.parametrize(("builtin", "changes", "sentence"), BROKEN)
def test_a_broken_constraint_is_told(builtin, changes, sentence):
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(model(builtin, **changes))
    assert sentence in caught.value.message
    assert caught.value.hint


# Constraints that no model written by this test's writer can break alone: what they look at makes
# an earlier check fail first. They guard what the later ones rely on.
GUARDS = {
    "Its first input is computed or given, not constant.",
    "One of its operands at least is computed or given, not constant.",
    "It has 1 input and 1 output.",
    "It has 1 to 64 inputs and 1 output.",
}


def test_every_constraint_is_tested():
    sentences = {c.__doc__ for op in OPS.values() for c in op.constraints}
    told = [sentence for _, _, sentence in BROKEN]
    untested = {s for s in sentences if not any(t[1:].lower() in s.lower() for t in told)}
    assert untested == GUARDS


def test_constraints_are_sentences():
    for op in OPS.values():
        assert op.constraints
        for constraint in op.constraints:
            sentence = constraint.__doc__ or ""
            assert sentence.endswith(".")
            assert "\n" not in sentence
            assert sentence.startswith(("It", "All", "One", "The"))
