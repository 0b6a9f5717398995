"""Reading and folding are exact: the rewritten network gives what onnxruntime gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluate_network import evaluate_network
from torch import nn
from torch_nets import NETS, settle

from tinydeploy.model.export import export_onnx
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Add, Affine, Clamp, Conv, Dense, Network, Pad
from tinydeploy.quantize.read_onnx import read_onnx

# torch's exporter talks about how it exports padding.
pytestmark = pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")


def read_torch(net: nn.Module, shape: tuple[int, ...]) -> tuple[bytes, Network]:
    onnx = export_onnx(net, shape)
    return onnx, read_onnx(onnx, shape)


def assert_same(onnx: bytes, network: Network, shape: tuple[int, ...], scale: float = 1.0) -> None:
    x = (np.random.default_rng(5).normal(0, scale, (6, *shape[1:]))).astype(np.float32)
    expected = run_onnx(onnx, x)
    got = evaluate_network(network, x)
    spread = np.abs(expected).max()
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=0, atol=2e-5 * spread)


@pytest.mark.parametrize("name", NETS)
def test_reading_and_folding_are_exact(name: str) -> None:
    make, shape = NETS[name]
    onnx, network = read_torch(settle(make(), shape), shape)
    folded = fold_network(network)
    assert_same(onnx, folded, shape)
    assert not any(isinstance(layer, Affine) for layer in folded.layers)


def batch_norm(scale: list[float], shift: list[float]) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(len(scale))
    norm.weight.data, norm.bias.data = torch.tensor(scale), torch.tensor(shift)
    return norm


def test_batch_norm_behind_relu_becomes_bounds() -> None:
    norm = batch_norm([2.0, -3.0, 0.0, 1.0], [0.5, 0.25, -1.0, -2.0])
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), norm).eval()
    onnx, network = read_torch(net, (1, 3, 5, 5))
    (conv,) = fold_network(network).layers
    assert isinstance(conv, Conv)
    np.testing.assert_array_equal(conv.low, [0.5, -np.inf, -np.inf, -2.0])
    np.testing.assert_array_equal(conv.high, [np.inf, 0.25, np.inf, np.inf])
    assert not conv.weights[2].any()
    assert conv.bias[2] == -1.0
    assert_same(onnx, fold_network(network), (1, 3, 5, 5))


def test_chains_of_clamps_and_norms_fold_into_one_convolution() -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU6(),
        batch_norm([1.5, -0.5, 0.0, 2.0], [0.1, 0.2, 0.3, -9.0]),
        nn.Hardtanh(-0.4, 0.9),
        batch_norm([-1.0, 1.0, 2.0, -3.0], [0.0, 0.5, 0.5, 1.0]),
        nn.ReLU(),
    ).eval()
    onnx, network = read_torch(net, (1, 2, 6, 7))
    folded = fold_network(network)
    assert [type(layer) for layer in folded.layers] == [Conv]
    for scale in (0.1, 1.0, 30.0):
        assert_same(onnx, folded, (1, 2, 6, 7), scale)


def test_linear_layers_fold_alike() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.BatchNorm1d(5))
    onnx, network = read_torch(settle(net, (1, 3, 2, 2)), (1, 3, 2, 2))
    folded = fold_network(network)
    assert [type(layer) for layer in folded.layers][-1] is Dense
    assert_same(onnx, folded, (1, 3, 2, 2))


class Branches(nn.Module):
    """What must not fold: a convolution that two layers read, a sum with bounds per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = batch_norm([1.0, 2.0, -1.0, 0.5], [0.5, 0.5, -0.5, 0.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.norm(torch.relu(y) + y) + y


def test_shared_tensors_stay() -> None:
    onnx, network = read_torch(Branches().eval(), (1, 3, 6, 6))
    folded = fold_network(network)
    kinds = [type(layer) for layer in folded.layers]
    assert kinds.count(Add) == 2
    assert kinds.count(Clamp) == 1
    assert_same(onnx, folded, (1, 3, 6, 6))


def test_a_sum_takes_its_activation() -> None:
    class Sum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.relu6(x + x)

    onnx, network = read_torch(Sum(), (1, 3, 6, 6))
    (add,) = fold_network(network).layers
    assert isinstance(add, Add)
    assert (add.low, add.high) == (0, 6)
    assert_same(onnx, fold_network(network), (1, 3, 6, 6), 4.0)


def test_padding_goes_into_the_convolution() -> None:
    net = nn.Sequential(nn.ZeroPad2d((1, 0, 2, 3)), nn.Conv2d(2, 3, 3, 2, 1)).eval()
    onnx, network = read_torch(net, (1, 2, 7, 8))
    assert [type(layer) for layer in network.layers] == [Pad, Conv]
    (conv,) = fold_network(network).layers
    assert isinstance(conv, Conv)
    assert conv.padding == (3, 2, 4, 1)
    assert_same(onnx, fold_network(network), (1, 2, 7, 8))


def test_groups_stay() -> None:
    net = nn.Sequential(nn.Conv2d(6, 9, 3, groups=3), nn.ReLU()).eval()
    onnx, network = read_torch(net, (1, 6, 5, 5))
    (conv,) = fold_network(network).layers
    assert isinstance(conv, Conv)
    assert conv.groups == 3
    assert conv.weights.shape == (9, 3, 3, 2)
    assert_same(onnx, fold_network(network), (1, 6, 5, 5))


def test_a_channel_that_never_varied_becomes_its_constant() -> None:
    norm = batch_norm([1.0, 1.0], [0.25, 0.5])
    norm.running_var.data[0] = 5e-45  # a scale of 316
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), norm).eval()
    _, network = read_torch(net, (1, 1, 2, 2))
    (conv,) = fold_network(network).layers
    assert isinstance(conv, Conv)
    assert not conv.weights[0].any()
    assert conv.bias[0] == 0.25
    assert conv.weights[1].any()
