"""Float .tflite operators against LiteRT: the same numbers from the ONNX translation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from float_cases import CASES, PICTURE, Build, excite
from float_models import FloatBuilder, Shape

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.tensor import Tensor
from tinydeploy.model.run_onnx import run_outputs
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.source.float_tflite.recognize import is_float
from tinydeploy.source.float_tflite.translate import (
    check_input,
    check_translation,
    translate_tflite,
)
from tinydeploy.source.float_tflite.translation import TRANSLATORS


def run_litert(model: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """The float outputs for one input."""
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def check(shape: Shape, build: Build, tolerance: float = 1e-5) -> onnx.ModelProto:
    """Builds, translates, compares three inputs one by one in LiteRT, as a batch in ONNX."""
    builder = FloatBuilder(shape)
    outputs = build(builder)
    model = builder.finish(*(outputs if isinstance(outputs, list) else [outputs]))
    assert is_float(model)
    net = translate_tflite(model, "net")
    values = np.random.default_rng(1).normal(size=(3, *shape[1:])).astype(np.float32) * 3
    expected = [run_litert(model, value[None]) for value in values]
    found = run_outputs(net.onnx, np.moveaxis(values, -1, 1))
    assert net.input_shape == (1, *np.moveaxis(values, -1, 1).shape[1:])
    for place, output in enumerate(found):
        exact = np.concatenate([each[place] for each in expected])
        assert np.ptp(exact) > 0.01
        np.testing.assert_allclose(
            np.moveaxis(output, 1, -1), exact, atol=tolerance * np.ptp(exact), rtol=0
        )
    return onnx.load_model_from_string(net.onnx)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_operators(case: tuple[Shape, Build]) -> None:
    check(*case)


def test_every_translator_has_a_case() -> None:
    used: set[str] = set()

    class Recorder(FloatBuilder):
        def ops(self, builtin: str, *rest: Any) -> list[int]:
            used.add(builtin)
            return super().ops(builtin, *rest)

    for shape, build in CASES.values():
        build(Recorder(shape))
    assert used == set(TRANSLATORS)


def test_a_plain_network_has_no_transposes() -> None:
    def build(b: FloatBuilder) -> int:
        options = {"Padding": "SAME", "StrideH": 2, "StrideW": 2}
        options |= {"DilationHFactor": 1, "DilationWFactor": 1}
        first = b.op(
            "CONV_2D", [b.input, b.weights(6, 3, 3, 4), b.weights(6)], (1, 4, 5, 6), options
        )
        scaled = b.op("MUL", [first, b.weights(6)], (1, 4, 5, 6))
        pooled = b.op("MEAN", [scaled, b.integers(1, 2)], (1, 1, 1, 6), {"KeepDims": True})
        flat = b.op("RESHAPE", [pooled, b.integers(1, 6)], (1, 6))
        return b.op("FULLY_CONNECTED", [flat, b.weights(3, 6), b.weights(3)], (1, 3))

    operators = Counter(node.op_type for node in check(PICTURE, build).graph.node)
    assert operators["Transpose"] == 0


def test_weights_of_eight_bits() -> None:
    """Dynamic range: int8 weights, one scale for each output, in a float network."""
    builder = FloatBuilder((1, 6))
    weights = builder.rng.integers(-127, 128, (3, 6)).astype(np.int8)
    scales = np.array([0.5, 0.25, 0.125])
    output = builder.op(
        "FULLY_CONNECTED", [builder.input, builder.constant(weights, scales)], (1, 3)
    )
    net = translate_tflite(builder.finish(output), "net")
    values = builder.rng.normal(size=(2, 6)).astype(np.float32)
    (found,) = run_outputs(net.onnx, values)
    np.testing.assert_allclose(found, values @ (weights * scales[:, None]).T, rtol=1e-5)


def test_all_that_is_unsupported_is_named_at_once() -> None:
    builder = FloatBuilder(PICTURE)
    first = builder.op("SIN", [builder.input], PICTURE)
    second = builder.op("RELU", [first], PICTURE)
    third = builder.op("COS", [builder.input], PICTURE)
    order = builder.integers(1, 0, 2, 3)
    fourth = builder.op("TRANSPOSE", [builder.input, order], (7, 1, 9, 4))
    with pytest.raises(UnsupportedModelError) as caught:
        translate_tflite(builder.finish(second, third, fourth), "net")
    lines = caught.value.message.splitlines()
    assert len(lines) == 4
    assert "operator 0: SIN of [1x7x9x4]: operator not supported" in lines[1]
    assert "operator 2: COS" in lines[2]
    assert "permutes the axes [1, 0, 2, 3]" in lines[3]
    assert "CONV_2D" in caught.value.hint


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2, 8), "float32", r"the shape \[2, 8\]"),
        ((8,), "float32", r"the shape \[8\]"),
        ((1, 8), "int32", r"1 inputs \(int32 \[1, 8\]\)"),
    ],
)
def test_other_inputs(shape: Shape, dtype: str, message: str) -> None:
    writer = TfliteWriter()
    x, y = writer.add_tensor("x", shape, dtype), writer.add_tensor("y", shape, "float32")
    writer.add_op("RELU", [x], [y], version=1)
    with pytest.raises(UnsupportedModelError, match=message) as caught:
        translate_tflite(writer.finish([x], [y]), "net")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("shape", "signature", "message"),
    [
        ((1, 1, 1, 3), (-1, -1, -1, 3), "with fixed sizes"),
        ((1, 5, 1), (1, 5, -1), "with fixed sizes"),
        ((1, 7, 9, 83886084), (-1, 7, 9, 83886084), "too large for a microcontroller"),
        ((1, 8, 8, 3), (-1, 8, 8, 3), ""),
        ((1, 8), (), ""),
    ],
)
def test_open_sizes(shape: Shape, signature: Shape, message: str) -> None:
    tensor = Tensor("x", shape, "float32", None, None, signature)
    if not message:
        check_input(tensor, "net")
        return
    with pytest.raises(UnsupportedModelError) as caught:
        check_input(tensor, "net")
    assert message in caught.value.hint
    assert str(list(signature)) in caught.value.message


def test_random_damage_ends_in_our_errors() -> None:
    builder = FloatBuilder(PICTURE)
    model = builder.finish(excite(builder))
    rng = np.random.default_rng(5)
    for _ in range(150):
        damaged = bytearray(model)
        for place in rng.integers(8, len(model), 3):
            damaged[place] ^= 1 << rng.integers(8)
        try:
            translate_tflite(bytes(damaged), "net")
        except (InputFileError, UnsupportedModelError):
            continue


def test_a_real_network(shared_data: Path) -> None:
    content = (shared_data / "models/mlperf_tiny_vww_float.tflite").read_bytes()
    net = translate_tflite(content, "vww")
    assert net.input_shape == (1, 3, 96, 96)
    inputs = np.random.default_rng(0).random((4, 3, 96, 96), np.float32)
    assert check_translation(net, content, inputs) < 1e-6
