"""Each architecture has the size that was published, and works on small pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.model.count import count_model
from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.zoo.autoencoder import Autoencoder
from tinydeploy.zoo.ds_cnn import DsCnn
from tinydeploy.zoo.fbnet_v2 import FBNetV2
from tinydeploy.zoo.fbnet_v2 import Row as BlockRow
from tinydeploy.zoo.ghostnet import GhostNet
from tinydeploy.zoo.highway import Highway
from tinydeploy.zoo.igcv1 import Igcv1
from tinydeploy.zoo.igcv3 import Igcv3
from tinydeploy.zoo.layers import make_divisible, shuffle_channels
from tinydeploy.zoo.micronet import MicroNet, Table
from tinydeploy.zoo.micronet import Row as MicroRow
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.mobilenet_v1 import MobileNetV1
from tinydeploy.zoo.mobilenet_v2 import MobileNetV2
from tinydeploy.zoo.mobilenet_v3 import MobileNetV3
from tinydeploy.zoo.mobilenext import MobileNeXt
from tinydeploy.zoo.nasnet import NasNetA
from tinydeploy.zoo.peleenet import PeleeNet
from tinydeploy.zoo.plain_cnn import PlainCnn
from tinydeploy.zoo.registry import create_model, find_model, list_models
from tinydeploy.zoo.resnet_8 import ResNet8
from tinydeploy.zoo.shufflenet_v1 import ShuffleNetV1
from tinydeploy.zoo.shufflenet_v2 import ShuffleNetV2
from tinydeploy.zoo.squeezenet import SqueezeNet
from tinydeploy.zoo.tiny_fire import TinyFire


# Counted by others: torchvision's and timm's nets of these names, MLPerf Tiny's Keras summaries.
@pytest.mark.parametrize(
    ("name", "parameters", "megamacs"),
    [
        ("mobilenet_v1-1.0", 4_231_976, 568.7),
        ("mobilenet_v1-0.75", 2_585_560, 325.4),
        ("mobilenet_v1-0.5", 1_331_592, 149.5),
        ("mobilenet_v1-0.25", 470_072, 41.0),
        ("mobilenet_v2-1.0", 3_504_872, 300.8),
        ("mobilenet_v2-0.5", 1_968_680, 97.1),
        ("mobilenet_v2-0.35", 1_677_128, 59.3),
        ("mobilenet_v2-0.15", 1_415_496, 30.6),
        ("mobilenet_v3_small-1.0", 2_542_856, 56.5),
        ("mobilenet_v3_small-0.75", 2_041_872, 43.4),
        ("mobilenet_v3_large-1.0", 5_483_032, 216.6),
        ("mobilenet_v3_large-0.75", 3_993_528, 154.6),
        ("mobilenet_v3_small_minimal-1.0", 2_044_736, 52.3),
        ("squeezenet-1.0", 1_248_424, 818.9),
        ("squeezenet-1.1", 1_235_496, 349.2),
        ("shufflenet_v2-0.5", 1_366_792, 40.5),
        ("shufflenet_v2-1.0", 2_278_604, 144.9),
        ("shufflenet_v2-1.5", 3_503_624, 295.8),
        ("shufflenet_v2-2.0", 7_393_996, 583.3),
        # timm's and pytorchcv's; the authors' code of MicroNet.
        ("shufflenet_v1_g3-0.5", 718_324, 37.6),
        ("shufflenet_v1_g3-1.0", 1_865_728, 137.5),
        ("shufflenet_v1_g8-1.0", 2_434_768, 138.4),
        ("mnasnet_b1-1.0", 4_383_312, 314.4),
        ("mnasnet_b1-0.5", 2_218_512, 104.5),
        ("mnasnet_a1-1.0", 3_887_038, 311.6),
        ("mnasnet_small", 2_030_264, 68.3),
        ("fbnet_c", 5_572_200, 385.0),
        ("mixnet_s", 4_134_606, 239.2),
        ("mixnet_m", 5_014_382, 339.2),
        ("mixnet_l", 7_329_252, 555.3),
        ("spnasnet", 4_421_616, 333.5),
        ("peleenet", 2_802_248, 507.8),
        ("igcv3-1.0", 3_491_688, 313.0),
        ("efficientnet_b0", 5_288_548, 385.8),
        ("efficientnet_lite0", 4_652_008, 385.2),
        ("proxylessnas-1.0", 4_080_512, 320.4),
        ("nasnet_mobile", 5_289_978, 563.6),
        ("micronet_m2", 2_393_876, 10.3),
        ("micronet_m3", 2_622_960, 18.2),
        ("mobilenet_v3_small-0.5", 1_592_704, 21.1),
        ("mobilenet_v3_small_stem16-0.5", 1_593_224, 24.2),
        ("ghostnet-1.0", 5_182_508, 141.2),
        ("ghostnet-0.5", 2_587_292, 42.3),
        ("highway-10", 85_660, 0.1),
    ],
)
def test_counts_are_those_of_others(name, parameters, megamacs):
    entry = find_model(name)
    with torch.device("meta"):
        net = entry.build()
    counts = count_model(net, entry.input_shape)
    assert counts.parameters == parameters
    assert round(counts.macs / 1e6, 1) == megamacs


@pytest.mark.parametrize(
    ("name", "parameters"), [("resnet_8", 78_666), ("ds_cnn", 24_908), ("autoencoder", 269_992)]
)
def test_counts_of_mlperf_tiny_count_statistics(name, parameters):
    entry = find_model(name)
    with torch.device("meta"):
        net = entry.build()
    assert count_model(net, entry.input_shape).parameters_with_statistics == parameters


# Nets whose MACs are published with so few digits that rounding explains more than 2 %.
HALF_A_DIGIT = {"micronet_m2": 0.5e6, "micronet_m3": 0.5e6, "igcv1_l100m2": 0.05e9}


@pytest.mark.parametrize(
    "entry",
    [e for e in list_models() if e.published and e.counted is None],
    ids=lambda entry: entry.name,
)
def test_counts_are_the_published_ones_but_for_rounding(entry):
    """Papers round, leave out classifiers' biases, or count activations as well."""
    with torch.device("meta"):
        net = entry.build()
    counts = count_model(net, entry.input_shape)
    most = counts.parameters_with_statistics
    rounding = 0.06 if entry.published.parameters < 1e6 else 0.035
    assert counts.parameters * (1 - rounding) < entry.published.parameters < most * (1 + rounding)
    digit = HALF_A_DIGIT.get(entry.name, counts.macs_with_batch_norm * 0.02)
    assert counts.macs * 0.99 < entry.published.macs < counts.macs_with_batch_norm + digit


