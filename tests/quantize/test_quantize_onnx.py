"""ONNX files: what can be read, and clear words about what cannot."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_cases import CASES

from tinydeploy.errors import InputFileError, TinydeployError, UnsupportedModelError
from tinydeploy.quantize.calibrate import calibrate_network
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Affine, Clamp, Conv, Dense, Layer, Mean, Network, Reshape
from tinydeploy.quantize.onnx_reader import NODE_READERS
from tinydeploy.quantize.read_onnx import read_onnx

SHAPE = (1, 4, 6, 6)
Constants = Mapping[str, np.ndarray]


def node(op: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, [output], name=f"the_{output}", **attributes)


def make_model(
    nodes: list[onnx.NodeProto], constants: Constants | None = None, opset: int = 17
) -> bytes:
    """A model from x [N, 4, 6, 6] to y."""
    values = [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *SHAPE[1:]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "C", "H", "W"])],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def read(
    nodes: list[onnx.NodeProto], constants: Constants | None = None, opset: int = 17
) -> Network:
    return read_onnx(make_model(nodes, constants, opset), SHAPE, "net")


def conv_weights(outputs: int = 5, inputs: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(outputs, inputs, 3, 3)).astype(np.float32)


def kinds(network: Network) -> list[type[Layer]]:
    return [type(layer) for layer in network.layers]


def test_shape_arithmetic_as_torch_exports_it() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Constant", "", "zero", value=numpy_helper.from_array(np.array(0))),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "target", axis=0),
        node("Reshape", "x target", "flat"),
        node("MatMul", "flat w", "product"),
        node("Add", "product b", "y"),
    ]
    constants = {
        "axes": np.array([0]),
        "rest": np.array([-1]),
        "w": np.ones((144, 3), np.float32),
        "b": np.arange(3, dtype=np.float32),
    }
    network = fold_network(read(nodes, constants))
    assert kinds(network) == [Reshape, Dense]
    dense = network.layers[-1]
    assert isinstance(dense, Dense)
    np.testing.assert_array_equal(dense.bias, [0, 1, 2])


def test_columns_follow_the_order_of_the_picture() -> None:
    columns = np.arange(144, dtype=np.float32).reshape(1, 144)
    network = read([node("Flatten", "x", "f"), node("Gemm", "f w", "y", transB=1)], {"w": columns})
    dense = network.layers[-1]
    assert isinstance(dense, Dense)
    expected = columns.reshape(4, 6, 6).transpose(1, 2, 0).ravel()
    np.testing.assert_array_equal(dense.weights.ravel(), expected)


def test_arithmetic_with_constants() -> None:
    nodes = [
        node("Mul", "x scale", "a"),
        node("Sub", "one a", "b"),
        node("Div", "b two", "c"),
        node("Add", "c shift", "y"),
    ]
    constants = {
        "scale": np.array([1, 2, 3, 4], np.float32).reshape(4, 1, 1),
        "one": np.float32(1),
        "two": np.float32(2),
        "shift": np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1),
    }
    scale, shift = np.ones(4), np.zeros(4)
    for layer in read(nodes, constants).layers:
        assert isinstance(layer, Affine)
        scale, shift = layer.scale * scale, layer.scale * shift + layer.shift
    np.testing.assert_allclose(scale, [-0.5, -1, -1.5, -2])
    np.testing.assert_allclose(shift, 0.5 + np.arange(4))


@pytest.mark.parametrize(
    ("nodes", "constants", "opset"),
    [
        ([node("Clip", "x low high", "y")], {"low": np.float32(0), "high": np.float32(6)}, 17),
        ([node("Clip", "x", "y", min=0.0, max=6.0)], {}, 6),
    ],
)
def test_clip_old_and_new(nodes, constants, opset) -> None:
    (clamp,) = read(nodes, constants, opset).layers
    assert isinstance(clamp, Clamp)
    assert (clamp.low.tolist(), clamp.high.tolist()) == ([0] * 4, [6] * 4)


@pytest.mark.parametrize(
    ("mode", "padding"),
    [
        ("VALID", (0, 0, 0, 0)),
        ("SAME_UPPER", (0, 0, 1, 1)),
        ("SAME_LOWER", (1, 1, 0, 0)),
        ("NOTSET", (1, 0, 0, 2)),
    ],
)
def test_padding_modes(mode: str, padding: tuple[int, ...]) -> None:
    attributes = {"pads": list(padding)} if mode == "NOTSET" else {"auto_pad": mode}
    nodes = [node("Conv", "x w", "y", strides=[2, 2], **attributes)]
    (conv,) = read(nodes, {"w": conv_weights()}).layers
    assert isinstance(conv, Conv)
    assert conv.padding == padding


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("opset", [13, 18])
def test_mean_over_the_picture(keep: int, opset: int) -> None:
    axes = {"axes": np.array([-1, -2])}
    if opset == 18:
        network = read([node("ReduceMean", "x axes", "y", keepdims=keep)], axes, opset)
    else:
        network = read([node("ReduceMean", "x", "y", keepdims=keep, axes=[2, 3])], None, opset)
    assert kinds(network) == ([Mean] if keep else [Mean, Reshape])
    assert network.shapes[network.output] == ((1, 1, 1, 4) if keep else (1, 4))


def test_reshapes_that_move_nothing() -> None:
    nodes = [
        node("GlobalAveragePool", "x", "p"),
        node("Squeeze", "p axes", "v"),
        node("Unsqueeze", "v axes", "q"),
        node("Transpose", "q", "t", perm=[0, 2, 3, 1]),
        node("Identity", "t", "i"),
        node("Reshape", "i shape", "y"),
    ]
    network = read(nodes, {"axes": np.array([2, 3]), "shape": np.array([0, -1])})
    assert kinds(network) == [Mean, Reshape]
    assert network.shapes[network.output] == (1, 4)


def test_one_error_names_all_unsupported_nodes() -> None:
    nodes = [
        node("Erf", "x", "a"),
        node("Conv", "a w", "b"),
        node("Sin", "b", "c"),
        node("MaxPool", "x", "d", kernel_shape=[3, 3], dilations=[2, 2]),
        node("Conv", "d w", "e"),
        node("Add", "c e", "y"),
    ]
    with pytest.raises(UnsupportedModelError) as caught:
        read(nodes, {"w": conv_weights()})
    text = str(caught.value)
    for words in (
        "the_a: Erf of [1x4x6x6]",
        "the_c: Sin of [1x5x4x4]",
        "the_d: MaxPool of [1x4x6x6]",
        "dilation=1",
    ):
        assert words in text
    assert "the_b" not in text  # it only hangs on the_a
    assert "docs/onnx.md" in caught.value.hint


UNSUPPORTED = {
    "conv of a vector": ([node("Flatten", "x", "f"), node("Conv", "f w", "y")], "N, C, H, W"),
    "3-D convolution": ([node("Conv", "x w5", "y")], "2-D"),
    "groups": ([node("Conv", "x w", "y", group=3)], "3 groups"),
    "weights not constant": ([node("Conv", "x x", "y")], "not a constant"),
    "negative padding": ([node("Conv", "x w", "y", pads=[-1, 0, 0, 0])], "padding"),
    "stride 0": ([node("Conv", "x w", "y", strides=[0, 1])], "strides"),
    "empty output": ([node("Conv", "x w", "y", dilations=[9, 9])], "shape"),
    "linear on other columns": ([node("MatMul", "x m5", "y")], "flatten"),
    "product of activations": ([node("MatMul", "x x", "y")], "not a constant"),
    "several matrices": ([node("MatMul", "x w", "y")], r"use \[I, O\]"),
    "transposed activation": (
        [node("Flatten", "x", "f"), node("Gemm", "f m", "y", transA=1)],
        "transposed",
    ),
    "batch padded": ([node("Pad", "x batches", "y")], "batch"),
    "reflected too far": ([node("Pad", "x far", "y", mode="reflect")], "reflected"),
    "sum of shapes": ([node("Conv", "x w", "c"), node("Add", "c x", "y")], "shapes"),
    "constant that repeats the input": (
        [node("GlobalAveragePool", "x", "c"), node("Add", "c x4", "y")],
        "broadcasts",
    ),
    "other constant": ([node("Add", "x odd", "y")], "broadcasts"),
    "no such axis": ([node("Softmax", "x", "y", axis=4)], "axis 4"),
    "nothing computed": ([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], "no layer"),
    "wrong transposition": ([node("Transpose", "x", "y", perm=[0, 2, 2, 1])], "perm"),
    "reshaped to more": ([node("Reshape", "x square", "y")], "cannot become"),
    "gather beyond": ([node("Gather", "x seven", "y", axis=2)], "beyond"),
    "split too long": ([node("Split", "x batch", "y", axis=1)], "split into"),
    "cubic": ([node("Resize", "x - twice", "y", mode="cubic")], "nearest or linear"),
    "crop and resize": (
        [
            node(
                "Resize",
                "x - twice",
                "y",
                mode="linear",
                coordinate_transformation_mode="tf_crop_and_resize",
            )
        ],
        "half_pixel",
    ),
    "slope per pixel": ([node("PRelu", "x pixels", "y")], "per channel"),
    "three at once": ([node("Max", "x x x", "y")], "two at a time"),
    "not finite": ([node("Conv", "x broken", "y")], "not finite"),
    "training": ([node("BatchNormalization", "x one one one one", "y", training_mode=1)], "eval"),
    "division": ([node("Div", "one4 x", "y")], "division"),
    "missing attribute": ([node("MaxPool", "x", "y")], "kernel_shape"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported(name: str) -> None:
    nodes, words = UNSUPPORTED[name]
    constants = {
        "w": conv_weights(),
        "w5": np.ones((2, 4, 3, 3, 3), np.float32),
        "m": np.ones((6, 6), np.float32),
        "m5": np.ones((5, 6), np.float32),
        "batches": np.array([1, 0, 0, 0, 0, 0, 0, 0]),
        "far": np.array([0, 0, 6, 0, 0, 0, 0, 0]),
        "x4": np.ones((1, 4, 6, 6), np.float32),
        "odd": np.ones(5, np.float32),
        "seven": np.array([7]),
        "twice": np.array([1, 1, 2, 2], np.float32),
        "pixels": np.arange(36, dtype=np.float32).reshape(6, 6),
        "square": np.array([1, 1, 13, 12]),
        "batch": np.array([2, 72]),
        "broken": conv_weights() * np.float32("inf"),
        "one": np.ones(4, np.float32),
        "one4": np.ones((4, 1, 1), np.float32),
    }
    with pytest.raises((UnsupportedModelError, InputFileError), match=words) as caught:
        read(nodes, constants)
    assert "net" in caught.value.message


def test_two_inputs() -> None:
    model = onnx.load_model_from_string(make_model([node("Add", "x z", "y")], {}))
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, SHAPE))
    with pytest.raises(UnsupportedModelError, match="2 inputs"):
        read_onnx(model.SerializeToString(), SHAPE)


def test_weights_in_another_file() -> None:
    model = onnx.load_model_from_string(
        make_model([node("Conv", "x w", "y")], {"w": conv_weights()})
    )
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    with pytest.raises(InputFileError):
        read_onnx(model.SerializeToString(), SHAPE)


@pytest.mark.parametrize("data", [b"", b"\x08", b"not an onnx file" * 10])
def test_not_onnx(data: bytes) -> None:
    with pytest.raises(InputFileError, match="not a valid ONNX model"):
        read_onnx(data, SHAPE)


def test_giant_constants_are_refused() -> None:
    nodes = [
        node("ConstantOfShape", "sizes", "c"),
        node("Range", "zero far step", "r"),
        node("Add", "x c", "y"),
    ]
    constants = {
        "sizes": np.array([1 << 20, 1 << 20]),
        "zero": np.int64(0),
        "far": np.int64(1 << 40),
        "step": np.int64(1),
    }
    with pytest.raises(UnsupportedModelError, match="larger than any"):
        read(nodes, constants)


def test_damaged_files_end_in_our_errors() -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c v v v v", "n"),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "m target", "f"),
        node("Gemm", "f g", "y", transB=1),
    ]
    constants = {
        "w": conv_weights(),
        "v": np.ones(5, np.float32),
        "target": np.array([0, -1]),
        "g": np.ones((3, 45), np.float32),
    }
    data = make_model(nodes, constants)
    assert kinds(fold_network(read_onnx(data, SHAPE))).count(Conv) == 1
    rng = random.Random(1)
    read_well = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            # Names, attributes and sizes lie in front of and behind the weights.
            at = rng.choice((rng.randrange(len(data)), rng.randrange(400), -rng.randrange(1, 200)))
            damaged[at] = rng.randrange(256)
        try:
            network = fold_network(read_onnx(bytes(damaged[: rng.choice((None, -9))]), SHAPE))
        except TinydeployError:
            continue
        read_well += 1
        assert network.layers
    assert read_well > 10  # damaged weights are weights


def test_damaged_operators_end_in_our_errors() -> None:
    rng = random.Random(2)
    files = [(case.model(), case.shape) for case in CASES.values()]
    read_well = 0
    for _ in range(600):
        data, shape = rng.choice(files)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2))):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        try:
            fold_network(read_onnx(bytes(damaged), shape))
        except TinydeployError:
            continue
        read_well += 1
    assert read_well > 30


def test_sizes_of_damaged_files_are_bounded() -> None:
    far = {"p": np.array([0, 0, 0, 1 << 40, 0, 0, 0, 0]), "s": np.array([1, 4, 1 << 40, 6])}
    nodes = [
        node("Pad", "x p", "a", mode="edge"),
        node("Resize", "x - - s", "b"),
        node("MaxPool", "x", "c", kernel_shape=[2, 2], pads=[1, 1, 1, 1], strides=[1, 1]),
        node("Add", "a b", "d"),
        node("Add", "c d", "y"),
    ]
    with pytest.raises(UnsupportedModelError, match=r"the_a.*too large(.|\n)*the_b.*too large"):
        read(nodes, far)


def test_registered_functions_say_what_they_read() -> None:
    assert len(NODE_READERS) >= 24
    assert all(entry.read.__doc__ for entry in NODE_READERS.values())


def test_calibration_refuses_what_is_not_finite() -> None:
    data = make_model([node("Mul", "x huge", "y")], {"huge": np.float32(3e38)})
    with pytest.raises(InputFileError, match="not finite in tensor 'y'"):
        calibrate_network(data, {"y": 144}, np.full((2, *SHAPE[1:]), 100, np.float32), SHAPE, 1)


def test_calibration_with_a_fixed_batch() -> None:
    model = onnx.load_model_from_string(make_model([node("Relu", "x", "y")]))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    x = np.random.default_rng(0).normal(size=(5, *SHAPE[1:])).astype(np.float32)
    tensors = {"y": 144, "made/later": 3}
    seen = calibrate_network(model.SerializeToString(), tensors, x, SHAPE, 2).statistics
    assert list(seen) == ["y"]
    assert seen["y"].counts.sum() == x.size
    np.testing.assert_array_equal(seen["y"].maximum, x.max((0, 2, 3)))
