"""NASNet-A: cells of separable convolutions that were searched for on small pictures.

Source: Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image
Recognition (CVPR 2018), figure 4 and appendix A.4; the net for phones, 4 @ 1056: four cells of a
kind in a row, 1056 channels behind the last one.

    fit      ReLU -> pointwise -> BN, of what the last two cells made; where the older one is twice
             as large, halved by two pointwise convolutions of every other pixel
    branch   two times ReLU -> depthwise k x k -> pointwise -> BN, the first with the stride
    cell     five sums of two branches, poolings or inputs, side by side
    net      3x3, stride 2 -> two reductions -> 4 cells -> reduction -> 4 cells -> reduction ->
             4 cells -> ReLU -> global average -> fully connected
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from tinydeploy.zoo.imagenet import CLASSES, make_entry
from tinydeploy.zoo.layers import check_arguments
from tinydeploy.zoo.registry import Published, register_model

_CELLS, _LAST = 4, 1056
_STEM = 32
_EPS = 1e-3


def _same(size: int, kernel: int) -> tuple[int, int]:
    """Zeros in front and behind for stride 2, where one of both sizes may be odd."""
    return (kernel // 2 - (size % 2 == 0), kernel // 2)


def _pool(x: Tensor, kind: str, stride: int = 1) -> Tensor:
    """3x3, of those values that there are."""
    odd = stride == 1 or int(x.shape[2]) % 2 == 1
    padding = 1 if odd else 0
    if kind == "max":
        return functional.max_pool2d(x, 3, stride, padding, ceil_mode=not odd)
    return functional.avg_pool2d(x, 3, stride, padding, ceil_mode=not odd, count_include_pad=False)


class Branch(nn.Module):
    """Two separable convolutions of k x k.

    Args:
        in_channels: Channels in.
        channels: Channels out.
        kernel: k.
        stride: Of the first.
    """

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.depthwise1 = nn.Conv2d(
            in_channels, in_channels, kernel, stride, groups=in_channels, bias=False
        )
        self.pointwise1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels, eps=_EPS)
        self.depthwise2 = nn.Conv2d(
            channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False
        )
        self.pointwise2 = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, channels, ceil(h / stride), ceil(w / stride)]."""
        half = (self.kernel // 2,) * 2
        top, left = (half, half) if self.stride == 1 else (
            _same(int(x.shape[2]), self.kernel), _same(int(x.shape[3]), self.kernel)
        )  # fmt: skip
        x = functional.pad(functional.relu(x), (*left, *top))
        x = self.bn1(self.pointwise1(self.depthwise1(x)))
        y: Tensor = self.bn2(self.pointwise2(self.depthwise2(functional.relu(x))))
        return y


class Fit(nn.Module):
    """Brings what a cell takes to the cell's channels, and to half the size if asked to.

    Args:
        in_channels: Channels in.
        channels: Channels out, even where it halves.
        halve: Also to half the size.
    """

    def __init__(self, in_channels: int, channels: int, *, halve: bool = False) -> None:
        super().__init__()
        each, stride = (channels // 2, 2) if halve else (channels, 1)
        self.conv = nn.Conv2d(in_channels, each, 1, stride, bias=False)
        self.shifted = nn.Conv2d(in_channels, each, 1, stride, bias=False) if halve else None
        self.bn = nn.BatchNorm2d(channels, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, channels, h, w], or of half the size, rounded up."""
        x = functional.relu(x)
        y = self.conv(x)
        if self.shifted is not None:
            moved = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
            y = torch.cat([y, self.shifted(moved)], 1)
        made: Tensor = self.bn(y)
        return made


class NormalCell(nn.Module):
    """A cell that keeps the size.

    Args:
        older: Channels that the cell before the last one made.
        newer: Channels that the last one made.
        channels: Of each branch.
        halve: The older ones are twice as large.
    """

    def __init__(self, older: int, newer: int, channels: int, *, halve: bool) -> None:
        super().__init__()
        self.fit_newer = Fit(newer, channels)
        self.fit_older = Fit(older, channels, halve=halve)
        self.branch1 = Branch(channels, channels, 5)
        self.branch2 = Branch(channels, channels, 3)
        self.branch3 = Branch(channels, channels, 5)
        self.branch4 = Branch(channels, channels, 3)
        self.branch5 = Branch(channels, channels, 3)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """-> [n, 6 * channels, h, w] of the newer one's h and w."""
        x, p = self.fit_newer(newer), self.fit_older(older)
        sums = [
            p,
            self.branch1(x) + self.branch2(p),
            self.branch3(p) + self.branch4(p),
            _pool(x, "average") + p,
            _pool(p, "average") + _pool(p, "average"),
            self.branch5(x) + x,
        ]
        return torch.cat(sums, 1)


class ReductionCell(nn.Module):
    """A cell that halves the size.

    Args:
        older: Channels that the cell before the last one made.
        newer: Channels that the last one made.
        channels: Of each branch.
        halve: The older ones are twice as large.
        first: There is no older one yet: branches take the picture's features as they are.
    """

    def __init__(
        self, older: int, newer: int, channels: int, *, halve: bool = False, first: bool = False
    ) -> None:
        super().__init__()
        self.fit_newer = Fit(newer, channels)
        self.fit_older = None if first else Fit(older, channels, halve=halve)
        inputs = older if first else channels
        self.branch1 = Branch(channels, channels, 5, 2)
        self.branch2 = Branch(inputs, channels, 7, 2)
        self.branch3 = Branch(inputs, channels, 7, 2)
        self.branch4 = Branch(inputs, channels, 5, 2)
        self.branch5 = Branch(channels, channels, 3)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """-> [n, 4 * channels, ceil(h / 2), ceil(w / 2)] of the newer one's h and w."""
        x = self.fit_newer(newer)
        p = older if self.fit_older is None else self.fit_older(older)
        one = self.branch1(x) + self.branch2(p)
        two = _pool(x, "max", 2) + self.branch3(p)
        three = _pool(x, "average", 2) + self.branch4(p)
        four = _pool(one, "average") + two
        five = self.branch5(one) + _pool(x, "max", 2)
        return torch.cat([two, three, four, five], 1)


class NasNetA(nn.Module):
    """The classifier; logits come out.

    Args:
        cells: Normal cells in a row.
        last: Channels behind the last one, a multiple of 96.
        classes: Outputs.
        in_channels: Channels of the input.
        stem_stride: 1 keeps small pictures, 32x32 say, large enough for the stages behind.
    """

    def __init__(
        self,
        cells: int = _CELLS,
        last: int = _LAST,
        *,
        classes: int = CLASSES,
        in_channels: int = 3,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        check_arguments("NASNet-A", 1.0, classes, in_channels, stem_stride)
        width = last // 24
        self.stem = nn.Conv2d(in_channels, _STEM, 3, stem_stride, bias=False)
        self.bn = nn.BatchNorm2d(_STEM, eps=_EPS)
        made: list[nn.Module] = [
            ReductionCell(_STEM, _STEM, width // 4, first=True),
            ReductionCell(_STEM, width, width // 2, halve=True),
        ]
        older, newer, halve = width, 2 * width, True
        for stage in range(3):
            channels = width << stage
            if stage:
                made.append(ReductionCell(older, newer, channels))
                older, newer, halve = newer, 4 * channels, True
            for _ in range(cells):
                made.append(NormalCell(older, newer, channels, halve=halve))
                older, newer, halve = newer, 6 * channels, False
        self.cells = nn.ModuleList(made)
        self.classifier = nn.Linear(newer, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        older = newer = self.bn(self.stem(x))
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        logits: Tensor = self.classifier(functional.relu(newer).mean((2, 3)))
        return logits


register_model(
    make_entry(
        "nasnet_mobile",
        "NASNet-A for phones",
        NasNetA,
        Published(5.3e6, 564e6, 74.0, "Zoph et al. 2018, table 3"),
    )
)
