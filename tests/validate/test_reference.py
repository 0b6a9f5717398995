"""The reference runs in a child process and refuses politely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.validate.reference import normalize_quantized_dimension, run_reference


def random_inputs(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, (count, *shape), dtype=np.int8)


def test_outputs_and_intermediate_tensors(shared_data: Path) -> None:
    model = (shared_data / "models/mlperf_tiny_ic_int8.tflite").read_bytes()
    run = run_reference(model, [random_inputs(3, 1, 32, 32, 3)], intermediates=True)
    assert run.outputs[0].shape == (3, 1, 10)
    assert run.outputs[0].dtype == np.int8
    assert len(run.tensors) > 16
    output = tflite.Model.GetRootAs(model, 0).Subgraphs(0).Outputs(0)
    assert np.array_equal(run.tensors[output], run.outputs[0][0])
    assert "BUILTIN_REF" in run.version


def test_a_model_that_litert_refuses_as_it_is(shared_data: Path) -> None:
    model = (shared_data / "models/person_detect_int8.tflite").read_bytes()
    normal = normalize_quantized_dimension(model)
    assert len(normal) == len(model)
    changed = [i for i, (a, b) in enumerate(zip(model, normal, strict=True)) if a != b]
    assert len(changed) == 14
    assert {model[i] for i in changed} == {3}
    assert {normal[i] for i in changed} == {0}
    run = run_reference(model, [random_inputs(1, 1, 96, 96, 1)])
    assert run.outputs[0].shape == (1, 1, 2)


def test_a_model_without_such_tensors_is_left_alone(shared_data: Path) -> None:
    model = (shared_data / "models/hello_world_int8.tflite").read_bytes()
    assert normalize_quantized_dimension(model) == model


def test_a_version_that_the_reference_does_not_register() -> None:
    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 4), "int8", scales=[0.5])
    times = writer.add_tensor("times", (2,), "int32", data=np.array([1, 3], np.int32))
    y = writer.add_tensor("y", (1, 12), "int8", scales=[0.5])
    writer.add_op("TILE", [x, times], [y], {}, version=3)
    values = random_inputs(2, 1, 4)
    run = run_reference(writer.finish([x], [y]), [values])
    assert np.array_equal(run.outputs[0], np.tile(values, (1, 1, 3)))


def test_a_file_that_the_reference_cannot_run(shared_data: Path) -> None:
    model = (shared_data / "models/hello_world_int8.tflite").read_bytes()
    broken = model[:1000] + bytes(200) + model[1200:]
    with pytest.raises(UnsupportedModelError, match="reference interpreter"):
        run_reference(broken, [random_inputs(1, 1, 1)])
