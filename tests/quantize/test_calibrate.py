"""Calibration reads a stream of inputs, whatever it comes from, and refuses what spoils ranges."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch_nets import float_model

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.calibrate import EvenPick
from tinydeploy.quantize.quantize_model import quantize_model

SHAPE = (1, 3, 16, 16)


@pytest.fixture(scope="module")
def model() -> FloatModel:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3, 2)).eval()
    return float_model("net", net, SHAPE, 24)


def test_an_iterable_gives_what_an_array_gives(model: FloatModel) -> None:
    empty = replace(model, calibration=model.calibration[:0])
    streamed = quantize_model(empty, calibration=iter(model.calibration))
    assert streamed.tflite == quantize_model(model).tflite
    assert streamed.calibration_inputs == 24


def test_memory_does_not_grow_with_the_inputs(model: FloatModel) -> None:
    def inputs(count: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for _ in range(count):
            yield rng.random(SHAPE[1:], np.float32)

    def peak(count: int) -> int:
        tracemalloc.start()
        assert quantize_model(model, calibration=inputs(count)).calibration_inputs == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # whatever is loaded at the first use
    assert peak(2000) < 1.1 * peak(500)


@given(st.integers(1, 400), st.integers(1, 20))
def test_samples_are_evenly_picked(count: int, most: int) -> None:
    pick = EvenPick(most)
    for k in range(count):
        pick.add(np.full((2,), k, np.float32))
    found = pick.finish()[:, 0].astype(int)
    assert len(found) == min(count, most)
    assert found[0] == 0
    gaps = np.diff([*found, count])
    assert gaps.min() >= 1
    # The best would be count / most; every second one of what is kept goes when there are too many.
    assert gaps.max() <= 4 * count / most + 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite(model: FloatModel, bad: float) -> None:
    inputs = model.calibration.copy()
    inputs[5, 1, 2, 3] = bad
    with pytest.raises(InputFileError, match="calibration input 5 has values that are not finite"):
        quantize_model(replace(model, calibration=inputs))


def test_inputs_of_another_shape(model: FloatModel) -> None:
    with pytest.raises(InputFileError, match=r"input 0 has the shape \[24, 3, 16, 16\]"):
        quantize_model(model, calibration=[model.calibration])


def test_no_inputs(model: FloatModel) -> None:
    with pytest.raises(InputFileError, match="no calibration inputs"):
        quantize_model(model, calibration=[])


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_inputs_that_are_all_the_same(model: FloatModel, value: float) -> None:
    inputs = np.full((20, *SHAPE[1:]), value, np.float32)
    quantized = quantize_model(replace(model, calibration=inputs, preprocessing=None))
    assert all(r.low < r.high for r in quantized.ranges)


def test_wrong_labels(model: FloatModel) -> None:
    with pytest.raises(UnsupportedModelError, match="labels"):
        quantize_model(replace(model, labels=("a", "b", "c")))
