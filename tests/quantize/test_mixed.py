"""int16 activations: which layers get them, what they give, and that firmware computes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from onnx_exports import export_quantized
from torch import Tensor, nn
from torch_nets import NETS, float_model, pictures, settle

from tests.test_pipeline import build, check_report
from tinydeploy.board import load_board
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.choose_wide import Layers, Prices, choose_wide
from tinydeploy.quantize.cost import Cost, Mixing
from tinydeploy.quantize.evaluate import evaluate_layer
from tinydeploy.quantize.network import (
    Activation,
    Add,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requantize,
    TransposeConv,
)
from tinydeploy.quantize.quantize_model import QuantizedModel, quantize_model
from tinydeploy.quantize.recipe import EFFORTS
from tinydeploy.quantize.widen import WideForms, widen_layers
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.source.options import SourceOptions
from tinydeploy.validate.fidelity import measure_fidelity
from tinydeploy.validate.quality import dequantize_outputs, quantize_inputs
from tinydeploy.validate.reference import run_reference

pytestmark = pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")

ALL = 100.0  # a share that leaves no layer out
SHAPE = (1, 8, 8, 4)
FREE = np.full(4, np.inf)
RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(8, *SHAPE[1:])).astype(np.float32)


def convolution(name: str, source: str) -> Conv:
    return Conv((source,), name, RNG.normal(size=(4, 1, 1, 4)), np.zeros(4), -FREE, FREE)


def network(*layers: Layer, outputs: tuple[str, ...]) -> Network:
    return Network("x", outputs, layers, dict.fromkeys(("x", *(k.output for k in layers)), SHAPE))


# x - a - b - p - c - e, with a sum of a and c in front of e; p hands on what b gives.
RESIDUAL = network(
    convolution("a", "x"),
    convolution("b", "a"),
    MaxPool(("b",), "p", (1, 1), (1, 1), (0, 0, 0, 0)),
    convolution("c", "p"),
    Add(("a", "c"), "d"),
    convolution("e", "d"),
    outputs=("e",),
)


def find_parameters(net: Network, coarse: str = "") -> dict[str, Parameters]:
    """int8 for what is there; eight times as coarse as it has to be for one tensor."""
    values, found = {"x": SAMPLES}, {"x": Parameters.from_range(-4, 4)}
    for layer in net.layers:
        inputs = [values[name] for name in layer.inputs]
        y = values[layer.output] = evaluate_layer(layer, inputs, SHAPE)
        low, high = float(y.min()), float(y.max())
        found[layer.output] = Parameters.from_range(low, high)
        if layer.hands_on:
            found[layer.output] = found[layer.inputs[0]]
        if layer.output == coarse:
            found[coarse] = Parameters.from_range(8 * low, 8 * high)
    return found


def widen(net: Network, *wide: str) -> tuple[Network, dict[str, Parameters]]:
    parameters = find_parameters(net)
    return widen_layers(net, parameters, WideForms.find(net, {}, parameters), wide)


def describe(net: Network) -> list[tuple[str, tuple[str, ...]]]:
    return [(layer.output, layer.inputs) for layer in net.layers]


def test_int16_has_no_zero_point_and_saturates():
    wide = Parameters.from_reach(32.767)
    assert wide == Parameters(float(np.float32(0.001)), 0, "int16")
    values = np.array([-40.0, -0.0016, 0.0, 0.0014, 40.0], np.float32)
    assert wide.quantize(values).tolist() == [-32768, -2, 0, 1, 32767]
    assert wide.quantize(values).dtype == np.int16
    assert wide.dequantize(np.array([3], np.int16)) == pytest.approx(0.003)


def test_conversions_stand_where_types_meet():
    found, parameters = widen(RESIDUAL, "c", "d")
    assert describe(found) == [
        ("a", ("x",)),
        ("b", ("a",)),
        ("p", ("b",)),
        ("p/int16", ("p",)),
        ("c", ("p/int16",)),
        ("a/int16", ("a",)),
        ("d", ("a/int16", "c")),
        ("d/int8", ("d",)),
        ("e", ("d/int8",)),
    ]
    wide = {name for name, each in parameters.items() if each.dtype == "int16"}
    assert wide == {"p/int16", "c", "a/int16", "d"}
    assert parameters["d/int8"] == find_parameters(RESIDUAL)["d"]
    assert all(parameters[name].zero_point == 0 for name in wide)


def test_outputs_stay_int8_and_keep_their_names():
    found, parameters = widen(RESIDUAL, "d", "e")
    assert isinstance(found.layers[-1], Requantize)
    assert describe(found)[-2:] == [("e/int16", ("d",)), ("e", ("e/int16",))]
    assert found.outputs == ("e",)
    assert parameters["e"].dtype == "int8"


def test_one_copy_serves_all_readers():
    net = network(
        convolution("a", "x"),
        convolution("b", "a"),
        convolution("c", "a"),
        Add(("b", "c"), "d"),
        outputs=("d",),
    )
    names = [name for name, _ in describe(widen(net, "b", "c")[0])]
    assert names.count("a/int16") == 1


def test_nothing_changes_where_nothing_is_wide():
    found, parameters = widen(RESIDUAL)
    assert describe(found) == describe(RESIDUAL)
    assert parameters == find_parameters(RESIDUAL)


def test_layers_without_an_int16_operator_cannot_be_wide():
    grouped = Conv(("x",), "g", RNG.normal(size=(4, 1, 1, 2)), np.zeros(4), -FREE, FREE, groups=2)
    layers = (
        grouped,
        Activation(("g",), "h", "HARD_SWISH"),
        TransposeConv(("h",), "t", RNG.normal(size=(4, 1, 1, 4)), np.zeros(4), -FREE, FREE),
        Activation(("t",), "l", "TANH"),
    )
    net = network(*layers, outputs=("l",))
    parameters = dict.fromkeys(net.shapes, Parameters.from_range(-4, 4))
    forms = WideForms.find(net, {}, parameters)
    assert forms.layers == {"l"}
    assert forms.parameters["l"] == Parameters(1 / 32768, 0, "int16")


def test_a_scale_that_an_operator_refuses_keeps_a_layer_int8():
    """What a convolution gives is so small beside its weights that its multiplier would be 2^7."""
    net = network(convolution("a", "x"), outputs=("a",))
    parameters = find_parameters(net)
    assert WideForms.find(net, {}, parameters).layers == {"a"}
    parameters["a"] = Parameters.from_range(-1e-4, 1e-4)
    assert not WideForms.find(net, {}, parameters).layers


# As many for every layer, three times as many with int16.
PRICES = Prices(dict.fromkeys("abpcde", 10_000), dict.fromkeys("abpcde", 30_000), 0.0)


BUDGETS = (0.0, 5e4, 7.5e4, 1e5, 1e6)


def choose(
    coarse: str, most: float, allows: Callable[[Layers], bool] = lambda wide: True
) -> tuple[Layers, ...]:
    parameters = find_parameters(RESIDUAL, coarse)
    forms = WideForms.find(RESIDUAL, {}, parameters)
    prices = replace(PRICES, most=most)
    return choose_wide(RESIDUAL, parameters, forms, SAMPLES, prices, allows)


@pytest.mark.parametrize("coarse", ["b", "c", "d"])
def test_the_noisiest_tensor_comes_first(coarse):
    choices = choose(coarse, 1e6)
    assert coarse in choices[0]
    assert choices[-1] == set("abpcde")
    for fewer, more in itertools.pairwise(choices):
        assert fewer < more


def test_prices_bound_what_is_chosen():
    counts = [len(choices[-1]) if choices else 0 for choices in (choose("b", m) for m in BUDGETS)]
    assert counts[0] == 0
    assert counts[-1] == 6
    assert counts == sorted(counts)


@pytest.mark.parametrize("refused", ["a", "pc", "de"])
def test_layers_that_are_not_allowed_are_left_out(refused):
    """Those that bring what is refused are given up; what is chosen besides has been asked for."""
    asked = set()

    def allows(wide: Layers) -> bool:
        asked.add(wide)
        return not wide >= set(refused)

    choices = choose("b", 1e6, allows)
    assert choices
    assert choices[-1] in asked
    assert all(allows(wide) for wide in choices)
    assert choose("b", 1e6, lambda wide: False) == ()


def test_questions_are_bounded():
    asked = []
    choose("b", 1e6, lambda wide: bool(asked.append(wide)))
    assert 1 < len(asked) <= 12


def snr(model: FloatModel, quantized: QuantizedModel) -> float:
    assert model.preprocessing is not None
    pixels = pictures(24, model.input_shape, 2)
    inputs = model.preprocessing.normalize(pixels)
    graph = read_graph(quantized.tflite, "net")  # refuses what firmware does not compute
    found = run_reference(quantized.tflite, [quantize_inputs(graph, inputs)]).outputs[0]
    exact = run_onnx(model.onnx, inputs)
    return measure_fidelity(exact, dequantize_outputs(graph, found), classes=False).snr_db


def operators(quantized: QuantizedModel) -> set[str]:
    details = Interpreter(model_content=quantized.tflite)._get_ops_details()
    return {operator["op_name"] for operator in details}


def mixing(share: float) -> Mixing:
    return Mixing(share, BoardPlanner(load_board("stm32h743")))


class Doubter:
    """Plans the first file, and says of all others that they take more RAM than there may be."""

    def __init__(self, *, fits: bool) -> None:
        self.inner, self.fits = mixing(1).planner, fits
        self.asked = 0
        self.first: Cost | None = None

    def plan(self, tflite: bytes) -> Cost | None:
        self.asked += 1
        if self.first is None:
            self.first = self.inner.plan(tflite)
            return self.first
        return replace(self.first, ram=2 * self.first.ram + 1) if self.fits else None

    def price(self, tflite: bytes) -> Sequence[tuple[str, int]]:
        return self.inner.price(tflite)


@pytest.mark.parametrize("name", NETS)
def test_int16_is_closer_to_float(name):
    make, shape = NETS[name]
    torch.manual_seed(0)
    model = float_model(name, settle(make(), shape), shape)
    recipe = EFFORTS["low"]
    quantized = quantize_model(model, recipe, mixing=mixing(ALL))
    assert quantized.mixed is not None
    assert quantized.mixed.layers
    assert quantized.mixed.snr_db > quantized.mixed.int8_db
    assert {layer.dtype for layer in quantized.layers} == {"int8", "int16"}
    int8_snr = snr(model, quantize_model(model, recipe))
    if "SOFTMAX" in operators(quantized):  # whose int8 output is what limits these
        assert snr(model, quantized) > int8_snr
    else:
        assert snr(model, quantized) > int8_snr + 1


class Everything(nn.Module):
    """A layer of each kind that can be wide, and hard-swish, which cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depth = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardtanh(-0.5, 0.75))
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.point = nn.Conv2d(8, 8, 1)
        self.swish = nn.Hardswish()
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.point(self.depth(x))
        y = x + y * self.squeeze(y)
        z = torch.cat([nn.functional.max_pool2d(y, 2), nn.functional.avg_pool2d(y, 2)], 1)
        z = torch.tanh(self.swish(z) - 0.25) * 1.5
        return torch.softmax(self.head(z[:, :, 1:, ::2].mean((2, 3))), 1)


