"""What the raw outputs of a single-shot detector mean: anchors, classes, thresholds.

A detector's outputs are, for each source (a map that boxes are read from), its class logits
[1, h, w, anchors * (classes + 1)] and its box offsets [1, h, w, anchors * 4], in this order.
Channel a * (classes + 1) + c is the logit of class c at anchor a, c = 0 being the background;
channel a * 4 + k is its offset k of (dx, dy, dw, dh), see `boxes.decode_boxes`.

The spec travels in a .tflite as JSON, in a metadata entry named `tinydeploy_detection` beside the
standard one, so that the file alone tells how its boxes are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tinydeploy.errors import InputFileError

METADATA_NAME: Final = "tinydeploy_detection"
MAX_JSON_BYTES: Final = 1 << 17
MAX_SIDE: Final = 4096  # of the image and of an anchor, pixels
MAX_SOURCES: Final = 8
MAX_ANCHORS: Final = 32  # per place of a source
MAX_ALL_ANCHORS: Final = 1 << 17
MAX_CLASSES: Final = 1000
MAX_LABEL: Final = 100
MAX_KEPT: Final = 1000
_VERSION: Final = 1
_Item = TypeVar("_Item")
_ADVICE: Final = "Build the file again with tinydeploy build --task detection."


@dataclass(frozen=True)
class AnchorSource:
    """One map that boxes are read from.

    Args:
        stride: Pixels of the net's input between two places of the map.
        anchors: Sizes (h, w) in pixels of the boxes assumed at each place, in the channels' order.
    """

    stride: int
    anchors: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DetectionSpec:
    """How boxes are read from a detector's outputs.

    Args:
        image_size: (h, w) of the net's input, pixels.
        sources: In the order of the outputs.
        classes: Names, without the background.
        box_variances: Factors of the offsets dx, dy, dw, dh.
        score_threshold: Least score of a box that a deployed detector tells.
        iou_threshold: Of two boxes of a class that overlap more than so, the better one stays.
        max_candidates: So many boxes, those with the best scores, are compared with each other.
        max_detections: So many are told at most.

    Raises:
        InputFileError: A value is out of range.
    """

    image_size: tuple[int, int]
    sources: tuple[AnchorSource, ...]
    classes: tuple[str, ...]
    box_variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    score_threshold: float = 0.5
    iou_threshold: float = 0.45
    max_candidates: int = 100
    max_detections: int = 20

    def __post_init__(self) -> None:
        for pixels in self.image_size:
            _check("image_size", pixels, 1, MAX_SIDE)
        _check("the number of sources", len(self.sources), 1, MAX_SOURCES)
        _check("the number of classes", len(self.classes), 1, MAX_CLASSES)
        for source in self.sources:
            _check("stride", source.stride, 1, MAX_SIDE)
            _check("the number of anchors of a source", len(source.anchors), 1, MAX_ANCHORS)
            for side in (side for anchor in source.anchors for side in anchor):
                _check("a side of an anchor", side, 1, MAX_SIDE)
        for label in self.classes:
            if not 0 < len(label) <= MAX_LABEL or not label.isprintable():
                raise _bad(f"the class {label[:MAX_LABEL]!r} is empty, too long or not printable")
        if len(set(self.classes)) != len(self.classes):
            raise _bad("two classes have the same name")
        for variance in self.box_variances:
            _check("a variance", variance, 1e-3, 10)
        _check("score_threshold", self.score_threshold, 0, 1)
        _check("iou_threshold", self.iou_threshold, 0, 1)
        _check("max_candidates", self.max_candidates, 1, MAX_KEPT)
        _check("max_detections", self.max_detections, 1, self.max_candidates)
        _check("the number of all anchors", self.anchor_count, 1, MAX_ALL_ANCHORS)

    def grid(self, place: int) -> tuple[int, int]:
        """(h, w) of the map of a source."""
        stride = self.sources[place].stride
        return -(-self.image_size[0] // stride), -(-self.image_size[1] // stride)

    @property
    def anchor_count(self) -> int:
        """Anchors of all places of all sources."""
        return sum(
            math.prod(self.grid(place)) * len(source.anchors)
            for place, source in enumerate(self.sources)
        )

    @property
    def output_shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """Shapes of the net's outputs: logits and offsets of the first source, of the second..."""
        scores = len(self.classes) + 1
        return tuple(
            (1, *self.grid(place), len(source.anchors) * values)
            for place, source in enumerate(self.sources)
            for values in (scores, 4)
        )

    def to_json(self) -> str:
        """The spec as text, the same each time."""
        content = {
            "version": _VERSION,
            "image_size": self.image_size,
            "sources": [
                {"stride": source.stride, "anchors": source.anchors} for source in self.sources
            ],
            "classes": self.classes,
            "box_variances": self.box_variances,
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "max_candidates": self.max_candidates,
            "max_detections": self.max_detections,
        }
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> DetectionSpec:
        """Reads what `to_json` wrote; the text is not trusted.

        Raises:
            InputFileError: It is no JSON, lacks an entry or has another, or a value makes no sense.
        """
        if len(text) > MAX_JSON_BYTES:
            raise _bad(f"it is longer than {MAX_JSON_BYTES:,} bytes")
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _bad(f"it is no JSON: {str(error).splitlines()[0]}") from error
        if not isinstance(content, dict) or content.get("version") != _VERSION:
            raise _bad(f"it is not of version {_VERSION}")
        names = {"version", *cls.__dataclass_fields__}
        if content.keys() != names:
            raise _bad(f"entries differ: {', '.join(sorted(content.keys() ^ names))[:200]}")
        height, width = _items(content, "image_size", _whole, 2)
        one, two, three, four = _items(content, "box_variances", _number, 4)
        return cls(
            image_size=(height, width),
            sources=_items(content, "sources", _read_source),
            classes=_items(content, "classes", _text),
            box_variances=(one, two, three, four),
            score_threshold=_number(content["score_threshold"], "score_threshold"),
            iou_threshold=_number(content["iou_threshold"], "iou_threshold"),
            max_candidates=_whole(content["max_candidates"], "max_candidates"),
            max_detections=_whole(content["max_detections"], "max_detections"),
        )


