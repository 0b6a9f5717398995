"""Nets too large for a microcontroller, as other packages define them: to count and compare.

Their sizes are known without those packages; to build one takes the extra zoo-large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from tinydeploy.model.count import Counts
from tinydeploy.zoo.imagenet import CLASSES, PREPROCESSING
from tinydeploy.zoo.large_packages import Package, build_large
from tinydeploy.zoo.registry import ModelEntry, Published, register_model


@dataclass(frozen=True)
class LargeNet:
    """A net that a package defines.

    Args:
        title: What it is called.
        package: Which one defines it.
        model: Its name there.
        size: Height and width of the input that the figures are for.
        counted: Its size at that input.
        published: As its authors give it; None where that was not looked up.
    """

    title: str
    package: Package
    model: str
    size: int
    counted: Counts
    published: Published | None

    @property
    def builder(self) -> Callable[[], nn.Module]:
        """Makes it, freshly initialized."""
        return partial(build_large, self.package, self.model)


def _by_torchvision(top1: float, parameters: float, gigamacs: float) -> Published:
    return Published(parameters, gigamacs * 1e9, top1, "torchvision's list of trained nets")


def _by(source: str, top1: float, megas: float, gigamacs: float, remark: str = "") -> Published:
    return Published(megas * 1e6, gigamacs * 1e9, top1, source, remark=remark)


_SCALING = "Tan and Le 2019, table 2"
_AUXILIARY = "their parameters include a second head for training"
_TWO_DIGITS = "the paper gives two digits"
_LATER = "torchvision's and timm's definitions count as here"
_NASNET = "Zoph et al. 2018, table 2"
_SZEGEDY = "Xie et al. 2017, table 5, of Szegedy et al. 2016; counts of timm's net"
_LIU = "Liu et al. 2018, not looked up; counts of timm's pnasnet5large"
_HU = "the authors' list of trained nets (Hu et al. 2018); counts of timm's net"
_WANG = "the authors' list of trained nets (Wang et al. 2019)"
_WANG_REMARK = "timm's definition, whose weights fit, has more MACs"

LARGE: dict[str, LargeNet] = {
    "alexnet": LargeNet(
        "AlexNet",
        "torchvision",
        "alexnet",
        224,
        Counts(61_100_840, 61_100_840, 714_188_480, 714_188_480),
        _by_torchvision(56.52, 61_100_840, 0.714),
    ),
    "vgg16": LargeNet(
        "VGG16",
        "torchvision",
        "vgg16",
        224,
        Counts(138_357_544, 138_357_544, 15_470_264_320, 15_470_264_320),
        _by_torchvision(71.59, 138_357_544, 15.47),
    ),
    "googlenet": LargeNet(
        "GoogLeNet",
        "torchvision",
        "googlenet",
        224,
        Counts(6_624_904, 6_639_464, 1_498_376_192, 1_501_602_352),
        _by_torchvision(69.78, 6_624_904, 1.498),
    ),
    "resnet18": LargeNet(
        "ResNet-18",
        "torchvision",
        "resnet18",
        224,
        Counts(11_689_512, 11_699_112, 1_814_073_344, 1_816_557_056),
        _by_torchvision(69.76, 11_689_512, 1.814),
    ),
    "resnet50": LargeNet(
        "ResNet-50",
        "torchvision",
        "resnet50",
        224,
        Counts(25_557_032, 25_610_152, 4_089_184_256, 4_100_298_240),
        _by_torchvision(76.13, 25_557_032, 4.089),
    ),
    "resnet101": LargeNet(
        "ResNet-101",
        "torchvision",
        "resnet101",
        224,
        Counts(44_549_160, 44_654_504, 7_801_405_440, 7_817_637_376),
        _by_torchvision(77.37, 44_549_160, 7.801),
    ),
    "resnet152": LargeNet(
        "ResNet-152",
        "torchvision",
        "resnet152",
        224,
        Counts(60_192_808, 60_344_232, 11_513_626_624, 11_536_180_736),
        _by_torchvision(78.31, 60_192_808, 11.514),
    ),
    "densenet121": LargeNet(
        "DenseNet-121",
        "torchvision",
        "densenet121",
        224,
        Counts(7_978_856, 8_062_504, 2_834_161_664, 2_849_829_120),
        _by_torchvision(74.43, 7_978_856, 2.834),
    ),
    "densenet169": LargeNet(
        "DenseNet-169",
        "torchvision",
        "densenet169",
        224,
        Counts(14_149_480, 14_307_880, 3_359_843_328, 3_378_866_304),
        _by_torchvision(75.60, 14_149_480, 3.36),
    ),
    "resnext101_32x8d": LargeNet(
        "ResNeXt-101 32x8d",
        "torchvision",
        "resnext101_32x8d",
        224,
        Counts(88_791_336, 88_994_216, 16_414_015_488, 16_445_224_960),
        _by_torchvision(79.31, 88_791_336, 16.414),
    ),
    "resnext101_64x4d": LargeNet(
        "ResNeXt-101 64x4d",
        "torchvision",
        "resnext101_64x4d",
        320,
        Counts(83_455_272, 83_658_152, 31_549_440_000, 31_613_132_800),
        _by(_NASNET, 80.9, 83.6, 31.5),
    ),
    "inception_v3": LargeNet(
        "Inception-v3",
        "torchvision",
        "inception_v3",
        299,
        Counts(23_834_568, 23_869_000, 5_713_216_096, 5_722_183_584),
        _by("torchvision's list of trained nets", 77.29, 27.16, 5.713, _AUXILIARY),
    ),
    "inception_v4": LargeNet(
        "Inception-v4",
        "timm",
        "inception_v4",
        299,
        Counts(42_679_816, 42_742_984, 12_253_974_624, 12_269_063_808),
        _by(_SZEGEDY, 80.0, 42.7, 12.3),
    ),
    "inception_resnet_v2": LargeNet(
        "Inception-ResNet-v2",
        "timm",
        "inception_resnet_v2",
        299,
        Counts(55_843_464, 55_904_008, 13_155_794_016, 13_169_313_152),
        _by(_NASNET, 80.1, 55.8, 13.2),
    ),
    "senet154": LargeNet(
        "SENet-154",
        "timm",
        "legacy_senet154",
        224,
        Counts(115_088_984, 115_336_536, 20_688_363_520, 20_726_999_040),
        _by(_HU, 81.32, 115.088, 20.7),
    ),
    "seresnet50": LargeNet(
        "SE-ResNet-50",
        "timm",
        "legacy_seresnet50",
        224,
        Counts(28_088_024, 28_141_144, 3_860_488_192, 3_871_075_328),
        _by(_HU, 77.63, 28.088, 3.86),
    ),
    "hrnet_w18": LargeNet(
        "HRNet-W18",
        "timm",
        "hrnet_w18",
        224,
        Counts(21_299_004, 21_350_220, 4_283_537_072, 4_299_843_194),
        _by(_WANG, 76.8, 21.3, 3.99, _WANG_REMARK),
    ),
    "hrnet_w18_small": LargeNet(
        "HRNet-W18-small",
        "timm",
        "hrnet_w18_small",
        224,
        Counts(13_187_464, 13_211_496, 1_601_508_352, 1_607_224_496),
        None,
    ),
    "xception": LargeNet(
        "Xception",
        "timm",
        "legacy_xception",
        299,
        Counts(22_855_952, 22_910_480, 8_357_403_496, 8_378_540_648),
        _by(_NASNET, 79.0, 22.8, 8.38),
    ),
    "nasnet_large": LargeNet(
        "NASNet-A 6@4032",
        "timm",
        "nasnetalarge",
        331,
        Counts(88_753_150, 88_949_818, 23_783_414_658, 23_834_637_672),
        _by(_NASNET, 82.7, 88.9, 23.8),
    ),
    "pnasnet_large": LargeNet(
        "PNASNet-5",
        "timm",
        "pnasnet5large",
        331,
        Counts(86_057_668, 86_234_656, 24_937_395_792, 24_990_503_874),
        _by(_LIU, 82.9, 86.1, 25.0),
    ),
    "bninception": LargeNet(
        "Inception-v2",
        "pytorchcv",
        "bninception",
        224,
        Counts(11_295_240, 11_315_272, 2_032_600_064, 2_036_336_608),
        None,
    ),
    "polynet": LargeNet(
        "PolyNet",
        "pytorchcv",
        "polynet",
        331,
        Counts(95_366_600, 95_727_688, 34_699_493_472, 34_766_015_392),
        _by(_NASNET, 81.3, 92, 34.7, "pytorchcv's definition, whose weights fit, counts as here"),
    ),
    "efficientnet_b1": LargeNet(
        "EfficientNet-B1",
        "torchvision",
        "efficientnet_b1",
        240,
        Counts(7_794_184, 7_856_232, 686_802_832, 697_672_000),
        _by(_SCALING, 78.8, 7.8, 0.7, _TWO_DIGITS),
    ),
    "efficientnet_b2": LargeNet(
        "EfficientNet-B2",
        "torchvision",
        "efficientnet_b2",
        260,
        Counts(9_109_994, 9_177_562, 993_561_872, 1_007_378_296),
        _by(_SCALING, 79.8, 9.2, 1.0, _LATER),
    ),
    "efficientnet_b3": LargeNet(
        "EfficientNet-B3",
        "torchvision",
        "efficientnet_b3",
        300,
        Counts(12_233_232, 12_320_528, 1_827_141_392, 1_850_951_608),
        _by(_SCALING, 81.1, 12, 1.8, _TWO_DIGITS),
    ),
    "efficientnet_b4": LargeNet(
        "EfficientNet-B4",
        "torchvision",
        "efficientnet_b4",
        380,
        Counts(19_341_616, 19_466_816, 4_393_771_024, 4_443_230_016),
        _by(_SCALING, 82.6, 19, 4.2, _LATER),
    ),
    "efficientnet_b5": LargeNet(
        "EfficientNet-B5",
        "torchvision",
        "efficientnet_b5",
        456,
        Counts(30_389_784, 30_562_520, 10_266_384_752, 10_365_200_832),
        _by(_SCALING, 83.3, 30, 9.9, _LATER),
    ),
    "efficientnet_b6": LargeNet(
        "EfficientNet-B6",
        "torchvision",
        "efficientnet_b6",
        528,
        Counts(43_040_704, 43_265_136, 19_067_593_536, 19_234_933_336),
        _by(_SCALING, 84.0, 43, 19),
    ),
    "efficientnet_b7": LargeNet(
        "EfficientNet-B7",
        "torchvision",
        "efficientnet_b7",
        600,
        Counts(66_347_960, 66_658_680, 37_745_884_192, 38_035_749_456),
        _by(_SCALING, 84.4, 66, 37, _LATER),
    ),
}

for _name, _net in LARGE.items():
    register_model(
        ModelEntry(
            name=_name,
            title=f"{_net.title}, for ImageNet pictures of {_net.size}x{_net.size}",
            published=_net.published,
            input_shape=(1, 3, _net.size, _net.size),
            classes=CLASSES,
            preprocessing=PREPROCESSING,
            build=_net.builder,
            counted=_net.counted,
        )
    )
