"""The detector: its maps, the authors' weights in it, and int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.spec import AnchorSource
from tinydeploy.errors import InternalError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.count import count_model
from tinydeploy.model.run_onnx import run_outputs
from tinydeploy.model.weights import load_weights, read_weights
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.validate.quality import dequantize_outputs, measure_outputs, quantize_inputs
from tinydeploy.validate.reference import run_reference
from tinydeploy.zoo.etinynet import EtinyNetConfig
from tinydeploy.zoo.etinynet_ssd import AUTHORS_SPEC, EtinyNetSsd
from tinydeploy.zoo.load import load_float_model
from tinydeploy.zoo.registry import create_model, find_model


def test_maps() -> None:
    net = create_model("etinynet-ssd").to("meta").eval()
    shapes = [tuple(made.shape[1:]) for made in net(torch.empty((2, 3, 256, 256), device="meta"))]
    assert shapes == [(8, 16, 16), (16, 16, 16), (8, 8, 8), (16, 8, 8)]


@pytest.mark.parametrize("name", ["etinynet-ssd-voc", "etinynet-ssd-96"])
def test_maps_are_those_of_the_description(name: str) -> None:
    entry = find_model(name)
    assert entry.detection is not None
    net = entry.build().to("meta").eval()
    made = net(torch.empty(entry.input_shape, device="meta"))
    shapes = tuple((1, *output.shape[2:], output.shape[1]) for output in made)
    assert shapes == entry.detection.output_shapes
    assert entry.input_shape[2:] == entry.detection.image_size


def test_size_of_the_small_one() -> None:
    entry = find_model("etinynet-ssd-96")
    counts = count_model(entry.build(), entry.input_shape)
    assert (counts.parameters, counts.macs) == (51_648, 4_300_416)


def test_sources_must_be_stages() -> None:
    spec = replace(AUTHORS_SPEC, sources=(AnchorSource(64, ((9.0, 9.0),)),))
    with pytest.raises(InternalError, match="sources of the strides"):
        EtinyNetSsd(spec, EtinyNetConfig())


def test_it_is_the_classifier_with_other_heads() -> None:
    """Without a limit, and the heads left out, the same layers."""
    detector, classifier = create_model("etinynet-ssd"), create_model("etinynet-1.0")
    shapes = [
        [value.shape for name, value in net.state_dict().items() if name.startswith("features")]
        for net in (detector, classifier)
    ]
    assert shapes[0] == shapes[1]


def test_linear_parts_are_limited() -> None:
    net = create_model("etinynet-ssd").eval()
    blocks = [layer for layer in net.modules() if isinstance(layer, torch.nn.Hardtanh)]
    assert len(blocks) == 15  # the stem's and one of each block
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.bias += 100
        seen: list[float] = []
        for block in blocks:
            block.register_forward_hook(lambda _, __, made: seen.append(float(made.abs().max())))
        net(torch.zeros(1, 3, 64, 64))
    assert seen == [12.0] * 15


def test_the_authors_weights(shared_data: Path) -> None:
    """On pictures the BNs of the backbone see the means that they were trained on."""
    entry = find_model("etinynet-ssd")
    net = entry.build()
    path = shared_data / "etinynet" / "etinynet-ssd-one-class.params"
    load_weights(net, read_weights(path), str(path))
    tables = [generator.anchors[0, 0] for generator in net.anchor_generators]
    places = zip(tables, (16, 8), strict=True)
    ours = torch.cat([table[:side, :side].reshape(-1, 4) for table, side in places])
    assert ours.numpy() == pytest.approx(make_anchors(AUTHORS_SPEC), rel=1e-6)
    data = pytest.importorskip("skimage.data")
    assert entry.preprocessing is not None
    pictures = [
        entry.preprocessing.normalize(np.asarray(Image.fromarray(picture).resize((256, 256))))
        for picture in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())
    ]
    likeness = []

    def compare(norm: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor], _: object) -> None:
        assert norm.running_mean is not None
        means = torch.stack([inputs[0].mean((0, 2, 3)), norm.running_mean])
        likeness.append(float(torch.corrcoef(means)[0, 1]))

    for layer in net.eval().modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.register_forward_hook(compare)
    with torch.no_grad():
        net(torch.from_numpy(np.stack(pictures)))
    assert np.median(likeness) > 0.9


@pytest.mark.slow
def test_int8_is_close_to_float(shared_data: Path, tmp_path: Path) -> None:
    """From the authors' file to four int8 maps; the margin is for pictures of another day."""
    data = pytest.importorskip("skimage.data")
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        picture = Image.fromarray(getattr(data, name)())
        for turn in range(4):
            picture.rotate(15 * turn).save(tmp_path / f"{name}{turn}.png")
    model = load_float_model(
        "etinynet-ssd", shared_data / "etinynet" / "etinynet-ssd-one-class.params", tmp_path
    )
    quantized = quantize_model(model)
    graph = read_graph(quantized.tflite, "ssd")
    shapes = [graph.tensors[tensor].shape for tensor in graph.outputs]
    assert shapes == [(1, 16, 16, 8), (1, 16, 16, 16), (1, 8, 8, 8), (1, 8, 8, 16)]
    inputs = model.calibration[::4]
    run = run_reference(quantized.tflite, [quantize_inputs(graph, inputs)], resolver="AUTO")
    exact = [np.moveaxis(output, 1, -1) for output in run_outputs(model.onnx, inputs)]
    found = [dequantize_outputs(graph, output[:, 0], k) for k, output in enumerate(run.outputs)]
    quality = measure_outputs(exact, found, None)
    assert quality.fidelity is not None
    assert quality.fidelity.snr_db > 14