def check_outputs(spec: DetectionSpec, shapes: Sequence[tuple[int, ...]]) -> None:
    """Checks that a net's outputs are those that the spec speaks of.

    Raises:
        InputFileError: They are not.
    """
    if tuple(shapes) != spec.output_shapes:
        expected, found = (
            ", ".join(str(list(shape)) for shape in each) for each in (spec.output_shapes, shapes)
        )
        raise _bad(f"it speaks of outputs {expected}; the net's are {found}")


def _bad(what: str) -> InputFileError:
    return InputFileError(f"the detector's description ({METADATA_NAME}): {what}", _ADVICE)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # not a number must not pass
        raise _bad(f"{name} is {value:g}, not from {low:g} to {high:g}")


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise _bad(f"{name} is {str(value)[:50]!r}, not a number")
    return float(value)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not abs(value) < 1e9:
        raise _bad(f"{name} is {str(value)[:50]!r}, not a whole number")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(f"{name} holds {str(value)[:50]!r}, not a text")
    return value


def _items(
    content: Any, name: str, read: Callable[[Any, str], _Item], count: int | None = None
) -> tuple[_Item, ...]:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, list) or (count is not None and len(found) != count):
        raise _bad(f"{name} is no list" + ("" if count is None else f" of {count}"))
    return tuple(read(item, name) for item in found)


def _read_source(value: Any, name: str) -> AnchorSource:
    if not isinstance(value, dict) or value.keys() != {"stride", "anchors"}:
        raise _bad(f"{name} has an entry without stride and anchors, or with more")
    return AnchorSource(_whole(value["stride"], "stride"), _items(value, "anchors", _read_anchor))


def _read_anchor(value: Any, name: str) -> tuple[float, float]:
    height, width = _items({name: value}, name, _number, 2)
    return height, width
