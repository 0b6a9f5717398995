"""Quantization-aware training: rounding is that of the int8 file, and training makes up for it."""

import operator
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from pictures import make_pictures
from test_loop import run_python
from torch import nn
from typer.testing import CliRunner

from tinydeploy.cli.console import StageView
from tinydeploy.cli.main import app
from tinydeploy.errors import InputFileError, UnsupportedModelError, UsageError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.export import export_onnx
from tinydeploy.model.float_model import FloatModel, Preprocessing
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.train import api
from tinydeploy.train.channel_groups import find_channel_groups
from tinydeploy.train.checkpoint import (
    load_checkpoint_model,
    read_checkpoint,
    write_checkpoint,
)
from tinydeploy.train.classifier import repeatable_torch
from tinydeploy.train.fake_quantization import FakeQuantize, FakeQuantizedNet, round_weights
from tinydeploy.train.limits import insert_limits, read_limits
from tinydeploy.train.nets import build_net
from tinydeploy.train.train_net import TrainRequest, train_net
from tinydeploy.validate.quality import dequantize_outputs, quantize_inputs
from tinydeploy.validate.reference import run_reference

# Nothing but rounding.
PLAIN = Recipe(
    ranges="min-max",
    equalize=False,
    correct_bias=False,
    fit_weights=False,
    rounding="nearest",
    guard=False,
)


@pytest.fixture(autouse=True)
def one_thread():
    """Of such small nets several threads only wait for each other."""
    with repeatable_torch(0):
        yield


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """60 labelled bars, 30 to validate with."""
    pixels, classes = make_pictures(60)
    valid, right = make_pictures(30, seed=2)
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    np.savez(path, x=pixels, y=classes, x_valid=valid, y_valid=right)
    return path


@pytest.fixture(scope="module")
def trained(bars):
    """The folder of a trained net."""
    settings = {"steps": 40, "batch": 8, "learning_rate": 0.01, "warmup": 2, "ema": 0.8}
    folder = bars.parent / "float"
    train_net(request(bars, "supervised", changes=settings), folder)
    return folder


def request(bars, method="qat", **options):
    return TrainRequest(
        method, "plain_cnn", str(bars), **{"size": 8, "gray": True, "strong": "affine"} | options
    )


@pytest.mark.parametrize("behind", ["BN, ReLU", "ReLU, BN", "BN"])
def test_a_layer_gives_what_the_int8_file_gives(behind):
    parts = [nn.BatchNorm2d(6) if part == "BN" else nn.ReLU() for part in behind.split(", ")]
    net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1, bias=False), *parts).eval()
    norm = next(part for part in parts if isinstance(part, nn.BatchNorm2d))
    with torch.no_grad():
        for values in (norm.weight, norm.running_var):
            values.uniform_(0.2, 5)  # what makes channels of very different size
        for values in (norm.bias, norm.running_mean):
            values.normal_()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
    preprocessing = Preprocessing(mean=(128.0,), std=(64.0,), color="gray")
    inputs = preprocessing.normalize(pixels)
    model = FloatModel(
        name="layer",
        onnx=export_onnx(net, (1, 1, 8, 8)),
        input_shape=(1, 1, 8, 8),
        preprocessing=preprocessing,
        labels=(),
        calibration=inputs,
        test=None,
    )
    file = quantize_model(model, PLAIN)
    graph = read_graph(file.tflite, "layer")
    said = run_reference(file.tflite, [quantize_inputs(graph, inputs)]).outputs[0]
    wanted = dequantize_outputs(graph, said)

    rounded = FakeQuantizedNet(net).eval()
    (kept,) = (part for part in rounded.modules() if isinstance(part, FakeQuantize))
    (found,) = file.ranges
    kept.bounds.copy_(torch.tensor([[found.low], [found.high]]))
    with torch.no_grad():
        got = rounded(torch.from_numpy(inputs)).numpy()
    step = (found.high - found.low) / 255
    units = np.abs(got - wanted.reshape(-1, 8, 8, 6).transpose(0, 3, 1, 2)) / step
    assert units.max() < 1.01  # a number half-way between two may go either way
    assert (units < 0.01).mean() > 0.999
    assert len(np.unique(got)) > 100


