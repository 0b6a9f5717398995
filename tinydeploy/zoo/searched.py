"""Nets that a search found, from a configuration: inverted residuals, block by block.

Source: Lin, Chen, Lin, Cohn, Gan, Han: MCUNet: Tiny Deep Learning on IoT Devices (NeurIPS 2020);
its authors publish nets as JSON files of the class ProxylessNASNets, as those of Once-for-All.

    first_conv         3x3, stride 2 -> BN -> activation
    blocks             pointwise -> depthwise -> pointwise, linear (+ input), each with BN
    feature_mix_layer  pointwise; may be left out
    classifier         global average, fully connected

The parts are named as in the authors' code.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tinydeploy.errors import InputFileError
from tinydeploy.zoo.imagenet import PREPROCESSING
from tinydeploy.zoo.registry import ModelEntry, Published, register_family, register_model

_ACTIVATIONS: dict[str | None, Callable[[], nn.Module]] = {
    "relu6": nn.ReLU6,
    "relu": nn.ReLU,
    "h_swish": nn.Hardswish,
    None: nn.Identity,
}
_ADVICE = "It must be a JSON file as MCUNet's authors publish for their nets, without weights."
_MOST = 1 << 14  # channels, classes, pixels: more is a damaged file


@dataclass(frozen=True)
class Conv:
    """Convolution -> BN -> activation."""

    out: int
    kernel: int
    stride: int
    activation: str | None


@dataclass(frozen=True)
class Block:
    """An inverted residual; `inside` is as the channels in where nothing is expanded.

    Args:
        inside: Channels of the depthwise convolution.
        out: Channels out.
        kernel: Of the depthwise convolution.
        stride: Likewise.
        activation: Behind all convolutions but the last.
        identity: The input is added.
    """

    inside: int
    out: int
    kernel: int
    stride: int
    activation: str | None = "relu6"
    identity: bool = False


@dataclass(frozen=True)
class Config:
    """A net.

    Args:
        first: The first convolution.
        blocks: Behind it; None is one that the search left out, which counts in weights' names.
        mix: The last pointwise convolution; None for none.
        classes: Outputs.
        resolution: Height and width of the input.
        eps: Of all BN layers; the default is that of the authors' code.
    """

    first: Conv
    blocks: tuple[Block | None, ...]
    mix: Conv | None
    classes: int
    resolution: int
    eps: float = 1e-3


def _conv(in_channels: int, conv: Conv, groups: int = 1) -> nn.Sequential:
    padding = conv.kernel // 2
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(
            in_channels, conv.out, conv.kernel, conv.stride, padding, groups=groups, bias=False
        ),
        "bn": nn.BatchNorm2d(conv.out),
        "act": _ACTIVATIONS[conv.activation](),
    }
    return nn.Sequential(OrderedDict(layers))


class InvertedResidual(nn.Module):
    """One block.

    Args:
        in_channels: Channels in.
        block: The rest.
    """

    def __init__(self, in_channels: int, block: Block) -> None:
        super().__init__()
        self.identity = block.identity
        inside, activation = block.inside, block.activation
        parts: dict[str, nn.Module] = {}
        if inside != in_channels:
            parts["inverted_bottleneck"] = _conv(in_channels, Conv(inside, 1, 1, activation))
        depthwise = Conv(inside, block.kernel, block.stride, activation)
        parts["depth_conv"] = _conv(inside, depthwise, inside)
        parts["point_linear"] = _conv(inside, Conv(block.out, 1, 1, None))
        self.mobile_inverted_conv = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.mobile_inverted_conv(x)
        return x + y if self.identity else y


class SearchedNet(nn.Module):
    """The classifier; logits come out.

    Args:
        config: The net.
        in_channels: Channels of the input.
    """

    def __init__(self, config: Config, in_channels: int = 3) -> None:
        super().__init__()
        self.first_conv = _conv(in_channels, config.first)
        channels, blocks = config.first.out, list[nn.Module]()
        for block in config.blocks:
            blocks.append(nn.Identity() if block is None else InvertedResidual(channels, block))
            channels = channels if block is None else block.out
        self.blocks = nn.Sequential(*blocks)
        mix = config.mix
        self.feature_mix_layer = nn.Identity() if mix is None else _conv(channels, mix)
        last = channels if mix is None else mix.out
        self.classifier = nn.Sequential(OrderedDict(linear=nn.Linear(last, config.classes)))
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = config.eps

    def forward(self, x: Tensor) -> Tensor:
        """[n, in_channels, h, w] -> logits [n, classes]."""
        x = self.feature_mix_layer(self.blocks(self.first_conv(x)))
        logits: Tensor = self.classifier(x.mean((2, 3)))
        return logits


def read_config(path: Path) -> Config:
    """A net from a file.

    Raises:
        InputFileError: It is no such file, or its net has parts that are not known here.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _parse(content)
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        what = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        raise InputFileError(f"{path} is no searched net: {what}", _ADVICE) from error


