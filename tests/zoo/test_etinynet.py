import pytest
import torch
from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.model.count import Counts, count_model
from tinydeploy.zoo.etinynet import Block, EtinyNet, EtinyNetConfig, scale_width
from tinydeploy.zoo.registry import create_model, find_model


@pytest.mark.parametrize(
    ("name", "size", "counts"),
    [
        ("etinynet-1.0", 224, Counts(963_816, 976_360, 113_705_920, 116_901_504)),
        ("etinynet-1.0", 256, Counts(963_816, 976_360, 148_357_120, 152_530_944)),
        ("etinynet-0.75", 224, Counts(671_464, 681_304, 73_007_880, 75_443_376)),
        ("etinynet-0.75", 256, Counts(671_464, 681_304, 95_239_680, 98_420_736)),
        ("etinynet-0.5", 224, Counts(382_056, 388_328, 35_377_632, 36_975_424)),
    ],
)
def test_counts(name, size, counts):
    assert count_model(create_model(name), (1, 3, size, size)) == counts


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("etinynet-1.0", 976e3, 117e6), ("etinynet-0.75", 680e3, 75e6)],
)
def test_published_counts_include_batch_norm(name, parameters, macs):
    counts = count_model(create_model(name), find_model(name).input_shape)
    assert counts.parameters_with_statistics == pytest.approx(parameters, rel=0.002)
    assert counts.macs_with_batch_norm == pytest.approx(macs, rel=0.006)
    # The other convention misses them by more than rounding can explain.
    assert counts.parameters < 0.99 * parameters
    assert counts.macs < 0.98 * macs


def test_width_0_75_by_the_multiplier_is_another_network():
    channels = (24, 24, 96, 144, 192, 384)
    assert scale_width(0.75) == (24, 24, 96, 168, 192, 384)
    counts = count_model(EtinyNet(EtinyNetConfig(channels=channels)), (1, 3, 224, 224))
    assert counts.parameters_with_statistics == 657_256


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("etinynet-0.35", (11, 11, 44, 67, 89, 179)),
        ("etinynet-2", (64, 64, 256, 384, 512, 1024)),
        ("etinynet-1.25", (40, 40, 160, 240, 320, 640)),
    ],
)
def test_free_widths(name, channels):
    net = create_model(name)
    assert isinstance(net, EtinyNet)
    assert net.features1[0].out_channels == channels[0]
    assert net.features2[0].out1[2].out_channels == channels[3]
    assert net.output[0].in_channels == channels[5]


def test_layers_of_a_block_in_their_order():
    kinds = [type(layer) for layer in (*Block(4, 6, 2, True).out1, *Block(4, 6, 2, True).out2)]
    conv, relu, norm = nn.Conv2d, nn.ReLU, nn.BatchNorm2d
    assert kinds == [conv, norm, conv, relu, norm, conv, relu, norm]


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "dense", "shortcuts"),
    [
        (4, 4, 1, False, 0),
        (4, 4, 1, True, 2),
        (4, 6, 1, True, 1),
        (4, 4, 2, True, 1),
        (4, 6, 2, False, 0),
    ],
)
def test_shortcuts(inputs, outputs, stride, dense, shortcuts):
    torch.manual_seed(0)
    block = Block(inputs, outputs, stride, dense).eval()
    x = torch.randn(1, inputs, 9, 9)
    with torch.no_grad():
        first = block.out1(x)
        y = first + x if shortcuts == 2 else first
        expected = block.out2(y) + y if shortcuts else block.out2(y)
        torch.testing.assert_close(block(x), expected)


def test_stages_of_the_published_network():
    """Output of each part at 224x224, as the authors' network has it."""
    net = create_model("etinynet-1.0").to("meta").eval()
    x = torch.empty(1, 3, 224, 224, device="meta")
    shapes = []
    for part in (net.features1[:3], net.features1[3:4], net.features1[4:8], net.features1[8:]):
        x = part(x)
        shapes.append(tuple(x.shape[1:]))
    for part in (net.features2, net.features3, net.pool, net.output):
        x = part(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [
        (32, 112, 112),
        (32, 56, 56),
        (32, 56, 56),
        (128, 28, 28),
        (192, 14, 14),
        (512, 7, 7),
        (512, 1, 1),
        (1000,),
    ]
    assert [block.dense for block in net.features1[4:]] == [False] * 8
    assert [block.dense for block in (*net.features2, *net.features3)] == [True] * 6
    assert net.output[0].bias is not None


@pytest.mark.parametrize(
    ("depths", "last"),
    [((1, 0, 0, 0), 32), ((2, 1, 0, 0), 128), ((2, 2, 2, 0), 192), ((1, 1, 1, 1), 512)],
)
def test_fewer_stages_and_other_inputs(depths, last):
    net = EtinyNet(EtinyNetConfig(depths=depths, in_channels=1, classes=7)).eval()
    assert net.output[0].in_channels == last
    with torch.no_grad():
        assert net(torch.zeros(2, 1, 36, 44)).shape == (2, 7)


@pytest.mark.parametrize(
    "arguments",
    [
        {"depths": (0, 1, 1, 1)},
        {"depths": (1, 0, 1, 1)},
        {"depths": (1, 1, 1, -1)},
        {"channels": scale_width(0.01)},
        {"classes": 0},
        {"in_channels": 0},
    ],
)
def test_impossible_configurations(arguments):
    with pytest.raises(UsageError, match="is not possible"):
        EtinyNetConfig(**arguments)


def test_the_int8_input_is_the_pixel_minus_128():
    entry = find_model("etinynet-1.0")
    assert entry.preprocessing.int8_quantization == (1.0, 0)