def test_weights_have_a_scale_per_channel_and_a_norm_behind_them_does_not_matter():
    weights = torch.randn(5, 3, 2, 2) * torch.tensor([0.01, 1, 30, 1, 1]).view(-1, 1, 1, 1)
    weights[3] = 0
    rounded = round_weights(weights)
    largest = weights.abs().amax((1, 2, 3))
    error = (rounded - weights).abs().amax((1, 2, 3))
    assert (error <= largest / 254 * 1.0001).all()
    assert all(len(channel.unique()) > 5 for channel in rounded[[0, 1, 2, 4]])
    factor = torch.tensor([0.5, -4, 2, 8, 0.25]).view(-1, 1, 1, 1)  # exact in binary
    assert torch.equal(round_weights(factor * weights), factor * rounded)


def test_gradients_pass_what_is_rounded_and_not_what_is_clipped():
    kept = FakeQuantize()
    kept(torch.tensor([-1.0, 3.0]))
    kept.eval()
    x = torch.tensor([-2.0, -0.501, 0.0, 2.03, 3.5], requires_grad=True)
    y = kept(x)
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]
    assert y[2] == 0
    assert y.tolist()[0] == pytest.approx(-1, abs=0.01)

    net = FakeQuantizedNet(build_net("resnet_8", 3, 1, (8, 8)))
    net(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_channels_share_their_factors_where_quantization_equalizes():
    traced = torch.fx.symbolic_trace(build_net("resnet_8", 3, 1, (16, 16)).eval())
    groups = find_channel_groups(traced)
    adds = [node for node in groups if node.target is operator.add]
    assert len(adds) == 3
    for node in adds:
        assert groups[node].scalable
        assert all(groups[source] is groups[node] for source in node.all_input_nodes)
    # The mean behind the last sum, and what is flat, up to the layer that reads it.
    head = next(node for node in groups if node.target == "classifier")
    assert groups[head.all_input_nodes[0]] is groups[adds[-1]]
    assert not groups[head].scalable
    assert not groups[next(iter(groups))].scalable

    class Swish(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3)

        def forward(self, x):
            return self.b(nn.functional.silu(self.a(x)))

    rounded = FakeQuantizedNet(Swish())
    assert {p.bounds.shape[1] for p in rounded.modules() if isinstance(p, FakeQuantize)} == {1}


def test_quiet_channels_are_rounded_as_finely_as_loud_ones():
    first, second = nn.Conv2d(1, 8, 3, bias=False), nn.Conv2d(8, 8, 1)
    sizes = torch.logspace(-2, 0, 8).view(-1, 1, 1, 1)
    with torch.no_grad():
        first.weight.mul_(sizes)
        second.weight.div_(sizes.view(1, -1, 1, 1))
    net = nn.Sequential(first, nn.ReLU(), second).eval()
    x = torch.randn(32, 1, 8, 8)
    with torch.no_grad():
        wanted = net(x)
        rounded = FakeQuantizedNet(net)
        rounded(x)
        error = float((rounded(x) - wanted).norm() / wanted.norm())
        inner = next(part for part in rounded.modules() if isinstance(part, FakeQuantize))
        assert inner.bounds.shape[1] == 8
        inner.divisors = lambda: torch.ones(8)  # nothing is equalized
        apart = float((rounded(x) - wanted).norm() / wanted.norm())
    assert error < 0.03
    assert apart > 3 * error


@pytest.mark.parametrize(
    ("name", "kept"), [("plain_cnn", 5), ("resnet_8", 14), ("etinynet-0.5-2220", 24)]
)
def test_the_weights_go_back_into_an_ordinary_net(name, kept):
    net = build_net(name, 3, 1, (16, 16)).eval()
    x = torch.randn(4, 1, 16, 16)
    with torch.no_grad():
        before = net(x)
        rounded = FakeQuantizedNet(net)
        assert sum(isinstance(part, FakeQuantize) for part in rounded.modules()) == kept
        first = rounded(x)
        limited = rounded.hand_over(build_net(name, 3, 1, (16, 16)))
        after = limited(x)
    loss = (first - before).norm() / before.norm()
    assert 0 < loss < 0.1
    assert (after - before).norm() / before.norm() < 0.5 * loss  # limits are what rounding gave
    weights = limited.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    assert read_limits(weights)


def test_a_limit_learns_what_is_not_worth_its_range():
    torch.manual_seed(0)
    kept = FakeQuantize(4)
    x = torch.randn(16, 4, 8, 8)
    x[:, 0, 0] *= 40  # of no use below; what channel 1 has at its border is
    x[:, 1, 0] *= 40
    use = torch.ones_like(x)
    use[:, 0, 0] = 0
    optimizer = torch.optim.Adam(kept.parameters(), 4e-2)
    errors = []
    for _ in range(120):
        error = (use * (kept(x) - x)).square()
        errors.append(error[:, 0].mean().item())
        optimizer.zero_grad()
        error.mean(dim=(0, 2, 3)).sum().backward()
        optimizer.step()
    before, after = kept.bounds.abs().amax(0), kept.limits().detach()
    assert after[0] < 0.2 * before[0]
    assert (after[1:] > 0.7 * before[1:]).all()
    assert errors[-1] < 0.1 * errors[0]


def test_limits_make_int8_of_a_net_finer(tmp_path):
    torch.manual_seed(1)
    first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 4, 1)
    with torch.no_grad():
        first.weight.sub_(first.weight.mean((1, 2, 3), keepdim=True))  # blind for the ground
    net = nn.Sequential(first, second).eval()
    preprocessing = Preprocessing(mean=(128.0,), std=(1.0,), color="gray")
    pixels = np.random.default_rng(0).integers(216, 224, (64, 16, 16, 1)).astype(np.uint8)
    inputs = preprocessing.normalize(pixels)
    with torch.no_grad():
        inner = first(torch.from_numpy(inputs))[:, :, 1:-1, 1:-1].abs().amax((0, 2, 3))
    limited = insert_limits(net, {"_0": inner})
    noise = []
    for made in (net, limited):
        onnx = export_onnx(made, (1, 1, 16, 16))
        model = FloatModel("net", onnx, (1, 1, 16, 16), preprocessing, (), inputs, None)
        file = quantize_model(model)
        graph = read_graph(file.tflite, "net")
        said = run_reference(file.tflite, [quantize_inputs(graph, inputs)]).outputs[0]
        got = dequantize_outputs(graph, said).reshape(-1, 16, 16, 4)[:, 1:-1, 1:-1]
        with torch.no_grad():
            wanted = made(torch.from_numpy(inputs)).numpy().transpose(0, 2, 3, 1)[:, 1:-1, 1:-1]
        noise.append(float(np.square(got - wanted).mean()))
    assert noise[1] < 0.1 * noise[0]


