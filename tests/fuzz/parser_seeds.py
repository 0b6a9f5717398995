"""Small sound inputs for each parser, from which fuzzing starts, and words that they know."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from onnx import TensorProto, helper, numpy_helper
from random_graphs import graphs

from tinydeploy.link.frames import MAX_PAYLOAD
from tinydeploy.paths import BOARDS
from tinydeploy.quantize.onnx_reader import NODE_READERS

Layer = tuple[str, dict[str, object], Mapping[str, np.ndarray]]
"""Operator, attributes, constants."""


def make_seeds(parser: str) -> tuple[bytes, ...]:
    """Inputs that the parser of this name takes, always the same."""
    return tuple(_SEEDS[parser]())


def list_words(parser: str) -> tuple[bytes, ...]:
    """What stands in files of this kind and random bytes do not find: libFuzzer's dictionary."""
    if parser == "onnx":
        names = ("kernel_shape", "strides", "pads", "dilations", "group", "axis", "axes", "perm")
        return tuple(name.encode() for name in (*NODE_READERS, *names, "auto_pad", "SAME_UPPER"))
    if parser == "toml":
        return tuple(f"\n{name} = ".encode() for name in ("size", "address", "use", "dma", "clock"))
    if parser == "tflite":
        return (b"TFL3", *(struct.pack("<i", value) for value in (-1, 1 << 16, 1 << 24, 1 << 30)))
    return ()


def _tflite() -> Iterator[bytes]:
    """Random graphs of few layers, until each operator was among them."""
    found: list[bytes] = []

    @seed(1)
    @settings(
        max_examples=150, deadline=None, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(model=graphs(most_layers=3))
    def collect(model: bytes) -> None:
        found.append(model)

    collect()
    yield from (model for model in found if len(model) < 8192)


def _onnx() -> Iterator[bytes]:
    """A net of everything, and each operator by itself after an input [n, 3, 8, 8]."""
    picture: Mapping[str, Layer] = {
        "conv": ("Conv", {"strides": [2, 2], "pads": [1, 1, 1, 1]}, {"w": _ones(4, 3, 3, 3)}),
        "depthwise": ("Conv", {"group": 3}, {"w": _ones(3, 1, 3, 3), "b": _ones(3)}),
        "norm": ("BatchNormalization", {}, {name: _ones(3) for name in ("s", "b", "m", "v")}),
        "relu": ("Relu", {}, {}),
        "clip": ("Clip", {}, {"low": np.float32(0), "high": np.float32(6)}),
        "add": ("Add", {}, {"b": _ones(1, 3, 1, 1)}),
        "mul": ("Mul", {}, {"b": _ones(1, 3, 1, 1)}),
        "max": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, {}),
        "average": ("AveragePool", {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}, {}),
        "global": ("GlobalAveragePool", {}, {}),
        "pad": ("Pad", {}, {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)}),
        "softmax": ("Softmax", {"axis": 1}, {}),
    }
    for name, (op, attributes, constants) in picture.items():
        yield _save([(op, attributes, constants)], name)
    gemm: Layer = ("Gemm", {"transB": 1}, {"w": _ones(5, 192), "b": _ones(5)})
    shape = {"shape": np.array([1, 192], np.int64)}
    yield _save([("Flatten", {}, {}), gemm], "flatten")
    yield _save([("Reshape", {}, shape), gemm], "reshape")
    turned: Layer = ("Transpose", {"perm": [0, 2, 3, 1]}, {})
    yield _save([picture["global"], turned], "transpose")
    yield _save(
        [
            picture["conv"],
            picture["relu"],
            picture["max"],
            picture["global"],
            ("Flatten", {}, {}),
            ("Gemm", {"transB": 1}, {"w": _ones(5, 4), "b": _ones(5)}),
        ],
        "net",
    )


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _save(
    layers: list[tuple[str, dict[str, object], Mapping[str, np.ndarray]]], name: str
) -> bytes:
    nodes, weights, source = [], [], "x"
    for number, (op, attributes, constants) in enumerate(layers):
        names = [f"{key}{number}" for key in constants]
        values = zip(constants.values(), names, strict=True)
        weights += [numpy_helper.from_array(np.asarray(value), key) for value, key in values]
        nodes.append(helper.make_node(op, [source, *names], [f"y{number}"], **attributes))
        source = f"y{number}"
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", "c", "h", "w"])],
        weights,
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def _params() -> Iterator[bytes]:
    shapes = ((2, 3), (4,), ())
    for head in ("<Iii", "<Ii", "<I"):  # V2, V1 and before
        arrays = b""
        for shape in shapes:
            if head == "<I":
                arrays += struct.pack(f"<I{len(shape)}I", len(shape), *shape)
            else:
                magic = 0xF993FAC8 + len(head) - 3
                parts = (magic, 0, len(shape)) if head == "<Iii" else (magic, len(shape))
                arrays += struct.pack(f"{head}{len(shape)}q", *parts, *shape)
            if shape:
                values = np.ones(shape, np.float32).tobytes()
                arrays += struct.pack("<iii", 1, 0, 0) + values
        names = b"".join(struct.pack("<Q", 5) + f"name{i}".encode() for i in range(len(shapes)))
        count = struct.pack("<Q", len(shapes))
        yield struct.pack("<QQ", 0x112, 0) + count + arrays + count + names


def _toml() -> Iterator[bytes]:
    for path in sorted(BOARDS.rglob("*.toml")):
        text = path.read_text("utf-8").splitlines()
        yield "\n".join(line for line in text if not line.startswith("#")).encode()


def _frames() -> Iterator[bytes]:
    """Conversations about everything with a board of one input and one output, and text between."""
    hello = struct.pack("<BHIBBHII8s", 0, 2, 480_000_000, 1, 1, 3, 100, 200, b"build id")
    tensor = struct.pack("<BIfiI", 0, 16, 0.5, -3, 1)
    begin = [hello, b"\0net", b"\0board"]
    for topic, answers in (
        (0, [tensor, b"\0", struct.pack("<BII", 0, 99, 0), tensor, bytes(17)]),
        (1, [tensor, b"\0", struct.pack("<BHI", 0, 3, 0), bytes(13)]),
        (2, [struct.pack("<B4I", 0, 1, 2, 3, 4), struct.pack("<B2I", 0, 5, 5)]),
        (3, []),
    ):
        pieces = [bytes([128 + len(answer)]) + answer for answer in (*begin, *answers)]
        assert all(len(piece) <= MAX_PAYLOAD + 1 for piece in pieces)
        yield bytes([topic]) + b"\5text\0".join(pieces) + b"\4text"


_SEEDS = {
    "tflite": _tflite,
    "onnx": _onnx,
    "params": _params,
    "toml": _toml,
    "frames": _frames,
}
