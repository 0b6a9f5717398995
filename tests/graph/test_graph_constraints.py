"""Every constraint once: a model that breaks it, and the sentence that the user reads."""

from __future__ import annotations

import pytest
from sound_operators import Tensor, X, bias, constant, model, weights

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ops import OPS, Reshape
from tinydeploy.graph.read import read_graph

# In front of these there is what reads the variable, or what makes truth values.
LOGICAL = ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
# What a sound operator of these is read as, besides an op of its own.
RENAMINGS = ("SPLIT", "SPLIT_V", "UNPACK")  # of a single piece


@pytest.mark.parametrize("builtin", sorted(OPS))
def test_sound_operators_are_accepted(builtin):
    *before, op = read_graph(model(builtin)).ops
    # What reads the variable, what makes truth values.
    assert len(before) == (
        builtin in ("ASSIGN_VARIABLE", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT")
    )
    assert type(op) is (Reshape if builtin in RENAMINGS else OPS[builtin])


def scales(tensor, **options):
    return Tensor(tensor.shape, tensor.dtype, **options)


BROKEN = [
    # every op
    ("ADD", {"extra": [X]}, "it has 2 inputs and 1 output"),
    ("SLICE", {"b": None}, "it has 3 inputs and 1 output"),
    ("STRIDED_SLICE", {"extra": [X]}, "it has 4 inputs and 1 output"),
    ("CONV_2D", {"extra": [X]}, "it has 2 to 3 inputs and 1 output"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), data=1), "extra": ()}, "at least one of each is needed"),
    ("CONV_2D", {"y": Tensor((1, 8, 8, 6), scale=None)}, "one scale in 2^-40 to 2^40"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), scale=1e13)}, "one scale in 2^-40 to 2^40"),
    ("CONV_2D", {"x": Tensor((1, 8, 8, 4), scale=[0.5] * 4, axis=3)}, "one scale in 2^-40"),
    ("ADD", {"y": Tensor((1, 8, 8, 4), "int32")}, "its activations are int8"),
    ("RESHAPE", {"y": Tensor((1, 1, 1, 1, 1, 1, 256))}, "1 to 6 dimensions"),
    ("RESHAPE", {"y": Tensor((4, 8, 8, 1))}, "the first of four dimensions is 1"),
    ("MAX_POOL_2D", {"y": Tensor((1, 64, 4))}, "batch, height, width, channels"),
    ("DIV", {"y": X}, "dividend's scale is 2^6 to 2^22 times the product"),
    ("DIV", {"w": Tensor((1, 8, 8, 4), zero=9, data=9)}, "its divisor, if constant, has no zero"),
    ("SQRT", {"x": X}, "its input, if of SQRT or RSQRT, has a zero point of -128"),
    ("RSQRT", {"x": X}, "its input, if of SQRT or RSQRT, has a zero point of -128"),
    ("RSQRT", {"y": scales(X, scale=2.0**-39)}, "the reference can compute it"),
    ("SQRT", {"y": scales(X, scale=2.0**-39)}, "the reference can compute it"),
    ("NEG", {"y": scales(X, scale=0.25)}, "its input and output, if of NEG, have one scale"),
    ("NEG", {"x": scales(X, zero=1)}, "its input and output, if of NEG, have one scale"),
    # comparisons
    ("LESS", {"w": Tensor((1, 8, 8, 4), scale=1.0)}, "its operands' scales are below 1"),
    ("LESS", {"y": X}, "its output is of truth values"),
    ("EQUAL", {"w": Tensor((1, 8, 8, 4), "bool", scale=None)}, "its operands are int8 with one"),
    ("EQUAL", {"y": Tensor((1, 8, 8), "bool", scale=None)}, "its operands broadcast"),
    ("LOGICAL_AND", {"x": X}, "its inputs and its output are truth values"),
    ("LOGICAL_NOT", {"y": X}, "its inputs and its output are truth values"),
    ("SELECT", {"x": X}, "its first input are truth values"),
    ("SELECT", {"w": scales(X, scale=0.25)}, "int8 of one scale, zero point"),
    ("SELECT", {"w": Tensor((1, 1, 1, 4))}, "its inputs and output, if of SELECT, have one shape"),
    ("SELECT_V2", {"w": Tensor((1, 1, 2, 4))}, "its inputs broadcast to the output"),
    ("SELECT_V2", {"x": Tensor((1, 3), "bool", scale=None)}, "its inputs broadcast to the output"),
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
    ("CONV_2D", {"w": weights(6, 3, 3, 3)}, "one of several equal groups"),
    (
        "CONV_2D",
        {"w": weights(3, 3, 3, 2), "b": bias(3), "y": Tensor((1, 8, 8, 3))},
        "one of several equal groups",
    ),
    (
        "TRANSPOSE_CONV",
        {"y": Tensor((1, 17, 16, 6))},
        "its input has the shape that a convolution of its output has",
    ),
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
    ("ADD", {"w": Tensor((1, 8, 2, 4))}, "its operands broadcast to the output"),
    (
        "ADD",
        {"x": Tensor((1, 2, 3, 4, 5)), "w": Tensor((1, 1, 1, 1, 5)), "y": Tensor((1, 2, 3, 4, 5))},
        "its operands broadcast to the output",
    ),
    ("PRELU", {"x": Tensor((1, 8, 1, 4)), "w": X}, "its output has the shape of its input"),
    ("PRELU", {"y": Tensor((1, 8, 8, 4), scale=2.0**-24)}, "multipliers of at most 2^22"),
    ("PRELU", {"y": Tensor((1, 8, 8, 4), scale=2.0**-16)}, "for negative values of at most 2^14"),
    (
        "SQUARED_DIFFERENCE",
        {"y": Tensor((1, 8, 8, 4), scale=2.0**-16)},
        "above 2^-12 times the square of the larger scale",
    ),
    ("ADD", {"y": Tensor((1, 8, 8, 4), scale=2.0**-21)}, "above 2^-19 times the larger scale"),
    ("MUL", {"y": Tensor((1, 8, 8, 4), scale=2.0**-16)}, "multiplier of at most 2^14"),
    ("MAXIMUM", {"y": scales(X, scale=0.25)}, "the same scale and zero point"),
    ("MINIMUM", {"w": Tensor((1, 1, 1, 4), data=1, zero=3)}, "the same scale and zero point"),
    # state
    ("SVDF", {"extra": [X]}, "it has 5 inputs and 1 output"),
    ("SVDF", {"b": weights(4, 3)}, "the weights of time, is an int16 constant of 2 dimensions"),
    ("SVDF", {"w": weights(4, 6, zero=1)}, "one scale, above 0, and a zero point of 0"),
    ("SVDF", {"Rank": 3}, "its filters are its rank times its units"),
    (
        "SVDF",
        {"e": Tensor((1, 13), "int16", variable=True)},
        "an int16 variable of as many elements",
    ),
    ("SVDF", {"FusedActivationFunction": "NONE"}, "RELU: the reference runs no other"),
    ("SVDF", {"y": Tensor((1, 2), scale=2.0**-10)}, "requantization multipliers below 2^7"),
    # the rest
    ("MEAN", {"w": constant([1])}, "with sizes of 1 or nothing in place of the axes"),
    ("MEAN", {"w": constant([1, 2, 7])}, "its axes are a constant"),
    ("MEAN", {"w": Tensor((2,), "int8")}, "its axes are a constant"),
    ("MEAN", {"KeepDims": True}, "with sizes of 1 or nothing in place of the axes"),
    ("REDUCE_MAX", {"y": Tensor((1, 8, 8), scale=0.25)}, "the same scale and zero point"),
    ("MEAN", {"y": Tensor((1, 4), scale=2.0**-24)}, "its sums stay inside an int32"),
    ("PAD", {"w": constant([[1, 1], [1, 1]])}, "two integers for each dimension"),
    ("PAD", {"w": constant([[0, 0], [-1, 1], [1, 1], [0, 0]])}, "none of them negative"),
    ("PAD", {"y": Tensor((1, 9, 10, 4))}, "its output has the shape that the paddings give"),
    ("PADV2", {"b": Tensor((1,), "int32", data=3)}, "one constant of its output's type"),
    ("RESHAPE", {"y": Tensor((1, 255))}, "as many elements as its input"),
    ("SOFTMAX", {"y": X}, "a scale of 1/256 and a zero point of -128"),
    ("SOFTMAX", {"y": Tensor((1, 4, 8, 8), scale=1 / 256, zero=-128)}, "the shape of its input"),
    (
        "SOFTMAX",
        {"x": Tensor((1, 4096)), "y": Tensor((1, 4096), scale=1 / 256, zero=-128)},
        "at most 4095 elements",
    ),
    ("SOFTMAX", {"Beta": 1e-9}, "beta times the input's scale is above 2^-26"),
    ("CONCATENATION", {"w": Tensor((1, 8, 8, 4), "int32", scale=None, data=1)}, "output's type"),
    ("CONCATENATION", {"x": None}, "one of its inputs at least is computed"),
    ("LOG_SOFTMAX", {"y": Tensor((1, 8, 8, 4))}, "a scale of 1/16 and a zero point of 127"),
    ("ARG_MAX", {"y": Tensor((1, 8, 8))}, "its output int32 or int64"),
    ("ARG_MAX", {"w": constant([2, 3])}, "without its one axis"),
    ("CONCATENATION", {"FusedActivationFunction": "RELU"}, "no fused activation function"),
    ("CONCATENATION", {"Axis": 0}, "along it they add up to the output"),
    ("CONCATENATION", {"Axis": 7}, "its axis is one of its output's"),
    ("CONCATENATION", {"Axis": 2}, "along it they add up to the output"),
    ("LOGISTIC", {"y": X}, "scales are such that the reference can compute it"),
    ("HARD_SWISH", {"y": scales(X, scale=1e-3)}, "scales are such that the reference can"),
    ("EXP", {"x": X}, "scales are such that the reference can compute it"),
    ("TANH", {"y": scales(X, scale=1e-8)}, "scales are such that the reference can compute it"),
    ("LEAKY_RELU", {"Alpha": 1e30}, "scales are such that the reference can compute it"),
    ("LEAKY_RELU", {"Alpha": float("nan")}, "scales are such that the reference can compute it"),
    ("QUANTIZE", {"y": scales(X, scale=1e-8)}, "scales are such that the reference can compute it"),
    ("L2_NORMALIZATION", {"y": X}, "a scale of 1/128 and a zero point of 0"),
    (
        "L2_NORMALIZATION",
        {"x": Tensor((1, 40000)), "y": Tensor((1, 40000), scale=1 / 128)},
        "its last dimension has at most 2^15 elements",
    ),
    ("BATCH_MATMUL", {"w": Tensor((1, 4, 5), "int8", None, data=3)}, "its second operand is int8"),
    ("BATCH_MATMUL", {"w": Tensor((1, 3, 5))}, "its operands are matrices that fit each other"),
    ("BATCH_MATMUL", {"AdjX": True}, "its operands are matrices that fit each other"),
    ("BATCH_MATMUL", {"y": Tensor((1, 3, 4))}, "its operands are matrices that fit each other"),
    ("BATCH_MATMUL", {"w": Tensor((4,))}, "its operands are matrices that fit each other"),
    ("BATCH_MATMUL", {"y": Tensor((1, 3, 5), scale=2.0**-10)}, "a requantization multiplier below"),
    # state
    ("READ_VARIABLE", {"initial": Tensor((1, 8, 8, 3), data=1)}, "is initialized by CALL_ONCE"),
    ("READ_VARIABLE", {"initial": Tensor(X.shape, "int16", data=1)}, "is initialized by CALL_ONCE"),
    ("READ_VARIABLE", {"read": Tensor(X.shape, "int32", None)}, "its activations are int8"),
    ("ASSIGN_VARIABLE", {"value": Tensor((1, 8, 8, 3))}, "its value has the shape, type, scale"),
    ("ASSIGN_VARIABLE", {"value": scales(X, scale=0.25)}, "its value has the shape, type, scale"),
    (LSTM, {"parts": {9: weights(4, dtype="int16")}}, "neither peepholes, projection nor norms"),
    (LSTM, {"parts": {1: None, 5: None}}, "neither peepholes, projection nor norms"),
    (LSTM, {"FusedActivationFunction": "RELU"}, "activation function is TANH"),
    (LSTM, {"CellClip": -1.0}, "its clipping of cells not negative"),
    (LSTM, {"TimeMajor": True}, "one of the first two being 1: the batch"),
    (LSTM, {"y": Tensor((1, 4))}, "three dimensions, one of the first two being 1"),
    (LSTM, {"parts": {7: weights(4, 5, scale=0.01)}}, "its weights are int8 constants, units by"),
    (LSTM, {"parts": {2: weights(4, 6, zero=1)}}, "with one scale and zero point 0"),
    (LSTM, {"parts": {13: bias(4, data=1 << 30)}}, "one value below 2^30 for each unit"),
    (LSTM, {"parts": {18: Tensor((1, 5), variable=True)}}, "its states are variables of its own"),
    (
        LSTM,
        {"parts": {19: Tensor((1, 4), "int16", 0.01, variable=True)}},
        "int16 cells of scale 2^-15 to 2^-9",
    ),
    (LSTM, {"intermediates": 0}, "its fifth intermediate tensor is int8"),
    (LSTM, {"parts": {4: weights(4, 6, scale=0.1)}}, "requantization multipliers below 2^7"),
    # bytes in another order
    ("TRANSPOSE", {"w": constant([0, 2, 2, 3])}, "its order of dimensions is a constant"),
    ("TRANSPOSE", {"w": constant([0, 3, 1, 2])}, "its order of dimensions is a constant"),
    ("SLICE", {"w": constant([0, 2, 0, 0])}, "are constants that fit the input"),
    ("SLICE", {"w": constant([1, 2])}, "are constants that fit the input"),
    ("SLICE", {"y": X}, "the shape that the elements taken give"),
    ("STRIDED_SLICE", {"d": constant([1, 0, 1, 1])}, "are constants that fit the input"),
    ("STRIDED_SLICE", {"d": constant([1, -1, 1, 1])}, "are constants that fit the input"),
    ("STRIDED_SLICE", {"EllipsisMask": 1}, "no ellipsis, no new axis"),
    ("STRIDED_SLICE", {"ShrinkAxisMask": 2}, "the shape that the elements taken give"),
    ("REVERSE_V2", {"w": constant([4])}, "are constants that fit the input"),
    ("SPLIT", {"x": constant(4)}, "constants that fit its input and outputs"),
    ("SPLIT_V", {"w": constant([3])}, "constants that fit its input and outputs"),
    ("SPLIT_V", {"w": constant([-1, 3])}, "constants that fit its input and outputs"),
    ("UNPACK", {"Axis": 3}, "constants that fit its input and outputs"),
    ("UNPACK", {"y": Tensor((9,))}, "its outputs have the shapes that axis and sizes give"),
    ("PACK", {"Axis": 2}, "the shape of its output without its axis"),
    ("SPACE_TO_DEPTH", {"BlockSize": 0}, "its block size is at least 1"),
    ("DEPTH_TO_SPACE", {"BlockSize": 3}, "its output has the shape that it gives"),
    ("TILE", {"y": Tensor((1, 8, 25, 4))}, "whole multiples of its input's"),
    ("BROADCAST_TO", {"x": Tensor((1, 2, 1, 4))}, "BROADCAST_TO repeats sizes of 1"),
    ("GATHER", {"w": constant([4])}, "its indices are a constant of 0 or 1 dimensions, in range"),
    ("GATHER", {"BatchDims": 1}, "its indices are a constant of 0 or 1 dimensions, in range"),
    ("GATHER", {"w": constant([1, 2, 3])}, "as many elements in the axis as indices"),
    (
        "MIRROR_PAD",
        {"w": constant([[0, 0], [1, 1], [8, 0], [0, 0]]), "y": Tensor((1, 10, 16, 4))},
        "by more than its input has to reflect",
    ),
    ("RESIZE_NEAREST_NEIGHBOR", {"y": Tensor((1, 16, 8, 3))}, "has the channels of its input"),
    (
        "RESIZE_BILINEAR",
        {"AlignCorners": True, "HalfPixelCenters": True},
        "it aligns corners or places pixels at half a pixel, not both",
    ),
    (
        "RESIZE_BILINEAR",
        {"x": Tensor((1, 2, 3, 1)), "y": Tensor((1, 2, 120, 1))},
        "its rounded steps from pixel to pixel do not lead out of the input",
    ),
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
