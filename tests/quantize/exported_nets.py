"""A torch network of what compact nets are made of, and its exports."""

from __future__ import annotations

import io
import warnings

import torch
from torch import Tensor, nn

SHAPE = (1, 3, 16, 16)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, 4, 1),
            nn.SiLU(),
            nn.Conv2d(4, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale(x)


class ShuffleBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(4, 4, 3, 1, 1, groups=4),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 1),
            nn.PReLU(4),
        )

    def forward(self, x: Tensor) -> Tensor:
        kept, worked = x.chunk(2, 1)
        y = torch.cat([kept, self.branch(worked)], 1)
        n, c, h, w = y.shape
        return y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Everything(nn.Module):
    """Squeeze-and-excite, shuffle, SiLU, GELU, PReLU, ConvTranspose, upsampling; two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish()
        )
        self.body = nn.Sequential(SqueezeExcite(8), ShuffleBlock())
        self.down = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1, groups=2), nn.GELU())
        self.up = nn.Sequential(nn.ConvTranspose2d(12, 8, 2, 2), nn.SiLU())
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(self.stem(x))
        y = torch.cat([x, self.up(self.down(x))], 1)
        y = nn.functional.interpolate(y, scale_factor=2, mode="bilinear")
        y = nn.functional.interpolate(y, scale_factor=2)
        return self.head(y).sigmoid(), x.mean((2, 3))


def export(net: nn.Module, *, dynamo: bool, opset: int = 17) -> bytes:
    """The ONNX file as torch's exporter of that name makes it; dynamo's has its own opset."""
    net.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(net, (torch.zeros(SHAPE),), dynamo=True, verbose=False)
            return bytes(program.model_proto.SerializeToString())
        buffer = io.BytesIO()
        torch.onnx.export(net, (torch.zeros(SHAPE),), buffer, dynamo=False, opset_version=opset)
        return buffer.getvalue()
