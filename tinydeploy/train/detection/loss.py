"""SSD's loss: cross-entropy with the hardest negatives, and smooth L1 of the offsets.

Source: Liu et al.: SSD: Single Shot MultiBox Detector (2016), 2.2. Negatives are all anchors of the
background; of these only the three per positive count that the net is most wrong about, over the
whole batch. Both sums are divided by the number of positives.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  # the name everybody knows it by
from torch import Tensor

_NEGATIVES = 3


def join_maps(outputs: tuple[Tensor, ...], classes: int) -> tuple[Tensor, Tensor]:
    """A detector's outputs as logits [n, anchors, classes + 1] and offsets [n, anchors, 4]."""

    def join(maps: tuple[Tensor, ...], values: int) -> Tensor:
        rows = [part.permute(0, 2, 3, 1).reshape(len(part), -1, values) for part in maps]
        return torch.cat(rows, dim=1)

    return join(outputs[0::2], classes + 1), join(outputs[1::2], 4)


def detection_loss(
    logits: Tensor, offsets: Tensor, right_classes: Tensor, right_offsets: Tensor
) -> Tensor:
    """The loss of a batch.

    Args:
        logits: [n, anchors, classes + 1].
        offsets: [n, anchors, 4].
        right_classes: int64 [n, anchors], see `targets.Matcher`.
        right_offsets: [n, anchors, 4].
    """
    entropy = F.cross_entropy(
        logits.flatten(0, 1), right_classes.flatten().clamp(min=0), reduction="none"
    )
    entropy = entropy.view_as(right_classes)
    positive, negative = right_classes > 0, right_classes == 0
    count = max(1, int(positive.sum()))
    hardness = entropy.detach().masked_fill(~negative, -1.0).flatten()
    hard = hardness.topk(min(_NEGATIVES * count, int(negative.sum()))).indices
    wrong = entropy[positive].sum() + entropy.flatten()[hard].sum()
    moved = F.smooth_l1_loss(offsets[positive], right_offsets[positive], reduction="sum")
    return (wrong + moved) / count
