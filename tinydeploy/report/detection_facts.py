"""What a detector finds in the test pictures, for the report and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.average_precision import AveragePrecision
from tinydeploy.detection.boxes import Detections, find_objects
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.postprocess import Detector
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.report.build_report import (
    BoxFacts,
    DetectedPictureFacts,
    DetectionFacts,
    PrecisionFacts,
)
from tinydeploy.report.detection_pictures import draw_detections

FOLDER = "detections"
_PICTURES = 6


@dataclass(frozen=True, eq=False)
class DetectionEvidence:
    """The test pictures of a detector and what its nets make of them.

    Args:
        detector: How the int8 net's outputs become boxes.
        pixels: uint8 [n, h, w, C], gray or RGB.
        scenes: What the n pictures show.
        float_outputs: The float net's, each [n, ...], channels last; None where there is no such.
        int8_outputs: The int8 net's, each [n, *shape].
        float_precision: Of the float net.
        int8_precision: Of the int8 net.
    """

    detector: Detector
    pixels: NDArray[np.uint8]
    scenes: Sequence[Objects]
    float_outputs: Sequence[NDArray[np.floating]] | None
    int8_outputs: Sequence[NDArray[np.int8]]
    float_precision: AveragePrecision | None
    int8_precision: AveragePrecision


def collect_detection(evidence: DetectionEvidence) -> tuple[DetectionFacts, Mapping[str, bytes]]:
    """The report's entry, and the PNG files that it names, by their paths in the build folder."""
    spec = evidence.detector.spec
    int8 = evidence.detector.find([output[:_PICTURES] for output in evidence.int8_outputs])
    exact = None
    if evidence.float_outputs is not None:
        exact = find_objects(spec, [output[:_PICTURES] for output in evidence.float_outputs])
    pictures, files = [], {}
    for place, found in enumerate(int8):
        name = f"{FOLDER}/picture{place}.png"
        panels = [("int8", found)] if exact is None else [("float", exact[place]), ("int8", found)]
        files[name] = draw_detections(
            evidence.pixels[place], panels, evidence.scenes[place], spec.classes
        )
        boxes = None if exact is None else list_boxes(spec, exact[place])
        pictures.append(DetectedPictureFacts(name, boxes, list_boxes(spec, found)))
    facts = DetectionFacts(
        float=_precision_facts(evidence.float_precision),
        int8=PrecisionFacts(evidence.int8_precision.at_half, evidence.int8_precision.coco),
        samples=evidence.int8_precision.images,
        objects=evidence.int8_precision.objects,
        score_threshold=spec.score_threshold,
        iou_threshold=spec.iou_threshold,
        pictures=tuple(pictures),
    )
    return facts, files


def _precision_facts(precision: AveragePrecision | None) -> PrecisionFacts | None:
    return None if precision is None else PrecisionFacts(precision.at_half, precision.coco)


def list_boxes(spec: DetectionSpec, found: Detections) -> tuple[BoxFacts, ...]:
    """What was found in a picture, in the order in which it is told."""
    return tuple(
        BoxFacts(
            spec.classes[int(kind)],
            round(float(score), 4),
            tuple(round(float(edge), 2) for edge in box),
        )
        for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True)
    )
