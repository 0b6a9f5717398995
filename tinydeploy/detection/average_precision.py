"""Mean average precision as COCO's own evaluator computes it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.boxes import Detections
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import MissingDependencyError

_SCORE_THRESHOLD = 0.001
_MAX_CANDIDATES = 1000
_MAX_DETECTIONS = 100


@dataclass(frozen=True)
class AveragePrecision:
    """How well a detector finds objects, each 0 to 1, the mean over classes that occur.

    Args:
        at_half: A box is right where it overlaps the object by half: mAP@0.5.
        coco: The mean over overlaps of 0.5, 0.55 ... 0.95: mAP@[.5:.95].
        images: That were looked at.
        objects: In them, without the ignored ones.
    """

    at_half: float
    coco: float
    images: int
    objects: int


def loosen_spec(spec: DetectionSpec) -> DetectionSpec:
    """The spec as mAP asks for it: doubtful boxes count too, up to a hundred in an image."""
    return replace(
        spec,
        score_threshold=_SCORE_THRESHOLD,
        max_candidates=_MAX_CANDIDATES,
        max_detections=_MAX_DETECTIONS,
    )


def load_evaluator() -> tuple[ModuleType, ModuleType]:
    """COCO's modules `coco` and `cocoeval`.

    Raises:
        MissingDependencyError: pycocotools is not installed.
    """
    try:
        from pycocotools import coco, cocoeval
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "mAP needs the package pycocotools, which is not installed",
            "Try: pip install 'tinydeploy[detection]'.",
        ) from error
    return coco, cocoeval


def measure_precision(
    spec: DetectionSpec, found: Sequence[Detections], scenes: Sequence[Objects]
) -> AveragePrecision:
    """The mean average precision of what a detector found.

    Args:
        spec: Of the detector.
        found: In n images, with a loosened spec.
        scenes: What the n images show.

    Raises:
        MissingDependencyError: pycocotools is not installed.
    """
    detections = [
        {"image_id": image, "category_id": int(kind), "bbox": _corner(box), "score": float(score)}
        for image, each in enumerate(found)
        for box, score, kind in zip(each.boxes, each.scores, each.classes, strict=True)
    ]
    counted = sum(int((~each.ignored).sum()) for each in scenes)
    if not detections or not counted:
        return AveragePrecision(0.0, 0.0, len(scenes), counted)
    coco, cocoeval = load_evaluator()
    with redirect_stdout(io.StringIO()):  # where it tells how far it is
        truth = coco.COCO()
        truth.dataset = _describe_truth(spec, scenes)
        truth.createIndex()
        evaluation = cocoeval.COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    # [overlap, recall, class, size of objects, detections per image]; -1 where a class is missing.
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    present = precision[..., precision[0, 0] >= 0]
    return AveragePrecision(float(present[0].mean()), float(present.mean()), len(scenes), counted)


def _describe_truth(spec: DetectionSpec, scenes: Sequence[Objects]) -> dict[str, Any]:
    """The right boxes in COCO's own form; those to ignore are crowds."""
    annotations = [
        {
            "image_id": image,
            "category_id": int(kind),
            "bbox": _corner(box),
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "iscrowd": int(ignored),
        }
        for image, each in enumerate(scenes)
        for box, kind, ignored in zip(each.boxes, each.classes, each.ignored, strict=True)
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {
        "info": {},
        "images": [{"id": image} for image in range(len(scenes))],
        "categories": [{"id": kind, "name": name} for kind, name in enumerate(spec.classes)],
        "annotations": annotations,
    }


def _corner(box: NDArray[np.float64]) -> list[float]:
    """(x, y, w, h), as COCO has boxes."""
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
