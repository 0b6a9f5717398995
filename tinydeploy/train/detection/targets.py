"""Which anchor answers for which object.

As SSD does it: an anchor answers for the object that it overlaps most, if by half or more; and for
each object the anchor that overlaps it most answers in any case. Anchors that overlap an object by
0.4 to 0.5, and those of objects to ignore, are neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.boxes import anchor_boxes, encode_boxes, measure_overlap
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import DetectionSpec

IGNORED = -1
_MATCH = 0.5
_NEAR = 0.4


class Matcher:
    """Makes targets for the anchors of a spec."""

    def __init__(self, spec: DetectionSpec) -> None:
        self._variances = spec.box_variances
        self._anchors = make_anchors(spec)
        self._boxes = anchor_boxes(self._anchors)

    def match(self, scenes: Sequence[Objects]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """What the net should say of each scene.

        Returns:
            Classes [n, anchors], 0 for the background, IGNORED where anything goes; and offsets
            [n, anchors, 4], which mean something where the class is above 0.
        """
        classes = np.zeros((len(scenes), len(self._anchors)), np.int64)
        offsets = np.zeros((len(scenes), len(self._anchors), 4), np.float32)
        for index, objects in enumerate(scenes):
            if not len(objects.boxes):
                continue
            overlap = measure_overlap(self._boxes, objects.boxes)
            answers, best = overlap.argmax(axis=1), overlap.max(axis=1)
            chosen = overlap.argmax(axis=0)
            answers[chosen], best[chosen] = np.arange(len(chosen)), 1.0
            found = (best >= _MATCH) & ~objects.ignored[answers]
            near = (best >= _NEAR) & ~found
            classes[index] = np.where(
                found, objects.classes[answers] + 1, np.where(near, IGNORED, 0)
            )
            offsets[index, found] = encode_boxes(
                objects.boxes[answers[found]], self._anchors[found], self._variances
            )
        return classes, offsets