def test_a_checkpoint_keeps_limits_and_a_net_may_get_some_twice(bars, trained):
    folder = bars.parent / "once"
    once = train_net(go_on(bars, trained / "model.pt"), folder)
    twice = train_net(go_on(bars, once.checkpoint), bars.parent / "twice")
    x = torch.randn(4, 1, 8, 8)
    for done in (once, twice):
        read = read_checkpoint(done.checkpoint)
        with torch.no_grad():
            assert torch.equal(read.make_net()(x), done.net(x))
    assert load_checkpoint_model(twice.checkpoint).export_error < 1e-4
    names = set(read_limits(read.weights))
    assert {f"limit_{name}" for name in read_limits(once.net.state_dict())} <= names

    name = next(name for name in read.weights if name.endswith(".limits"))
    for values in (torch.ones(3), torch.ones(1, 2, 2)):
        other = replace(read, weights=read.weights | {name: values})
        write_checkpoint(folder / "other.pt", other)
        with pytest.raises(InputFileError, match="its weights do not fit the net plain_cnn"):
            load_checkpoint_model(folder / "other.pt")
    other = replace(read, weights=read.weights | {"limit_nothing.limits": torch.ones(3)})
    write_checkpoint(folder / "other.pt", other)
    with pytest.raises(InputFileError, match="its weights do not fit the net plain_cnn"):
        load_checkpoint_model(folder / "other.pt")


def test_it_trains_weights_alone_into_an_ordinary_checkpoint(bars, trained):
    done = train_net(
        request(bars, weights=trained / "model.pt", changes={"steps": 3, "batch": 8}),
        bars.parent / "qat",
    )
    assert done.scores.accuracy >= 90
    assert load_checkpoint_model(done.checkpoint).export_error < 1e-4
    start, end = (
        torch.load(folder / "model.pt", weights_only=True)["weights"]
        for folder in (trained, bars.parent / "qat")
    )
    assert [name for name in end if not name.endswith(".limits")] == list(start)
    moved = [name for name in start if not torch.equal(start[name], end[name])]
    assert any(name.endswith("weight") for name in moved)
    assert not any("running" in name for name in moved)


