"""EtinyNet-SSD: the authors' detector of one class, its heads as they come, no boxes decoded.

Two maps of EtinyNet-1.0 are sources: the end of stage 3 (192 channels, stride 16) and that of
stage 4 (512, stride 32). Each has four anchors per place, and for each of them, by 1x1
convolutions without bias, two class scores (background, object) and four offsets of a box, as
GluonCV's SSD has them: channels count (anchor, class) and (anchor, offset).

The structure is read off the authors' weights; the published mAP (56.4 on VOC, 20 classes) is not
theirs. Their names count one more layer behind each linear BN and the stem's than those of the
classifier; beside them lies a clip to +-12 that is otherwise unused, so it is taken to be that: it
bounds one value in a thousand at most. On pictures the BNs see what they were trained on (as the
classifier's do), so the backbone is a trained one. The heads' weights are uniform from -0.07 to
0.07, which is what Gluon initializes with: they tell nothing until they are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.etinynet import PREPROCESSING, EtinyNetConfig, make_stages
from tinydeploy.zoo.registry import ModelEntry, register_model

INPUT_SHAPE = (1, 3, 256, 256)
ANCHORS = 4
LIMIT = 12.0
_SCORES = 2
_OFFSETS = 4
# Places of the anchors in the authors' tables: for pictures of up to 2048 x 2048.
_TABLES = (128, 64)


class Anchors(nn.Module):
    """The table of a source's anchors: for each place (x, y, w, h) of each, in pixels."""

    anchors: Tensor

    def __init__(self, places: int) -> None:
        super().__init__()
        size = (1, 1, places, places, ANCHORS * _OFFSETS)
        self.register_buffer("anchors", torch.zeros(size))


class EtinyNetSsd(nn.Module):
    """The detector; the names of the parts are those of the published weights."""

    def __init__(self) -> None:
        super().__init__()
        config = EtinyNetConfig()
        stages, last = make_stages(config, LIMIT)
        self.features1, self.features2, self.features3 = stages
        sources = (config.channels[3], last)
        self.class_predictors = _heads(sources, _SCORES)
        self.box_predictors = _heads(sources, _OFFSETS)
        self.anchor_generators = nn.ModuleList(Anchors(places) for places in _TABLES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """[n, 3, h, w] -> class scores [n, 8, h / 16, w / 16], [n, 8, h / 32, w / 32], then boxes.

        Boxes are [n, 16, ...] of the same sizes.
        """
        near = self.features2(self.features1(x))
        far = self.features3(near)
        scores, boxes = (
            [head(source) for head, source in zip(heads, (near, far), strict=True)]
            for heads in (self.class_predictors, self.box_predictors)
        )
        return scores[0], scores[1], boxes[0], boxes[1]


def _heads(channels: tuple[int, int], values: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(c, ANCHORS * values, 1, bias=False) for c in channels)


register_model(
    ModelEntry(
        name="etinynet-ssd",
        title="EtinyNet-1.0 with the heads of an SSD for one class, pictures of 256x256",
        published=None,
        input_shape=INPUT_SHAPE,
        classes=0,
        preprocessing=Preprocessing(PREPROCESSING.mean, PREPROCESSING.std, "rgb", "stretch"),
        build=EtinyNetSsd,
    )
)