@pytest.mark.filterwarnings("ignore")
def test_firmware_computes_it(tmp_path: Path) -> None:
    """Bit-exact on the host and in the emulated board, as every build has to be."""
    torch.manual_seed(1)
    shape = (1, 3, 16, 16)
    model = float_model("net", Everything().eval(), shape)
    (tmp_path / "net.onnx").write_bytes(model.onnx)
    np.save(tmp_path / "data.npy", model.calibration)
    options = SourceOptions(data=tmp_path / "data.npy", mixed=ALL, effort="low")
    report, folder = build(
        tmp_path, model=str(tmp_path / "net.onnx"), options=options, board="stm32h743"
    )
    check_report(report, folder)
    assert {fact.dtype for fact in report.quantization} == {"int8", "int16"}
    kernels = {layer.kernel for layer in report.layers}
    assert {"conv_2d_s16", "depthwise_conv_2d_s16", "add_s16", "mul_s16", "requantize"} <= kernels


def measure(tflite: bytes, folder: Path) -> tuple[int, int]:
    """Instructions and arena bytes of a build that is run in the emulated board."""
    path = folder / "net.tflite"
    path.write_bytes(tflite)
    report, _ = build(folder, model=str(path), board="stm32h743")
    assert report.inference is not None
    return report.inference.instructions, report.memory.arena_bytes


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("ds_cnn", 0.15),
        ("behind_relu", 0.6),
        pytest.param("resnet", 0.3, marks=pytest.mark.slow),
    ],
)
def test_the_limit_holds_in_the_emulated_board(name, share, tmp_path):
    """Of instructions that are executed and of the arena that is linked, not of estimates."""
    make, shape = NETS[name]
    torch.manual_seed(0)
    model = float_model(name, settle(make(), shape), shape)
    recipe = EFFORTS["low"]
    quantized = quantize_model(model, recipe, mixing=mixing(share))
    assert quantized.mixed is not None
    assert quantized.mixed.layers
    before = measure(quantize_model(model, recipe).tflite, tmp_path)
    after = measure(quantized.tflite, tmp_path)
    assert after[0] <= (1 + share) * before[0]
    assert after[1] <= (1 + share) * before[1]
    assert after[0] > before[0]


@pytest.mark.parametrize("fits", [True, False])
def test_what_never_keeps_the_limit_stays_int8(fits):
    make, shape = NETS["behind_relu"]
    torch.manual_seed(0)
    model = float_model("net", settle(make(), shape), shape)
    planner = Doubter(fits=fits)
    quantized = quantize_model(model, EFFORTS["low"], mixing=Mixing(1.0, planner))
    assert quantized.mixed is not None
    assert quantized.mixed.layers == ()
    assert quantized.tflite == quantize_model(model, EFFORTS["low"]).tflite
    assert 2 < planner.asked <= 13


@pytest.mark.filterwarnings("ignore")
def test_given_scales_cannot_be_mixed(tmp_path: Path) -> None:
    export_quantized(tmp_path / "net.onnx", per_channel=True)
    content = (tmp_path / "net.onnx").read_bytes()
    shape = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape
    sizes = tuple(dim.dim_value for dim in shape.dim)
    model = FloatModel("net", content, sizes, None, (), np.zeros((0, *sizes[1:]), np.float32))
    with pytest.raises(UnsupportedModelError, match="brings its own scales"):
        quantize_model(model, mixing=mixing(0.15))
