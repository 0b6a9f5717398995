"""Searched nets from files: the one that is known, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tinydeploy.errors import InputFileError
from tinydeploy.model.count import count_model
from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.zoo.registry import find_model
from tinydeploy.zoo.searched import Config, SearchedNet, read_config


def describe_conv(out: int, kernel: int, stride: int, activation: str | None) -> dict[str, Any]:
    return {
        "name": "ConvLayer",
        "out_channels": out,
        "kernel_size": kernel,
        "stride": stride,
        "act_func": activation,
    }


def describe_block(in_channels: int, out: int, ratio: float, stride: int = 1) -> dict[str, Any]:
    kept = stride == 1 and in_channels == out
    return {
        "name": "MobileInvertedResidualBlock",
        "mobile_inverted_conv": {
            "in_channels": in_channels,
            "out_channels": out,
            "kernel_size": 5,
            "stride": stride,
            "expand_ratio": ratio,
            "mid_channels": None,
            "act_func": "relu6",
            "use_se": False,
        },
        "shortcut": {"name": "IdentityLayer"} if kept else None,
    }


@pytest.fixture
def content() -> dict[str, Any]:
    skipped = {"mobile_inverted_conv": None, "shortcut": {"name": "IdentityLayer"}}
    return {
        "name": "ProxylessNASNets",
        "first_conv": describe_conv(8, 3, 2, "relu6"),
        "blocks": [
            describe_block(8, 4, 1),
            describe_block(4, 6, 3, 2),
            describe_block(6, 6, 4),
            skipped,
        ],
        "feature_mix_layer": describe_conv(20, 1, 1, "h_swish"),
        "classifier": {"in_features": 20, "out_features": 7},
        "resolution": 32,
    }


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "parameters", "macs", "close"),
    [
        ("mcunet_256kb", 729_392, 67_287_200, 0.005),
        ("proxylessnas_tiny", 754_280, 38_282_216, 0.006),  # 0.75 M
    ],
)
def test_counts_are_the_published_ones(name: str, parameters: int, macs: int, close: float) -> None:
    entry = find_model(name)
    counts = count_model(entry.build(), entry.input_shape)
    assert (counts.parameters, counts.macs) == (parameters, macs)
    assert entry.published is not None
    assert abs(counts.macs / entry.published.macs - 1) < 0.0005
    assert abs(counts.parameters / entry.published.parameters - 1) < close


def test_a_net_of_a_file(content: dict[str, Any], tmp_path: Path) -> None:
    entry = find_model(str(write(tmp_path / "mine.json", content)))
    assert entry.name.startswith("mine_")
    assert (entry.input_shape, entry.classes) == ((1, 3, 32, 32), 7)
    torch.manual_seed(0)
    net = entry.build().eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert net(x).shape == (1, 7)
    assert check_onnx(net, export_onnx(net, entry.input_shape), x.numpy()) < 1e-5
    state = net.state_dict()
    assert state["blocks.2.mobile_inverted_conv.inverted_bottleneck.conv.weight"].shape[0] == 24
    assert "blocks.0.mobile_inverted_conv.inverted_bottleneck.conv.weight" not in state
    assert state["classifier.linear.weight"].shape == (7, 20)


@pytest.mark.parametrize("nothing", [None, {"name": "ZeroLayer", "stride": 1}])
def test_a_block_that_was_left_out_keeps_its_number(
    content: dict[str, Any], tmp_path: Path, nothing: dict[str, Any] | None
) -> None:
    """The names of the weights behind it depend on that."""
    left_out = {"mobile_inverted_conv": nothing, "shortcut": {"name": "IdentityLayer"}}
    content["blocks"][3:] = [left_out, describe_block(6, 12, 3)]
    net = SearchedNet(read_config(write(tmp_path / "net.json", content)))
    blocks = {name.split(".")[1] for name in net.state_dict() if name.startswith("blocks.")}
    assert blocks == {"0", "1", "2", "4"}
    assert net(torch.rand(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("described", "eps"), [(None, 1e-3), ({"momentum": 0.1, "eps": 1e-5}, 1e-5)]
)
def test_eps_is_that_of_the_file(
    content: dict[str, Any], tmp_path: Path, described: dict[str, float] | None, eps: float
) -> None:
    if described:
        content["bn"] = described
    net = SearchedNet(read_config(write(tmp_path / "net.json", content)))
    found = {layer.eps for layer in net.modules() if isinstance(layer, torch.nn.BatchNorm2d)}
    assert found == {eps}


def test_blocks_of_older_files_name_no_activation(content: dict[str, Any], tmp_path: Path) -> None:
    named = read_config(write(tmp_path / "net.json", content))
    for block in content["blocks"][:3]:
        del block["mobile_inverted_conv"]["act_func"]
    assert read_config(write(tmp_path / "net.json", content)) == named


def test_nets_of_equally_named_files_are_told_apart(
    content: dict[str, Any], tmp_path: Path
) -> None:
    first = find_model(str(write(tmp_path / "net.json", content)))
    content["classifier"]["out_features"] = 8
    assert find_model(str(write(tmp_path / "net.json", content))).name != first.name


def test_without_a_last_pointwise_convolution(content: dict[str, Any], tmp_path: Path) -> None:
    del content["feature_mix_layer"]
    config = read_config(write(tmp_path / "net.json", content))
    assert isinstance(config, Config) and config.mix is None
    assert SearchedNet(config)(torch.rand(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("first_conv",), None, "is no searched net"),
        (("blocks",), 3, "is no searched net"),
        (("blocks", 1, "mobile_inverted_conv", "use_se"), True, "block 1 has squeeze-and-excite"),
        (("blocks", 1, "mobile_inverted_conv", "stride"), 3, "stride is 3"),
        (("blocks", 1, "mobile_inverted_conv", "kernel_size"), 4, "kernel_size is 4"),
        (("blocks", 1, "mobile_inverted_conv", "in_channels"), 5, "block 1 takes 5 channels of 4"),
        (("blocks", 1, "mobile_inverted_conv", "act_func"), "mish", "act_func is 'mish'"),
        (("blocks", 1, "mobile_inverted_conv", "act_func"), [], "is no searched net"),
        (("blocks", 1, "mobile_inverted_conv", "expand_ratio"), 1e9, "mid_channels is 4000000000"),
        (("blocks", 1, "mobile_inverted_conv", "expand_ratio"), 1e999, "is no searched net"),
        (("blocks", 1, "shortcut"), {}, "block 1 adds an input of another shape"),
        (("blocks", 1, "shortcut"), "missing", "'shortcut' is missing"),
        (("classifier", "out_features"), -1, "out_features is -1"),
        (("resolution",), "224", "resolution is '224'"),
        (("bn",), {"eps": 0}, "eps is 0"),
        (("bn",), {"eps": float("nan")}, "eps is nan"),
        (("bn",), {}, "'eps' is missing"),
        (("bn",), None, "is no searched net"),
    ],
)
def test_files_that_are_no_nets(
    content: dict[str, Any], tmp_path: Path, place: tuple[Any, ...], value: object, message: str
) -> None:
    part: Any = content
    for key in place[:-1]:
        part = part[key]
    if value == "missing":
        del part[place[-1]]
    else:
        part[place[-1]] = value
    with pytest.raises(InputFileError, match=message):
        read_config(write(tmp_path / "net.json", content))


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 100_000])
def test_files_that_are_not_even_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(InputFileError, match="is no searched net"):
        find_model(str(tmp_path / "net.json"))
    with pytest.raises(InputFileError, match="cannot read"):
        find_model(str(tmp_path / "none.json"))
