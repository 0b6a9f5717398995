"""EtinyNet-SSD: EtinyNet's maps with the heads of a single-shot detector on two of them.

Each source, the end of a stage, has two 1x1 convolutions without bias: one gives the logits of the
background and of each class, the other the four offsets of a box, for each anchor of each place
(`detection/spec.py` tells their order). No softmax, nothing decoded: that is the firmware's work.

    name               input     sources                             anchors  classes
    etinynet-ssd       256x256   stages 3, 4: 192, 512 channels      4, 4     1
    etinynet-ssd-voc   256x256   the same                            6, 6     20
    etinynet-ssd-96    96x96     stages 2, 3 of a small one: 64, 96  3, 2     10

`etinynet-ssd` is the authors' one-class file as it is. The structure and the anchors are read off
their weights; the published mAP (56.4 on VOC, 20 classes) is not theirs. Their names count one more
layer behind each linear BN and the stem's than those of the classifier; beside them lies a clip to
+-12 that is otherwise unused, so it is taken to be that: it bounds one value in a thousand at most.
On pictures the BNs see what they were trained on (as the classifier's do), so the backbone is a
trained one. The heads' weights are uniform from -0.07 to 0.07, which is what Gluon initializes
with: they tell nothing until they are trained, so this net gives its raw maps and no boxes.

The heads of the published VOC detector (0.59 M parameters, 164 M MACs) are not public. Ours have,
like SSD's, six anchors per place: two squares, and the ratios 2, 3 and their inverses; with BN
counted as there 0.57 M and 164.3 M.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import InternalError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.etinynet import PREPROCESSING, EtinyNetConfig, make_stages
from tinydeploy.zoo.registry import ModelEntry, Published, register_model

LIMIT = 12.0
_OFFSETS = 4
# Strides of the ends of stages 2, 3 and 4.
_STRIDES = (8, 16, 32)
# Places of the anchors in the authors' tables: for pictures of up to 2048 x 2048.
_TABLES = (128, 64)

VOC_CLASSES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
SMALL_CONFIG = EtinyNetConfig(channels=(16, 16, 64, 96, 96, 96), depths=(2, 3, 3, 0), in_channels=1)


def make_source(
    stride: int, size: float, next_size: float, ratios: Sequence[float]
) -> AnchorSource:
    """A source's anchors as GluonCV's SSD has them.

    Args:
        stride: Of the map.
        size: Side in pixels of the square, and of the squares that the others are as large as.
        next_size: Of the next source; a second square lies between the two.
        ratios: Widths over heights of the others.
    """
    between = math.sqrt(size * next_size)
    others = [(size / math.sqrt(ratio), size * math.sqrt(ratio)) for ratio in ratios]
    return AnchorSource(stride, ((size, size), (between, between), *others))


def make_picture_spec(classes: Sequence[str]) -> DetectionSpec:
    """The anchors for pictures of 256x256: objects of a fifth of the picture and more."""
    ratios = (2.0, 0.5, 3.0, 1 / 3)
    sources = (make_source(16, 48.0, 120.0, ratios), make_source(32, 120.0, 240.0, ratios))
    return DetectionSpec((256, 256), sources, tuple(classes))


def make_scene_spec(classes: Sequence[str]) -> DetectionSpec:
    """The anchors for scenes of 96x96 with square objects of 16 to 40 pixels."""
    squares = ((16.0, 22.0, 30.0), (28.0, 38.0))
    sources = (
        AnchorSource(stride, tuple((side, side) for side in sides))
        for stride, sides in zip((8, 16), squares, strict=True)
    )
    return DetectionSpec((96, 96), tuple(sources), tuple(classes))


AUTHORS_SPEC = DetectionSpec(
    (256, 256),
    (
        make_source(16, 16.0, 128.0, (0.4, 0.2)),
        make_source(32, 128.0, 256.0, (0.4, 0.2)),
    ),
    ("object",),
)


class Anchors(nn.Module):
    """A table of anchors as weights files have it: (x, y, w, h) of each place, in pixels."""

    anchors: Tensor

    def __init__(self, places: int, anchors: int) -> None:
        super().__init__()
        size = (1, 1, places, places, anchors * _OFFSETS)
        self.register_buffer("anchors", torch.zeros(size))


class EtinyNetSsd(nn.Module):
    """The detector; the names of the parts are those of the published weights.

    Args:
        spec: Tells the sources, by their strides, their anchors and the classes.
        config: Of the backbone.
        limit: Of its linear BNs and the stem's, see `etinynet.Block`; None for none.
        tables: Sides of the tables of anchors to carry along, which nothing reads.
    """

    def __init__(
        self,
        spec: DetectionSpec,
        config: EtinyNetConfig,
        limit: float | None = None,
        tables: Sequence[int] = (),
    ) -> None:
        super().__init__()
        stages, last = make_stages(config, limit)
        self.features1, self.features2, self.features3 = stages
        widths = dict(zip(_STRIDES, (*config.channels[2:4], last), strict=True))
        used = [stride for stride, stage in zip(_STRIDES, stages, strict=True) if len(stage)]
        self.strides = [source.stride for source in spec.sources]
        if not set(self.strides) <= set(used) or used[-1] not in self.strides:
            raise InternalError(f"sources of the strides {self.strides}, stages of {used}")
        anchors = [len(source.anchors) for source in spec.sources]
        channels = [widths[stride] for stride in self.strides]
        self.class_predictors = _heads(channels, anchors, len(spec.classes) + 1)
        self.box_predictors = _heads(channels, anchors, _OFFSETS)
        if tables:
            pairs = zip(tables, anchors, strict=True)
            self.anchor_generators = nn.ModuleList(Anchors(*pair) for pair in pairs)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """[n, c, h, w] -> class logits and offsets of the first source, then of the second.

        Each [n, anchors * values, h / stride, w / stride].
        """
        maps = []
        for stage in (self.features1, self.features2, self.features3):
            x = stage(x)
            maps.append(x)
        outputs = []
        for stride, *heads in zip(
            self.strides, self.class_predictors, self.box_predictors, strict=True
        ):
            outputs += [head(maps[_STRIDES.index(stride)]) for head in heads]
        return tuple(outputs)


def _heads(channels: Sequence[int], anchors: Sequence[int], values: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Conv2d(c, a * values, 1, bias=False) for c, a in zip(channels, anchors, strict=True)
    )


def make_picture_detector(spec: DetectionSpec) -> EtinyNetSsd:
    """EtinyNet-1.0 with heads for the spec, for RGB pictures."""
    return EtinyNetSsd(spec, EtinyNetConfig())


def make_small_detector(spec: DetectionSpec) -> EtinyNetSsd:
    """A narrow EtinyNet without stage 4 with heads for the spec, for gray pictures."""
    return EtinyNetSsd(spec, SMALL_CONFIG)


PICTURES = Preprocessing(PREPROCESSING.mean, PREPROCESSING.std, "rgb", "stretch")
# About mean and standard deviation of the scenes' pixels; the int8 input is the pixel minus 128.
SCENES = Preprocessing((64.0,), (64.0,), "gray", "stretch")

register_model(
    ModelEntry(
        name="etinynet-ssd",
        title="EtinyNet-1.0 with the heads of an SSD for one class, pictures of 256x256",
        published=None,
        input_shape=(1, 3, 256, 256),
        classes=0,
        preprocessing=PICTURES,
        build=lambda: EtinyNetSsd(AUTHORS_SPEC, EtinyNetConfig(), LIMIT, _TABLES),
    )
)
register_model(
    ModelEntry(
        name="etinynet-ssd-voc",
        title="EtinyNet-1.0 with the heads of an SSD for VOC's 20 classes, pictures of 256x256",
        published=Published(
            590e3,
            164e6,
            None,
            "the authors, for VOC",
            with_batch_norm=True,
            remark="how many boxes the authors' heads make of VOC's classes is not published",
        ),
        input_shape=(1, 3, 256, 256),
        classes=0,
        preprocessing=PICTURES,
        build=lambda: make_picture_detector(make_picture_spec(VOC_CLASSES)),
        detection=make_picture_spec(VOC_CLASSES),
    )
)
register_model(
    ModelEntry(
        name="etinynet-ssd-96",
        title="A narrow EtinyNet with the heads of an SSD for digits in gray scenes of 96x96",
        published=None,
        input_shape=(1, 1, 96, 96),
        classes=0,
        preprocessing=SCENES,
        build=lambda: make_small_detector(make_scene_spec("0123456789")),
        detection=make_scene_spec("0123456789"),
    )
)