# Every column of a table of blocks.
ROWS = (
    (Row(1, 8, 1, excite=0.25, plain=True),),
    (Row(2, 16, 2, 3, (3, 5), 0.5, split_expand=2, split_project=2, activation=nn.SiLU),),
    (Row(1, 24, 2, 6, (5,)), Row(1, 24, 1, 1)),
)
# Likewise of FBNetV2: a skipped block that keeps channels and one that changes them.
FBNET_V2 = (
    BlockRow(3, 8),
    BlockRow(5, 16, 2, 3.5, True),
    BlockRow(0, 16),
    BlockRow(0, 24),
    BlockRow(3, 24, 1, 2, True, True),
)
MICRONET = Table(
    (2, 2),
    (True, True, True),
    (1.0, 0.5, 0.0, 0.5),
    (
        MicroRow(4, 3, 2, (2, 2), (0, 4), (2, 2), 1, plain=True),
        MicroRow(8, 3, 1, (2, 2), (0, 4), (2, 2), 1),
        MicroRow(8, 5, 1, (1, 2), (2, 4), (4, 4), 2),
        MicroRow(16, 3, 1, (1, 2), (2, 2), (0, 0), 1),
    ),
)
# Each kind of net at a fraction of its width, for gray pictures of 32x32.
SMALL = {
    "plain": lambda **a: PlainCnn(0.25, **a),
    "mobilenet_v1": lambda **a: MobileNetV1(0.1, stem_stride=1, **a),
    "mobilenet_v2": lambda **a: MobileNetV2(0.1, stem_stride=1, **a),
    "mobilenet_v3": lambda **a: MobileNetV3("small", 0.1, stem_stride=1, **a),
    "mobilenet_v3_large": lambda **a: MobileNetV3("large", 0.1, stem_stride=1, **a),
    "minimal": lambda **a: MobileNetV3("small", 0.1, minimal=True, stem_stride=1, **a),
    "squeezenet": lambda **a: SqueezeNet("1.1", 0.1, stem_stride=1, **a),
    "shufflenet_v2": lambda **a: ShuffleNetV2(0.5, stem_stride=1, **a),
    "shufflenet_v1": lambda **a: ShuffleNetV1(3, 0.5, stem_stride=1, **a),
    "igcv3": lambda **a: Igcv3(0.1, stem_stride=1, **a),
    "mobilenext": lambda **a: MobileNeXt(0.1, stem_stride=1, **a),
    "peleenet": lambda **a: PeleeNet(0.25, stem_stride=1, **a),
    "tiny_fire": lambda **a: TinyFire(stem_stride=1, **a),
    "block table": lambda **a: BlockNet("net", ROWS, stem=8, head=16, stem_stride=1, **a),
    "fbnet_v2": lambda **a: FBNetV2(FBNET_V2, 8, 16, stem_stride=1, **a),
    "micronet": lambda **a: MicroNet(MICRONET, stem_stride=1, **a),
    "ghostnet": lambda **a: GhostNet(0.1, stem_stride=1, **a),
    "igcv1": lambda **a: Igcv1(4, 2, stem_stride=1, **a),
    "nasnet": lambda **a: NasNetA(1, 96, stem_stride=1, **a),
    "resnet_8": lambda **a: ResNet8(0.25, **a),
    "ds_cnn": lambda **a: DsCnn(0.25, **a),
    "ds_cnn, stride 1": lambda **a: DsCnn(0.25, stem_stride=1, **a),
}


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_small_gray_pictures(make):
    torch.manual_seed(0)
    net = make(classes=7, in_channels=1).eval()
    x = torch.rand(3, 1, 32, 32)
    with torch.no_grad():
        assert net(x).shape == (3, 7)
    assert check_onnx(net, export_onnx(net, (1, 1, 32, 32)), x.numpy()) < 1e-5


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("wrong", [{"classes": 0}, {"in_channels": 0}])
def test_impossible_arguments(make, wrong):
    with pytest.raises(UsageError, match="is not possible"):
        make(**wrong)


