"""The .tflite writer: what it writes runs, is stable, and misuse is told."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tinydeploy.quantize.metadata import Normalization
from tinydeploy.quantize.tflite_operators import find_builtin, list_fields, options_table
from tinydeploy.quantize.tflite_writer import TfliteWriter

WINDOW = {"Padding": "VALID", "StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}


def run(model: bytes, *inputs: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def integers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def single_op(
    builtin: str,
    options: Mapping[str, Any],
    shapes: list[tuple[int, ...]],
    output: tuple[int, ...],
    constants: list[np.ndarray] = [],  # noqa: B006 - never changed
) -> bytes:
    writer = TfliteWriter()
    quantized = {"scales": 0.5, "zero_points": 3}
    inputs = [writer.add_tensor(f"x{k}", s, "int8", **quantized) for k, s in enumerate(shapes)]
    fixed = [
        writer.add_tensor(f"c{k}", c.shape, c.dtype.name, data=c) for k, c in enumerate(constants)
    ]
    y = writer.add_tensor("y", output, "int8", **quantized)
    writer.add_op(builtin, [*inputs, *fixed], [y], options)
    return writer.finish(inputs, [y])


@pytest.mark.parametrize(
    ("builtin", "options", "shapes", "output", "constants", "expected"),
    [
        (
            "MAX_POOL_2D",
            WINDOW,
            [(1, 4, 4, 2)],
            (1, 2, 2, 2),
            [],
            lambda x: x.reshape(1, 2, 2, 2, 2, 2).max((2, 4)),
        ),
        ("RESHAPE", {"NewShape": [1, 8]}, [(1, 2, 2, 2)], (1, 8), [], lambda x: x.reshape(1, 8)),
        ("SQUEEZE", {"SqueezeDims": [1, 2]}, [(1, 1, 1, 8)], (1, 8), [], lambda x: x[:, 0, 0]),
        (
            "PAD",
            {},
            [(1, 2, 2, 1)],
            (1, 3, 4, 1),
            [np.array([[0, 0], [1, 0], [1, 1], [0, 0]], np.int32)],
            lambda x: np.pad(x, ((0, 0), (1, 0), (1, 1), (0, 0)), constant_values=3),
        ),
        ("MAXIMUM", {}, [(1, 2, 2, 3), (1, 2, 2, 3)], (1, 2, 2, 3), [], np.maximum),
        ("MINIMUM", {}, [(1, 2, 2, 3), (1, 1, 1, 3)], (1, 2, 2, 3), [], np.minimum),
        (
            "CONCATENATION",
            {"Axis": 3, "FusedActivationFunction": "NONE"},
            [(1, 2, 2, 3), (1, 2, 2, 1)],
            (1, 2, 2, 4),
            [],
            lambda a, b: np.concatenate([a, b], -1),
        ),
        (
            "TRANSPOSE",
            {},
            [(1, 2, 3, 4)],
            (1, 3, 2, 4),
            [np.array([0, 2, 1, 3], np.int32)],
            lambda x: x.transpose(0, 2, 1, 3),
        ),
        ("RELU", {}, [(1, 8)], (1, 8), [], lambda x: np.maximum(x, 3)),
    ],
)
def test_single_ops_run(builtin, options, shapes, output, constants, expected) -> None:
    inputs = [integers(shape, k) for k, shape in enumerate(shapes)]
    model = single_op(builtin, options, shapes, output, constants)
    np.testing.assert_array_equal(run(model, *inputs), expected(*inputs))


def test_a_convolution_with_scales_per_channel() -> None:
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 3, 3, 2), "int8", scales=[1.0], zero_points=[0])
    scales = [1.0, 0.5, 2.0]
    weights = integers((3, 1, 1, 2)) // 16
    w = writer.add_tensor("w", weights.shape, "int8", scales=scales, data=weights)
    bias = np.array([10, -7, 0], np.int32)
    b = writer.add_tensor("b", (3,), "int32", scales=scales, data=bias)
    y = writer.add_tensor("y", (1, 3, 3, 3), "int8", scales=[8.0], zero_points=[0])
    options = {"Padding": "SAME", "StrideH": 1, "StrideW": 1, "FusedActivationFunction": "RELU"}
    writer.add_op("CONV_2D", [x, w, b], [y], options)
    inputs = integers((1, 3, 3, 2)) // 4
    exact = (inputs.astype(int) @ weights[:, 0, 0].T.astype(int) + bias) * np.array(scales)
    got = run(writer.finish([x], [y]), inputs) * 8.0
    # Half a step of the output, and a bit of double rounding.
    assert np.abs(got - np.clip(exact, 0, 8 * 127)).max() <= 0.75 * 8


def test_every_options_table_has_its_place_in_the_union() -> None:
    known = [name for name in vars(tflite.BuiltinOperator) if not name.startswith("_")]
    tables = {name: options_table(name) for name in known}
    without = {name for name, (table, _) in tables.items() if not table}
    assert {"RELU", "RELU6", "LOGISTIC", "TANH", "PRELU", "CUSTOM"} <= without
    for name, (table, number) in tables.items():
        if table:
            assert getattr(tflite.BuiltinOptions, table) == number
            assert all(hasattr(getattr(tflite, table), field) for field in list_fields(table)), name
    assert tables["AVERAGE_POOL_2D"][0] == "Pool2DOptions"
    assert tables["MEAN"][0] == "ReducerOptions"
    assert tables["SPLIT_V"][0] == "SplitVOptions"
    assert find_builtin("CONV_2D") == tflite.BuiltinOperator.CONV_2D


def test_versions_are_those_of_int8() -> None:
    model = tflite.Model.GetRootAs(single_op("MAX_POOL_2D", WINDOW, [(1, 4, 4, 2)], (1, 2, 2, 2)))
    assert model.OperatorCodes(0).Version() == 2
    assert model.OperatorCodes(0).BuiltinCode() == tflite.BuiltinOperator.MAX_POOL_2D
    assert model.OperatorCodes(0).DeprecatedBuiltinCode() == tflite.BuiltinOperator.MAX_POOL_2D


def test_buffers_are_aligned_and_bytes_repeat() -> None:
    def make() -> bytes:
        writer = TfliteWriter()
        x = writer.add_tensor("x", (1, 7), "int8", scales=1.0, zero_points=0)
        for k in range(1, 9):
            writer.add_tensor(f"c{k}", (k,), "int8", data=np.arange(k, dtype=np.int8))
        y = writer.add_tensor("y", (1, 7), "int8", scales=1.0, zero_points=0)
        writer.add_op("RELU", [x], [y])
        return writer.finish([x], [y], description="aligned", metadata={"extra": b"abc"})

    data = make()
    assert data == make()
    model = tflite.Model.GetRootAs(data)
    found = 0
    for k in range(model.BuffersLength()):
        buffer = model.Buffers(k)
        if not buffer.DataIsNone():
            offset = buffer._tab.Vector(buffer._tab.Offset(4))
            assert offset % 16 == 0
            found += 1
    assert found == 9
    assert model.Description() == b"aligned"
    assert model.Metadata(0).Name() == b"extra"
    assert model.Buffers(model.Metadata(0).Buffer()).DataAsNumpy().tobytes() == b"abc"


def add(**changes: Any) -> None:
    arguments: dict[str, Any] = {"name": "t", "shape": (2, 3), "dtype": "int8"}
    TfliteWriter().add_tensor(**(arguments | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtype": "int7"}, "int7"),
        ({"shape": (2, -3)}, "negative"),
        ({"zero_points": [0]}, "without scales"),
        ({"scales": [1.0], "zero_points": [0, 0]}, "1 scales and 2 zero points"),
        ({"scales": [0.0]}, "positive"),
        ({"scales": [float("nan")]}, "positive"),
        ({"scales": [1e60]}, "positive"),
        ({"scales": [1.0], "zero_points": [200]}, "no int8"),
        ({"scales": [1.0] * 3}, "axis 0"),
        ({"scales": [1.0] * 2, "axis": 5}, "axis 5"),
        ({"data": np.zeros((3, 2), np.int8)}, "declared"),
        ({"data": np.zeros((2, 3), np.int16)}, "declared"),
    ],
)
def test_misuse_of_tensors(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        add(**changes)


@pytest.mark.parametrize(
    ("builtin", "inputs", "outputs", "options", "words"),
    [
        ("CONV_3000", [0], [1], {}, "CONV_3000"),
        ("RELU", [2], [1], {}, "input 2"),
        ("RELU", [0], [-1], {}, "output -1"),
        ("RELU", [0], [1], {"Alpha": 1}, "no options"),
        ("MAX_POOL_2D", [0], [1], WINDOW | {"Stride": 1}, "no option Stride"),
        ("MAX_POOL_2D", [0], [1], {"Padding": "SAME"}, "needs the option StrideH"),
        ("MAX_POOL_2D", [0], [1], WINDOW | {"Padding": "FULL"}, "one of SAME, VALID"),
        ("MAX_POOL_2D", [0], [1], WINDOW | {"StrideH": "two"}, "a number"),
        ("MAX_POOL_2D", [0], [1], WINDOW | {"StrideH": 1 << 40}, "StrideH"),
        ("MAX_POOL_2D", [0], [1], WINDOW | {"StrideH": [1]}, "scalar"),
        ("RESHAPE", [0], [1], {"NewShape": 3}, "vector"),
    ],
)
def test_misuse_of_operators(builtin, inputs, outputs, options, words) -> None:
    writer = TfliteWriter()
    for name in "xy":
        writer.add_tensor(name, (1, 2), "int8")
    with pytest.raises(ValueError, match=words):
        writer.add_op(builtin, inputs, outputs, options)


def test_misuse_of_finish() -> None:
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 2), "int8")
    with pytest.raises(ValueError, match="output 7"):
        writer.finish([x], [7])
    with pytest.raises(ValueError, match="3 labels"):
        writer.finish([x], [x], labels=["a", "b", "c"])
    with pytest.raises(ValueError, match="line break"):
        writer.finish([x], [x], labels=["a", "b\nc"])
    with pytest.raises(ValueError, match="TFLITE_METADATA"):
        writer.finish([x], [x], labels=["a", "b"], metadata={"TFLITE_METADATA": b""})
    with pytest.raises(ValueError, match="mean and std"):
        writer.finish([x], [x], normalization=Normalization((1.0,), ()))
    with pytest.raises(ValueError, match="colour"):
        writer.finish([x], [x], normalization=Normalization((1.0,), (1.0,), "CMYK"))


def test_metadata_reads_back() -> None:
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 4, 6, 3), "int8", scales=1.0, zero_points=0)
    y = writer.add_tensor("y", (1, 1, 1, 3), "int8", scales=1.0, zero_points=0)
    axes = writer.add_tensor("axes", (2,), "int32", data=np.array([1, 2], np.int32))
    writer.add_op("MEAN", [x, axes], [y], {"KeepDims": True})
    normalization = Normalization((128.0, 64.0, 0.5), (1.0, 2.0, 0.25), "RGB", (4, 6))
    labels = ["cat", "chien d'été", ""]
    plain = writer.finish([x], [y], description="net")
    data = writer.finish([x], [y], description="net", normalization=normalization, labels=labels)
    assert run(data, integers((1, 4, 6, 3))).shape == (1, 1, 1, 3)
    assert tflite.Model.GetRootAs(plain).MetadataLength() == 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode() == "cat\nchien d'été\n\n"

    # Field ids as in the public schema, read here without the code that writes them.
    model = tflite.Model.GetRootAs(data)
    assert model.Metadata(0).Name() == b"TFLITE_METADATA"
    buffer = model.Buffers(model.Metadata(0).Buffer()).DataAsNumpy().tobytes()
    assert buffer[4:8] == b"M001"
    root = Table(buffer)
    assert root.text(0) == "net"
    assert root.text(7) == "1.0.0"
    (subgraph,) = root.tables(3)
    (source,), (target,) = subgraph.tables(2), subgraph.tables(3)
    (unit,) = source.tables(4)
    assert unit.byte(0) == 1  # NormalizationOptions
    assert unit.table(1).floats(0) == normalization.mean
    assert unit.table(1).floats(1) == normalization.std
    content = source.table(3)
    assert content.byte(0) == 2  # ImageProperties
    assert content.table(1).byte(0) == 1  # RGB
    size = content.table(1).table(1)
    assert (size.integer(0), size.integer(1)) == (6, 4)
    (file,) = target.tables(6)
    assert file.text(0) == "labels.txt"
    assert file.byte(2) == 2  # TENSOR_AXIS_LABELS


class Table:
    """A flatbuffer table read by field ids."""

    def __init__(self, buffer: bytes, position: int | None = None) -> None:
        self.buffer = buffer
        self.position = self._uint32(0) if position is None else position

    def _uint32(self, at: int) -> int:
        return int.from_bytes(self.buffer[at : at + 4], "little")

    def _field(self, number: int) -> int:
        vtable = self.position - int.from_bytes(
            self.buffer[self.position : self.position + 4], "little", signed=True
        )
        offset = int.from_bytes(self.buffer[vtable + 4 + 2 * number :][:2], "little")
        assert offset, f"field {number} is not there"
        return self.position + offset

    def _target(self, at: int) -> int:
        return at + self._uint32(at)

    def byte(self, number: int) -> int:
        return self.buffer[self._field(number)]

    def integer(self, number: int) -> int:
        return self._uint32(self._field(number))

    def table(self, number: int) -> Table:
        return Table(self.buffer, self._target(self._field(number)))

    def tables(self, number: int) -> list[Table]:
        vector = self._target(self._field(number))
        items = [vector + 4 + 4 * k for k in range(self._uint32(vector))]
        return [Table(self.buffer, self._target(item)) for item in items]

    def text(self, number: int) -> str:
        start = self._target(self._field(number))
        return self.buffer[start + 4 : start + 4 + self._uint32(start)].decode()

    def floats(self, number: int) -> tuple[float, ...]:
        vector = self._target(self._field(number))
        count = self._uint32(vector)
        return tuple(np.frombuffer(self.buffer, np.float32, count, vector + 4).tolist())
