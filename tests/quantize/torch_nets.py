"""Small torch networks, made like those of MLPerf Tiny, and the float models made from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from tinydeploy.model.export import export_onnx
from tinydeploy.model.float_model import FloatModel, Preprocessing

Shape = tuple[int, int, int, int]


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.main(x) + self.skip(x))


class ViewFlatten(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.size(0), -1)


class MeanPool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def mobilenet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        separable(8, 16),
        separable(16, 24, 2),
        separable(24, 24),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(24, 10),
    )


def resnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        Residual(8, 8, 1),
        Residual(8, 16, 2),
        Residual(16, 24, 2),
        nn.AvgPool2d(8),
        ViewFlatten(),
        nn.Linear(24, 10),
        nn.Softmax(1),
    )


def ds_cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, (10, 4), 2, (5, 1)),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        separable(16, 16),
        separable(16, 16),
        nn.AvgPool2d((25, 5)),
        nn.Flatten(),
        nn.Linear(16, 12),
        nn.Softmax(-1),
    )


def autoencoder() -> nn.Sequential:
    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]

    layers = [*block(96, 48), *block(48, 48), *block(48, 8), *block(8, 48), nn.Linear(48, 96)]
    return nn.Sequential(nn.Flatten(), *layers)


def behind_relu() -> nn.Sequential:
    """Batch normalization behind ReLU, with factors of both signs; a linear head on a picture."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU(),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, 1, 1, groups=8),
        nn.ReLU(),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 6, 1),
        nn.BatchNorm2d(6),
        nn.Flatten(),
        nn.Linear(6 * 8 * 8, 7),
        nn.BatchNorm1d(7),
    )


def oddities() -> nn.Sequential:
    """Normalization in front, groups, dilation, padding on one side, pools with padding."""
    return nn.Sequential(
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 8, 3, 1, 1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.ZeroPad2d((1, 2, 0, 1)),
        nn.Conv2d(8, 16, 3, 2, groups=8, dilation=(1, 2)),
        nn.Hardtanh(-1.5, 2.0),
        nn.AvgPool2d(3, 1, 1),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 12, 3, (1, 2), (1, 0), bias=False, groups=2),
        nn.ReLU(),
        MeanPool(),
        nn.BatchNorm1d(12),
        nn.Linear(12, 5, bias=False),
    )


NETS: dict[str, tuple[Callable[[], nn.Sequential], Shape]] = {
    "mobilenet": (mobilenet, (1, 3, 32, 32)),
    "resnet": (resnet, (1, 3, 32, 32)),
    "ds_cnn": (ds_cnn, (1, 1, 49, 10)),
    "autoencoder": (autoencoder, (1, 1, 8, 12)),
    "behind_relu": (behind_relu, (1, 3, 32, 32)),
    "oddities": (oddities, (1, 3, 20, 24)),
}


def settle(net: nn.Sequential, shape: Shape, seed: int = 0) -> nn.Sequential:
    """Gives every batch normalization random factors and the statistics of random pictures."""
    torch.manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(module.weight, 0.7, 0.5)
            nn.init.normal_(module.bias, 0, 0.3)
            module.momentum = None
    net.train()
    with torch.no_grad():
        for _ in range(4):
            net(2 * torch.rand(32, *shape[1:]) - 1)
    return net.eval()


def float_model(
    name: str, net: nn.Module, shape: Shape, count: int = 48, labels: tuple[str, ...] = ()
) -> FloatModel:
    """A model with random pictures for calibration; pixels are (p - 128) / 128."""
    channels = shape[1]
    color = "gray" if channels == 1 else "rgb"
    preprocessing = Preprocessing((128.0,) * channels, (128.0,) * channels, color)
    return FloatModel(
        name=name,
        onnx=export_onnx(net, shape),
        input_shape=shape,
        preprocessing=preprocessing,
        labels=labels,
        calibration=preprocessing.normalize(pictures(count, shape, 1)),
    )


def pictures(count: int, shape: Shape, seed: int) -> np.ndarray:
    """uint8 [n, H, W, C]."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape[2:], shape[1])).astype(np.uint8)
