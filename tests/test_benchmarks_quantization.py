"""The comparison of converters: its TensorFlow twins are the same nets, its table has its place."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.__main__ import place_tables
from benchmarks.pictures import CALIBRATION, TEST, cut_pictures
from benchmarks.quantization import Comparison, is_better, run_int8, show_table
from benchmarks.tf_twin import TfTwin
from tests.quantize.torch_nets import settle
from tinydeploy.model.export import export_onnx
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.validate.fidelity import Fidelity
from tinydeploy.validate.quality import Quality
from tinydeploy.zoo.ds_cnn import DsCnn
from tinydeploy.zoo.mobilenet_v3 import MobileNetV3
from tinydeploy.zoo.shufflenet_v2 import ShuffleNetV2
from tinydeploy.zoo.squeezenet import SqueezeNet

DOCS = Path(__file__).parent.parent / "docs" / "quantization.md"


def example(ours: float, theirs: float) -> Comparison:
    qualities = [Quality(0.99, 0.98, Fidelity(snr, 1.0, 450, 1.0, None)) for snr in (ours, theirs)]
    return Comparison("net-digits", "plain", 450, *qualities)


def test_the_table_and_its_place() -> None:
    table = show_table([example(41.26, 36.0)])
    cells = [cell.strip() for cell in table.splitlines()[-1].strip("|").split("|")]
    assert cells == [
        "net-digits", "plain", "450", "**41.3**", "36.0", "100.0", "100.0", "98.0 (99.0)", "98.0",
    ]  # fmt: skip
    text = place_tables(DOCS.read_text("utf-8"), {"converters": table})
    assert table in text
    assert text.count("<!-- converters -->") == 1


def test_better_is_better() -> None:
    assert is_better(example(30.1, 30.0))
    assert not is_better(example(30.0, 30.0))


def test_pictures_to_test_with_are_others() -> None:
    pytest.importorskip("skimage")
    assert not set(CALIBRATION) & set(TEST)
    calibration, test = cut_pictures(8, 12, 6)
    assert (calibration.shape, test.shape) == ((12, 8, 8, 3), (6, 8, 8, 3))
    again, _ = cut_pictures(8, 12, 6)
    np.testing.assert_array_equal(again, calibration)


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        partial(DsCnn, 0.25),
        partial(MobileNetV3, "small", 0.1, stem_stride=1),
        partial(ShuffleNetV2, 0.5),
        partial(SqueezeNet, "1.1", 0.1, stem_stride=1),
    ],
    ids=["ds_cnn", "mobilenet_v3", "shufflenet_v2", "squeezenet"],
)
def test_a_twin_is_the_same_net_and_converts(build) -> None:
    pytest.importorskip("tensorflow")
    torch.manual_seed(0)
    shape = (1, 1, 32, 32)
    onnx = export_onnx(settle(build(classes=5, in_channels=1), shape), shape)
    inputs = np.random.default_rng(0).normal(size=(8, *shape[1:])).astype(np.float32)
    expected = run_onnx(onnx, inputs)
    twin = TfTwin(onnx)
    np.testing.assert_allclose(twin.run(inputs), expected, atol=1e-4 * np.ptp(expected))
    found = run_int8(twin.convert(inputs), inputs).reshape(expected.shape)
    assert ((found - expected) ** 2).sum() < 0.1 * (expected**2).sum()