def test_some_steps_bring_the_rounded_net_closer_to_the_float_one():
    first, norm, second = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1)
    head = nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    net = nn.Sequential(first, norm, nn.ReLU(), second, *head).eval()
    with torch.no_grad():  # one scale for channels of very different size: int8 loses much
        norm.weight.copy_(torch.logspace(-2, 1, 8))
        second.weight.div_(norm.weight.view(1, -1, 1, 1)).mul_(5)
    x = torch.randn(64, 1, 8, 8)
    with torch.no_grad():
        wanted = net(x)
    rounded = FakeQuantizedNet(net)
    optimizer = torch.optim.Adam(rounded.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 80)
    losses = []
    for _ in range(80):
        loss = (rounded(x) - wanted).square().mean()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    assert np.mean(losses[-5:]) < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": None}, "none is named"),
        ({"model": "resnet_8"}, "is a plain_cnn, not a resnet_8"),
        ({"size": 12}, "takes pictures of 8x8x1, and the data were made 12x12x1"),
        ({"data": "digits"}, "tells 0, 1, 2, and the data have 0, 1, 2, 3, 4"),
    ],
)
def test_what_does_not_fit_is_told(bars, trained, options, words):
    made = {"weights": trained / "model.pt", "model": "plain_cnn", "data": str(bars), "size": 8}
    with pytest.raises(UsageError, match=words):
        train_net(TrainRequest("qat", gray=True, **made | options))


def test_the_command_tells_what_is_missing(tmp_path):
    words = ["train", "--method", "qat", "-o", str(tmp_path / "x")]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UsageError) or "none is named" in done.output
    done = CliRunner().invoke(app, [*words, "--weights", str(tmp_path / "no.pt")])
    assert done.exit_code != 0
    assert "no.pt" in str(done.exception) + done.output


def test_a_net_that_depends_on_values_is_refused():
    class Odd(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(UnsupportedModelError, match="Odd cannot be traced"):
        FakeQuantizedNet(Odd())


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_quantization_aware import go_on
from tinydeploy.train.train_net import train_net

def watch(progress):
    if progress.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)

train_net(go_on(Path(sys.argv[2]), Path(sys.argv[3])), Path(sys.argv[4]), watch)
"""


def go_on(bars, checkpoint):
    changes = {"steps": 12, "batch": 8, "evaluations": 4}
    return request(bars, weights=checkpoint, changes=changes, save_seconds=0)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_and_resumed_ends_in_the_same_weights_and_ranges(bars, trained, tmp_path):
    checkpoint = trained / "model.pt"
    whole = train_net(go_on(bars, checkpoint), tmp_path / "whole")
    killed = run_python(KILLED, bars, checkpoint, tmp_path / "killed")
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.pt").exists()
    steps = []
    again = train_net(go_on(bars, checkpoint), tmp_path / "killed", lambda p: steps.append(p.step))
    assert steps == [8, 9, 10, 11, 12]
    for name, values in whole.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], values), name
    ends = [
        torch.load(tmp_path / run / "stages" / "net.state", weights_only=True)["net"]
        for run in ("whole", "killed")
    ]
    ranges = [name for name in ends[0] if name.endswith("bounds")]
    assert len(ranges) == 5
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ranges)
    logs = [(tmp_path / run / "log.csv").read_text() for run in ("whole", "killed")]
    assert logs[0] == logs[1]


def test_what_it_trained_is_firmware(bars, trained, tmp_path):
    done = train_net(go_on(bars, trained / "model.pt"), tmp_path / "qat")
    found = build_image(
        BuildRequest("stm32h743", str(done.checkpoint), output=tmp_path / "out"),
        StageView(quiet=True),
    )
    assert found.report.validation.bit_exact
    assert found.report.accuracy.int8 >= found.report.accuracy.float - 0.01


def test_the_function(bars, trained):
    done = api.quantization_aware(
        "plain_cnn",
        str(trained / "model.pt"),
        str(bars),
        str(bars.parent / "function"),
        size=8,
        gray=True,
        changes={"steps": 2, "batch": 4},
    )
    assert done.checkpoint.is_file()
