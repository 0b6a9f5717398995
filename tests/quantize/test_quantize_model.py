"""End to end: small nets, the traps of quantization, EtinyNet with the authors' weights."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import nn
from torch_nets import NETS, float_model, pictures, settle

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel, Preprocessing
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.quantize_model import QuantizedModel, quantize_model
from tinydeploy.validate.fidelity import measure_fidelity

pytestmark = pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")

LEAST_SNR = {
    "mobilenet": 30,
    "resnet": 25,
    "ds_cnn": 25,
    "autoencoder": 20,
    "behind_relu": 20,
    "oddities": 16,
}


def run_int8(model: bytes, pixels: np.ndarray, *, reference: bool = True) -> np.ndarray:
    """Dequantized outputs [n, ...] for pictures whose int8 input is the pixel minus 128."""
    kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=kind)
    return _run(interpreter, pixels)


def _run(interpreter: object, pixels: np.ndarray) -> np.ndarray:
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] == target["dtype"] == np.int8
    outputs = []
    for picture in pixels:
        interpreter.set_tensor(
            source["index"], (picture.astype(np.int16) - 128).astype(np.int8)[None]
        )
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"])[0].astype(np.float64))
    scale, zero_point = target["quantization"]
    return (np.array(outputs) - zero_point) * scale


def operators(model: bytes) -> list[str]:
    return [op["op_name"] for op in Interpreter(model_content=model)._get_ops_details()]


def snr(model: FloatModel, quantized: QuantizedModel, pixels: np.ndarray) -> float:
    exact = run_onnx(model.onnx, model.preprocessing.normalize(pixels))
    if exact.ndim == 4:
        exact = np.moveaxis(exact, 1, -1)
    return measure_fidelity(exact, run_int8(quantized.tflite, pixels), classes=False).snr_db


@pytest.mark.parametrize("name", NETS)
def test_small_nets(name: str) -> None:
    make, shape = NETS[name]
    torch.manual_seed(0)
    model = float_model(name, settle(make(), shape), shape)
    steps = []
    quantized = quantize_model(model, progress=lambda step, part: steps.append((step, part)))
    assert snr(model, quantized, pictures(24, shape, 2)) > LEAST_SNR[name]
    assert quantize_model(model).tflite == quantized.tflite

    graph = read_graph(quantized.tflite, "net")
    (source,) = (graph.tensors[t] for t in graph.inputs)
    (target,) = (graph.tensors[t] for t in graph.outputs)
    assert source.shape == (1, *shape[2:], shape[1])
    assert (source.quantization.scale, source.quantization.zero_point) == (1 / 128, 0)
    assert source.dtype == target.dtype == "int8"
    for tensor in graph.tensors:
        if tensor.data is not None and tensor.quantization and len(tensor.quantization.scales) > 1:
            assert not any(tensor.quantization.zero_points)
            assert tensor.dtype == "int32" or tensor.data.min() >= -127

    assert quantized.calibration_inputs == 48
    assert all(r.low <= 0 <= r.high and r.low < r.high for r in quantized.ranges)
    assert [step for step, part in steps if part == 0] == list(quantized.seconds)
    assert all(0 <= part <= 1 for _, part in steps)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
@pytest.mark.parametrize("name", ["mobilenet", "resnet", "behind_relu"])
def test_tensorflow_agrees(name: str) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    make, shape = NETS[name]
    model = float_model(
        name, settle(make(), shape), shape, labels=("a",) * 10 if name == "resnet" else ()
    )
    tflite = quantize_model(model).tflite
    pixels = pictures(6, shape, 4)
    lite = tensorflow.lite
    interpreter = lite.Interpreter(
        model_content=tflite,
        experimental_op_resolver_type=lite.experimental.OpResolverType.BUILTIN_REF,
    )
    np.testing.assert_array_equal(_run(interpreter, pixels), run_int8(tflite, pixels))


def test_labels_and_normalization_travel_along() -> None:
    make, shape = NETS["mobilenet"]
    labels = tuple(f"class {k}" for k in range(10))
    model = float_model("net", settle(make(), shape), shape, 4, labels)
    assert read_graph(quantize_model(model).tflite, "net").labels == labels
    with pytest.raises(UnsupportedModelError, match="10 outputs and 3 labels"):
        quantize_model(replace(model, labels=labels[:3]))


def test_no_calibration_inputs() -> None:
    make, shape = NETS["autoencoder"]
    model = float_model("net", settle(make(), shape), shape, 4)
    with pytest.raises(InputFileError, match="no calibration inputs"):
        quantize_model(replace(model, calibration=model.calibration[:0]))


class Behind(nn.Module):
    """A convolution, ReLU, and a batch normalization to meddle with."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, 2, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Conv2d(channels, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(torch.relu(self.conv(x))))


SHAPE = (1, 3, 16, 16)


def behind(seed: int = 0) -> Behind:
    torch.manual_seed(seed)
    return Behind().eval()