# The nets that look at no neighbourhoods, which take inputs of any shape.
FLAT = {
    "autoencoder": (lambda values: Autoencoder(values, 0.25), 60),
    "highway": (lambda values: Highway(3, classes=7, values=values), 7),
}


@pytest.mark.parametrize(("make", "outputs"), FLAT.values(), ids=FLAT)
def test_flat_nets(make, outputs):
    torch.manual_seed(0)
    net = make(60).eval()
    x = torch.rand(3, 2, 5, 6)
    with torch.no_grad():
        assert net(x).shape == (3, outputs)
    assert check_onnx(net, export_onnx(net, (1, 2, 5, 6)), x.numpy()) < 1e-5
    with pytest.raises(UsageError, match="is not possible"):
        make(0)


def test_gates_decide_what_a_highway_layer_does():
    """Closed ones hand on their input, open ones the layer's own values."""
    net = Highway(2, values=4)
    layer, x = net.layers[2], torch.rand(1, 50)
    torch.nn.init.zeros_(layer.gate.weight)
    torch.nn.init.constant_(layer.gate.bias, -100)
    assert torch.equal(layer(x), x)
    torch.nn.init.constant_(layer.gate.bias, 100)
    assert torch.allclose(layer(x), torch.relu(layer.transform(x)))