def _parse(content: Mapping[str, Any]) -> Config:
    first = _parse_conv(content["first_conv"])
    channels, blocks = first.out, list[Block | None]()
    for number, described in enumerate(content["blocks"]):
        found = described["mobile_inverted_conv"]
        if found is None or found.get("name") == "ZeroLayer":
            blocks.append(None)
            continue
        if found.get("use_se"):
            raise ValueError(f"block {number} has squeeze-and-excite")
        ratio = found["expand_ratio"]
        inside = found.get("mid_channels") or round(channels * ratio)
        if found["in_channels"] != channels:
            raise ValueError(f"block {number} takes {found['in_channels']} channels of {channels}")
        block = Block(
            _number(channels if ratio == 1 else inside, "mid_channels"),
            _number(found["out_channels"], "out_channels"),
            _kernel(found["kernel_size"]),
            _stride(found["stride"]),
            _activation(found.get("act_func", "relu6")),
            described["shortcut"] is not None,
        )
        if block.identity and (block.stride != 1 or block.out != channels):
            raise ValueError(f"block {number} adds an input of another shape")
        blocks.append(block)
        channels = block.out
    mix = content.get("feature_mix_layer")
    return Config(
        first,
        tuple(blocks),
        None if mix is None else _parse_conv(mix),
        _number(content["classifier"]["out_features"], "out_features"),
        _number(content.get("resolution", 224), "resolution"),
        _eps(content["bn"]["eps"]) if "bn" in content else Config.eps,
    )


def _parse_conv(found: Mapping[str, Any]) -> Conv:
    return Conv(
        _number(found["out_channels"], "out_channels"),
        _kernel(found["kernel_size"]),
        _stride(found["stride"]),
        _activation(found["act_func"]),
    )


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or not 0 < value <= _MOST:
        raise ValueError(f"{name} is {value!r}")
    return value


def _kernel(value: object) -> int:
    if value not in (1, 3, 5, 7, 9):
        raise ValueError(f"kernel_size is {value!r}")
    return _number(value, "kernel_size")


def _stride(value: object) -> int:
    if value not in (1, 2):
        raise ValueError(f"stride is {value!r}")
    return _number(value, "stride")


def _eps(value: object) -> float:
    if not isinstance(value, float) or not 0 < value < 1:
        raise ValueError(f"eps is {value!r}")
    return value


def _activation(value: str | None) -> str | None:
    if value not in _ACTIVATIONS:
        raise ValueError(f"act_func is {value!r}")
    return value


def make_searched_entry(
    name: str, title: str, config: Config, published: Published | None = None
) -> ModelEntry:
    """A classifier of ImageNet pictures by its configuration."""
    return ModelEntry(
        name=name,
        title=f"{title}, for pictures of {config.resolution}x{config.resolution}",
        published=published,
        input_shape=(1, 3, config.resolution, config.resolution),
        classes=config.classes,
        preprocessing=PREPROCESSING,
        build=partial(SearchedNet, config),
    )


@register_family("<net>.json", "a searched net, from a file as MCUNet's authors publish them")
def _find(name: str) -> ModelEntry | None:
    path = Path(name)
    if path.suffix.lower() != ".json":
        return None
    config = read_config(path)
    # Nets of other files of that name are other nets, for what is kept of each.
    digest = hashlib.sha256(repr(config).encode()).hexdigest()[:8]
    return make_searched_entry(f"{path.stem}_{digest}", f"The net of {path.name}", config)


_256KB = Config(
    Conv(16, 3, 2, "relu6"),
    (
        Block(16, 8, 3, 1),
        Block(24, 16, 5, 2),
        Block(96, 16, 7, 1, identity=True),
        Block(80, 16, 3, 1, identity=True),
        Block(80, 16, 5, 1, identity=True),
        Block(80, 24, 3, 2),
        Block(144, 24, 7, 1, identity=True),
        Block(144, 24, 5, 1, identity=True),
        Block(96, 40, 7, 2),
        Block(200, 40, 5, 1, identity=True),
        Block(200, 48, 3, 1),
        Block(240, 48, 5, 1, identity=True),
        Block(192, 48, 3, 1, identity=True),
        Block(288, 96, 5, 2),
        Block(384, 96, 5, 1, identity=True),
        Block(288, 96, 5, 1, identity=True),
        Block(384, 96, 3, 1, identity=True),
        Block(480, 160, 5, 1),
    ),
    None,
    1000,
    160,
    1e-5,
)
register_model(
    make_searched_entry(
        "mcunet_256kb",
        "MCUNet for 256 KB of RAM and 1 MB of flash",
        _256KB,
        Published(0.73e6, 67.3e6, 60.9, "Lin et al. 2020, and the authors' list of trained nets"),
    )
)
