"""Marked pictures as inputs of a detector: whole ones to test, parts of them to train with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import InputFileError, TrainingError, UsageError
from tinydeploy.model.float_model import LabeledScenes, Preprocessing
from tinydeploy.model.picture import fit_picture, read_picture
from tinydeploy.train.detection.annotations import (
    ADVICE,
    Annotations,
    MarkedPicture,
    Skipped,
    read_annotations,
)
from tinydeploy.train.detection.detection_data import DetectionData, Draw, Seed

CALIBRATION_PICTURES = 256
TEST_PICTURES = 400
_CROP_SIDES = (0.5, 1.6)  # of a training picture, parts of the picture's; beyond 1 it is shrunk
_GAIN = (0.7, 1.3)
_LEAST_PIXELS = 2.0  # sides of an object, as the net sees it
_NAMED = 10
_MOST_FAILURES = 1000


def load_marked_folder(
    folder: Path, spec: DetectionSpec, preprocessing: Preprocessing
) -> DetectionData:
    """A folder of the VOC or COCO format, for a detector of known classes.

    Args:
        folder: See `annotations.read_annotations`.
        spec: Of the detector.
        preprocessing: How pictures become its inputs; they are stretched to its size.

    Raises:
        InputFileError: Nothing in it can be used, or most of it cannot.
        UsageError: The preprocessing crops.
    """
    return make_picture_data(folder, read_annotations(folder), spec, preprocessing)


def make_picture_data(
    folder: Path,
    annotations: Annotations,
    spec: DetectionSpec,
    preprocessing: Preprocessing,
    *,
    mirror: bool = True,
) -> DetectionData:
    """The same of annotations that have been read; `mirror` half of the training pictures."""
    if preprocessing.fit != "stretch":
        raise UsageError(
            "the detector's pictures are cropped; marked pictures are for those that stretch them"
        )
    strange = sorted(set(annotations.names) - set(spec.classes))
    if not set(annotations.names) & set(spec.classes):
        raise InputFileError(
            f"the objects in {folder} are {', '.join(strange[:_NAMED]) or 'none at all'}; the net "
            f"finds {', '.join(spec.classes[:_NAMED])}",
            "Give pictures with objects of its classes.",
        )
    notes = [*annotations.notes]
    if strange:
        notes.append(f"objects that the net does not know are left out: {', '.join(strange)}")
    reader = _Reader(spec, preprocessing)
    calibration = reader.read_all(folder, annotations.train, CALIBRATION_PICTURES)
    if not len(calibration.inputs):
        raise InputFileError(f"no picture in {folder} can be read", ADVICE)
    test = reader.read_all(folder, annotations.test, TEST_PICTURES)
    known = [picture for picture in annotations.train if reader.knows(picture)]
    notes += reader.notes

    def make_draw(seed: Seed) -> Draw:
        rng = np.random.default_rng(seed)
        return lambda count: reader.draw(known, count, rng, mirror=mirror)

    return DetectionData(
        name=folder.name,
        spec=spec,
        preprocessing=preprocessing,
        make_draw=make_draw,
        calibration=calibration.inputs,
        test=test if len(test.inputs) else None,
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _View:
    """A part of a picture, (x0, y0, x1, y1) in its pixels, which may reach beyond its edges."""

    edges: tuple[int, int, int, int]
    mirrored: bool = False


class _Reader:
    """Reads pictures for one detector."""

    def __init__(self, spec: DetectionSpec, preprocessing: Preprocessing) -> None:
        self._spec = spec
        self._preprocessing = preprocessing
        self._index = {name: index for index, name in enumerate(spec.classes)}
        self.notes: list[str] = []

    def read_all(self, folder: Path, pictures: Sequence[MarkedPicture], most: int) -> LabeledScenes:
        """Whole pictures, at most so many, evenly spread; unreadable ones are noted."""
        picked = np.unique(np.linspace(0, len(pictures) - 1, most).round().astype(int))
        chosen = [pictures[int(index)] for index in picked] if len(pictures) else []
        inputs: list[NDArray[np.float32]] = []
        objects: list[Objects] = []
        skipped = Skipped()
        for picture in chosen:
            try:
                image = read_picture(picture.path, self._preprocessing)
            except InputFileError as error:
                skipped.add(picture.path.name, error.message.rpartition(": ")[2])
                continue
            whole = _View((0, 0, *image.size))
            inputs.append(self._preprocessing.normalize(self._cut(image, whole)))
            objects.append(self._place(picture, whole))
        self.notes += skipped.tell("pictures", len(chosen), folder)
        shape = (0, self._preprocessing.channels, *self._spec.image_size)
        stacked = np.stack(inputs) if inputs else np.empty(shape, np.float32)
        return LabeledScenes(stacked, tuple(objects))

    def draw(
        self,
        pictures: Sequence[MarkedPicture],
        count: int,
        rng: np.random.Generator,
        *,
        mirror: bool,
    ) -> tuple[NDArray[np.float32], tuple[Objects, ...]]:
        """Random parts of random pictures, some mirrored, some brighter."""
        inputs: list[NDArray[np.float32]] = []
        objects: list[Objects] = []
        failures = 0
        while len(inputs) < count:
            picture = pictures[int(rng.integers(len(pictures)))] if pictures else None
            try:
                if picture is None or failures > _MOST_FAILURES:
                    raise TrainingError("there are no pictures to train with", ADVICE)
                image = read_picture(picture.path, self._preprocessing)
            except InputFileError:  # which was told when they were counted
                failures += 1
                continue
            view = _choose_view(image, rng, mirror=mirror)
            placed = self._place(picture, view)
            if not len(placed.boxes):
                view = _View((0, 0, *image.size))
                placed = self._place(picture, view)
            pixels = self._cut(image, view) * rng.uniform(*_GAIN)
            inputs.append(self._preprocessing.normalize(pixels.clip(0, 255).astype(np.uint8)))
            objects.append(placed)
        return np.stack(inputs), tuple(objects)

    def knows(self, picture: MarkedPicture) -> bool:
        """Whether the picture shows anything that the net knows."""
        return any(each.name in self._index for each in picture.objects)

    def _cut(self, image: Image.Image, view: _View) -> NDArray[np.uint8]:
        part = image.crop(view.edges)  # black beyond the edges
        pixels = fit_picture(part, self._preprocessing, *self._spec.image_size)
        return pixels[:, ::-1] if view.mirrored else pixels

    def _place(self, picture: MarkedPicture, view: _View) -> Objects:
        """The known objects whose centre is in the view, in pixels of the input."""
        x0, y0, x1, y1 = view.edges
        height, width = self._spec.image_size
        boxes, classes, ignored = [], [], []
        for each in picture.objects:
            box = np.array(each.box)
            across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            if each.name not in self._index or not (x0 <= across < x1 and y0 <= down < y1):
                continue
            box = (box - [x0, y0, x0, y0]) * np.tile([width / (x1 - x0), height / (y1 - y0)], 2)
            box = box.clip(0, [width, height, width, height])
            if view.mirrored:
                box = np.array([width - box[2], box[1], width - box[0], box[3]])
            if min(box[2] - box[0], box[3] - box[1]) >= _LEAST_PIXELS:
                boxes.append(box)
                classes.append(self._index[each.name])
                ignored.append(each.ignored)
        return Objects(
            np.array(boxes, np.float64).reshape(-1, 4),
            np.array(classes, np.int64),
            np.array(ignored, bool),
        )


def _choose_view(image: Image.Image, rng: np.random.Generator, *, mirror: bool) -> _View:
    width, height = (max(1, round(side * rng.uniform(*_CROP_SIDES))) for side in image.size)
    # Anywhere inside, or, where the view is larger, anywhere around.
    x0 = round(rng.random() * (image.width - width))
    y0 = round(rng.random() * (image.height - height))
    return _View((x0, y0, x0 + width, y0 + height), bool(rng.random() < 0.5) and mirror)
