"""int8 keeps the accuracy of nets of all kinds, on held-out pictures of two labelled sets."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.train.digits import RECIPE
from tinydeploy.train.faces import load_faces_data
from tinydeploy.train.small_nets import DATA, SMALL_NETS, load_small_model
from tinydeploy.train.train_model import train_model
from tinydeploy.validate.quality import (
    Quality,
    dequantize_outputs,
    measure_quality,
    quantize_inputs,
)
from tinydeploy.validate.reference import run_reference
from tinydeploy.zoo.plain_cnn import PlainCnn
from tinydeploy.zoo.resnet_8 import ResNet8

# Points of accuracy that int8 may lose.
MAX_DROP = 1.0


def measure(model: FloatModel) -> Quality:
    assert model.test is not None
    tflite = quantize_model(model).tflite
    graph = read_graph(tflite, model.name)
    inputs = quantize_inputs(graph, model.test.inputs)
    outputs = dequantize_outputs(graph, run_reference(tflite, [inputs]).outputs[0])
    return measure_quality(run_onnx(model.onnx, model.test.inputs), outputs, model.test.classes)


def drop(quality: Quality) -> float:
    assert quality.float_accuracy is not None
    assert quality.int8_accuracy is not None
    return 100 * (quality.float_accuracy - quality.int8_accuracy)


@pytest.mark.parametrize(
    ("build", "least_snr"),
    [
        (partial(PlainCnn, 0.25, stem_stride=2), 30),
        (partial(ResNet8, 0.25, stem_stride=2), 25),
    ],
    ids=["plain", "residual"],
)
def test_a_small_net_on_faces(build, least_snr):
    pytest.importorskip("skimage")
    recipe = replace(RECIPE, epochs=12, batch_size=20, background=0.0)
    net = partial(build, classes=2, in_channels=1)
    quality = measure(train_model("net", net, load_faces_data(), recipe, cache=False))
    assert quality.float_accuracy >= 0.9
    assert drop(quality) <= MAX_DROP
    assert quality.fidelity.snr_db >= least_snr


@pytest.mark.slow
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("net", SMALL_NETS)
def test_every_kind_of_net(net, data, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path_factory.getbasetemp() / "small-nets"))
    quality = measure(load_small_model(net, data))
    assert quality.float_accuracy >= 0.95
    assert drop(quality) <= MAX_DROP