def test_dead_channels_do_not_spoil_the_others() -> None:
    net = behind()
    net.conv.weight.data[2] *= 1e-3
    net.conv.bias.data[2] = -1.0  # never active
    net.norm.running_var[2] = 5e-45  # a factor of 316
    net.norm.bias.data[2] = 0.3
    model = float_model("dead", net, SHAPE)
    quantized = quantize_model(model)
    assert snr(model, quantized, pictures(16, SHAPE, 3)) > 35
    graph = read_graph(quantized.tflite, "dead")
    assert not graph.ops[1].weights[2].any()  # behind a PAD


def test_a_bias_without_weights_survives() -> None:
    net = behind()
    net.conv.weight.data[1] = 0
    net.conv.bias.data[1] = 5.0
    net.head.weight.data[:, 1] = 1.0
    model = float_model("bias", net, SHAPE)
    assert snr(model, quantize_model(model), pictures(16, SHAPE, 3)) > 35


def test_negative_factors_bound_from_above() -> None:
    net = behind()
    net.norm.weight.data = torch.tensor([1.0, -1.0, 2.0, -0.5, 0.0, 1.0, -2.0, 1.0])
    net.norm.bias.data = torch.linspace(-0.2, 0.4, 8)
    model = float_model("negative", net, SHAPE)
    quantized = quantize_model(model)
    assert {"MAXIMUM", "MINIMUM"} <= set(operators(quantized.tflite))
    assert "MUL" not in operators(quantized.tflite)
    assert snr(model, quantized, pictures(16, SHAPE, 3)) > 35


def test_symmetric_padding_with_stride_2_is_not_same() -> None:
    model = float_model("pad", behind(), SHAPE)
    assert "PAD" in operators(quantize_model(model).tflite)
    model = float_model("same", nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1)).eval(), SHAPE)
    assert operators(quantize_model(model).tflite) == ["CONV_2D"]


def test_one_calibration_input_is_enough_to_run() -> None:
    model = float_model("one", behind(), SHAPE, 1)
    assert snr(model, quantize_model(model), pictures(4, SHAPE, 3)) > 10


def test_digits(digits_model: FloatModel) -> None:
    quantized = quantize_model(digits_model)
    assert digits_model.test is not None
    inputs, classes = digits_model.test
    scale, zero_point = digits_model.preprocessing.int8_quantization or (0, 0)
    pixels = np.rint(np.moveaxis(inputs, 1, -1) / scale + zero_point + 128).astype(np.uint8)
    exact = run_onnx(digits_model.onnx, inputs).reshape(len(inputs), -1)
    got = run_int8(quantized.tflite, pixels, reference=False).reshape(len(inputs), -1)
    fidelity = measure_fidelity(exact, got, classes=True)
    assert fidelity.snr_db > 20
    assert fidelity.top1_agreement is not None
    assert fidelity.top1_agreement > 0.98
    accuracy = (exact.argmax(1) == classes).mean(), (got.argmax(1) == classes).mean()
    assert abs(accuracy[0] - accuracy[1]) <= 0.01


def load_protocol(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "etinynet_crops", folder / "protocol" / "etinynet_crops.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["etinynet_crops"] = module
    spec.loader.exec_module(module)
    return module


def etinynet(folder: Path, crops: np.ndarray) -> FloatModel:
    from tinydeploy.model.export import export_onnx
    from tinydeploy.model.weights import load_weights, read_weights
    from tinydeploy.zoo.registry import find_model

    entry = find_model("etinynet-1.0")
    net = entry.build().eval()
    path = folder / "etinynet" / "etinynet-1.0-imagenet.params"
    load_weights(net, read_weights(path), str(path), entry.describe_foreign_weights)
    preprocessing: Preprocessing = entry.preprocessing
    calibration = preprocessing.normalize(crops)
    shape = (1, *calibration.shape[1:])
    return FloatModel("etinynet", export_onnx(net, shape), shape, preprocessing, (), calibration)


def test_etinynet_of_few_crops(shared_data: Path) -> None:
    """A few crops of each picture, and the default kernels: what the fast tier has time for."""
    protocol = load_protocol(shared_data)
    model = etinynet(shared_data, protocol.calibration_crops(128)[::16])
    crops = protocol.development_crops(128)[::8]
    exact = run_onnx(model.onnx, model.preprocessing.normalize(crops))
    got = run_int8(quantize_model(model).tflite, crops, reference=False)
    agreement = protocol.agreement(exact, got)
    assert agreement["snr_db"] > 15
    assert agreement["confident_top1_percent"] > 80


@pytest.mark.slow
def test_etinynet_by_the_protocol(shared_data: Path) -> None:
    protocol = load_protocol(shared_data)
    model = etinynet(shared_data, protocol.calibration_crops())
    quantized = quantize_model(model)
    crops = protocol.evaluation_crops()
    exact = run_onnx(model.onnx, model.preprocessing.normalize(crops))
    agreement = protocol.agreement(exact, run_int8(quantized.tflite, crops))
    assert agreement["snr_db"] >= 20
    assert agreement["top1_percent"] >= 80
    assert quantize_model(model).tflite == quantized.tflite
