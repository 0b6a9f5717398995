"""What pictures and test samples say of a build with an accelerator, beside LiteRT's int8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.objects import Objects
from tinydeploy.graph.graph import Graph
from tinydeploy.report.accelerated_report import (
    ClassifiedPictureFacts,
    ComparedPictureFacts,
    ComparedQualityFacts,
    NetQualityFacts,
    ScoreFacts,
)
from tinydeploy.report.build_report import PrecisionFacts
from tinydeploy.report.detection_facts import list_boxes
from tinydeploy.report.detection_pictures import draw_detections, draw_picture
from tinydeploy.validate.fidelity import measure_accuracy
from tinydeploy.validate.quality import Quality, add_precision, dequantize_outputs, read_pixels

Array = NDArray[Any]

FOLDER = "pictures"
_PICTURES = 6
_BEST = 3


@dataclass(frozen=True, eq=False)
class Answers:
    """Outputs for the same n inputs, each [n, *shape] per output of the net.

    Args:
        float: The float net's, real numbers; None where there is no such.
        litert: LiteRT's, int8.
        tinynpu: TinyNPU's and the rest's, int8; what follows is not looked at.
    """

    float: Sequence[NDArray[np.floating]] | None
    litert: Sequence[Array]
    tinynpu: Sequence[Array]


def names_classes(graph: Graph) -> bool:
    """Whether the net's only output are scores of classes."""
    shapes = [graph.tensors[output].shape for output in graph.outputs]
    return len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1] > 1


def compare_quality(
    graph: Graph,
    answers: Answers,
    classes: NDArray[np.int64] | None,
    scenes: Sequence[Objects] | None,
) -> ComparedQualityFacts | None:
    """How well test samples are answered; None where nobody knows what is right.

    Args:
        graph: The whole model.
        answers: To the first n samples.
        classes: The right class of each sample; None where there are no labels.
        scenes: What each of a detector's samples shows; None where that is not known.

    Raises:
        MissingDependencyError: What computes mAP is not installed.
    """
    samples = len(answers.litert[0])
    classes = None if classes is None else classes[:samples]
    scenes = None if scenes is None else scenes[:samples]
    detector = graph.detector
    if detector is not None and scenes is not None:
        nothing = Quality(None, None, None)
        litert = add_precision(nothing, detector, answers.float, answers.litert, scenes)
        raw = answers.tinynpu[: len(answers.litert)]
        tinynpu = add_precision(nothing, detector, None, raw, scenes).int8_precision
        assert litert.int8_precision is not None
        found = [litert.float_precision, litert.int8_precision, tinynpu]
        facts = [
            None if p is None else NetQualityFacts(None, PrecisionFacts(p.at_half, p.coco))
            for p in found
        ]
        objects: int | None = litert.int8_precision.objects
    elif classes is not None and names_classes(graph):
        scores = [None if answers.float is None else answers.float[0]]
        scores += [answers.litert[0], answers.tinynpu[0]]
        facts = [
            None if s is None else NetQualityFacts(measure_accuracy(s, classes), None)
            for s in scores
        ]
        objects = None
    else:
        return None
    exact, official, ours = facts
    assert official is not None
    assert ours is not None
    return ComparedQualityFacts(samples, objects, exact, official, ours)


def collect_classified(
    graph: Graph, images: Array, answers: Answers, classes: NDArray[np.int64] | None
) -> tuple[tuple[ClassifiedPictureFacts, ...], Mapping[str, bytes]]:
    """Some pictures with the best classes of both, and the PNG files that show them.

    Args:
        graph: The whole model.
        images: Inputs of the net as made by the firmware, int8 [n, h, w, c].
        answers: To them.
        classes: The right class of each [n]; None where there are no labels.
    """
    facts, files = [], {}
    for number, pixels in enumerate(read_pixels(graph, images[:_PICTURES])):
        name = f"{FOLDER}/picture{number}.png"
        files[name] = draw_picture(pixels)
        right = "" if classes is None else _name_class(graph, int(classes[number]))
        litert, tinynpu = (
            _rank(graph, dequantize_outputs(graph, outputs[0][number]).reshape(-1))
            for outputs in (answers.litert, answers.tinynpu)
        )
        facts.append(ClassifiedPictureFacts(name, right, litert, tinynpu))
    return tuple(facts), files


def collect_detected(
    graph: Graph, images: Array, answers: Answers, scenes: Sequence[Objects] | None
) -> tuple[tuple[ComparedPictureFacts, ...], Mapping[str, bytes]]:
    """Some pictures with the boxes of both, and the PNG files that show them side by side.

    Args:
        graph: The whole model, a detector.
        images: Inputs of the net as made by the firmware, int8 [n, h, w, c].
        answers: To them.
        scenes: What the n pictures show; None where that is not known.
    """
    detector = graph.detector
    assert detector is not None
    count, spec = len(answers.litert), detector.spec
    litert = detector.find([output[:_PICTURES] for output in answers.litert])
    tinynpu = detector.find([output[:_PICTURES] for output in answers.tinynpu[:count]])
    facts, files = [], {}
    for number, pixels in enumerate(read_pixels(graph, images[:_PICTURES])):
        name = f"{FOLDER}/picture{number}.png"
        panels = [("LiteRT int8", litert[number]), ("TinyNPU", tinynpu[number])]
        truth = None if scenes is None else scenes[number]
        files[name] = draw_detections(pixels, panels, truth, spec.classes)
        facts.append(
            ComparedPictureFacts(
                name, list_boxes(spec, litert[number]), list_boxes(spec, tinynpu[number])
            )
        )
    return tuple(facts), files


def _rank(graph: Graph, scores: NDArray[np.float64]) -> tuple[ScoreFacts, ...]:
    best = np.argsort(-scores, kind="stable")[:_BEST]
    return tuple(ScoreFacts(_name_class(graph, int(k)), round(float(scores[k]), 4)) for k in best)


def _name_class(graph: Graph, number: int) -> str:
    return graph.labels[number] if number < len(graph.labels) else str(number)