@pytest.mark.parametrize(
    ("groups", "width", "message"), [(5, 1.0, "no variant of 5 groups"), (8, 0.3, "no width 0.3")]
)
def test_groups_of_shufflenet(groups, width, message):
    with pytest.raises(UsageError, match=message):
        ShuffleNetV1(groups, width)


@pytest.mark.parametrize("width", [0.25, 3.0])
def test_shufflenet_has_four_widths(width):
    with pytest.raises(UsageError, match="has no width"):
        ShuffleNetV2(width)


@pytest.mark.parametrize("wrong", [{"width": 0.0}, {"width": -1.0}, {"stem_stride": 3}])
def test_impossible_widths_and_strides(wrong):
    with pytest.raises(UsageError, match="is not possible"):
        MobileNetV2(**wrong)


# What torchvision or timm calls them, with their shapes.
@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        (
            "mobilenet_v2-1.0",
            {
                "features.0.0.weight": (32, 3, 3, 3),
                "features.1.conv.0.0.weight": (32, 1, 3, 3),
                "features.1.conv.1.weight": (16, 32, 1, 1),
                "features.2.conv.1.1.running_mean": (96,),
                "features.17.conv.3.weight": (320,),
                "features.18.0.weight": (1280, 320, 1, 1),
                "classifier.1.weight": (1000, 1280),
            },
        ),
        (
            "mobilenet_v3_small-1.0",
            {
                "features.1.block.0.0.weight": (16, 1, 3, 3),
                "features.1.block.1.fc1.weight": (8, 16, 1, 1),
                "features.4.block.2.fc2.bias": (96,),
                "features.4.block.3.1.weight": (40,),
                "features.12.0.weight": (576, 96, 1, 1),
                "classifier.0.weight": (1024, 576),
                "classifier.3.bias": (1000,),
            },
        ),
        (
            "squeezenet-1.1",
            {
                "features.0.weight": (64, 3, 3, 3),
                "features.3.squeeze.weight": (16, 64, 1, 1),
                "features.12.expand3x3.bias": (256,),
                "classifier.1.weight": (1000, 512, 1, 1),
            },
        ),
        (
            "mixnet_s",  # as timm's
            {
                "conv_stem.weight": (16, 3, 3, 3),
                "blocks.0.0.conv_dw.weight": (16, 1, 3, 3),
                "blocks.1.0.conv_pw.1.weight": (48, 8, 1, 1),
                "blocks.2.1.se.conv_reduce.bias": (20,),
                "blocks.4.1.conv_dw.3.weight": (90, 1, 9, 9),
                "blocks.5.2.conv_pwl.0.weight": (100, 600, 1, 1),
                "bn2.running_mean": (1536,),
                "classifier.weight": (1000, 1536),
            },
        ),
        (
            "shufflenet_v2-1.0",
            {
                "conv1.0.weight": (24, 3, 3, 3),
                "stage2.0.branch1.0.weight": (24, 1, 3, 3),
                "stage2.0.branch1.3.running_var": (58,),
                "stage3.7.branch2.5.weight": (116, 116, 1, 1),
                "conv5.1.bias": (1024,),
                "fc.weight": (1000, 1024),
            },
        ),
    ],
)
def test_names_are_those_of_published_weights(name, tensors):
    state = create_model(name).state_dict()
    assert {key: tuple(state[key].shape) for key in tensors} == tensors


def test_shuffle():
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert shuffle_channels(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert shuffle_channels(x, 3).flatten().tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 8), (12, 16), (11, 16), (8.8, 8), (9, 16), (36, 40), (100, 104)]
)
def test_divisible_widths(value, expected):
    assert make_divisible(value) == expected
    assert expected >= 0.9 * value
