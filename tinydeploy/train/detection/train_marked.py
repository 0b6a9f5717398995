"""Trains a detector for the classes of a folder of marked pictures, or for scenes of digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from tinydeploy.detection.average_precision import (
    AveragePrecision,
    load_evaluator,
    loosen_spec,
    measure_precision,
)
from tinydeploy.detection.boxes import find_objects
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.model.weights import read_weights
from tinydeploy.train.detection.annotations import ADVICE, read_annotations
from tinydeploy.train.detection.checkpoint import NETWORKS, Detector, Network
from tinydeploy.train.detection.detection_data import DetectionData
from tinydeploy.train.detection.picture_data import make_picture_data
from tinydeploy.train.detection.scene_model import RECIPE, load_scene_data
from tinydeploy.train.detection.train_detector import (
    DetectorProgress,
    DetectorRecipe,
    train_detector,
)

DIGITS = "digits"
PICTURE_RECIPE = replace(RECIPE, steps=20_000, learning_rate=1e-3, warmup_steps=500)
_BACKBONE = "features"
_TEST_BATCH = 16


@dataclass(frozen=True, eq=False)
class TrainedDetector:
    """A detector and what it found in the test pictures.

    Args:
        detector: The net.
        precision: Of the float net; None where there are no test pictures.
        notes: What was left out of the data.
    """

    detector: Detector
    precision: AveragePrecision | None
    notes: tuple[str, ...]


def load_training_data(data: str, network: str, *, mirror: bool = True) -> DetectionData:
    """The data that a detector is to be trained with.

    Args:
        data: "digits", or a folder of the VOC or COCO format.
        network: A name from NETWORKS.
        mirror: Mirror half of the pictures of a folder.

    Raises:
        UsageError: There is no such network, or it does not fit the scenes of digits.
        InputFileError: The folder cannot be used.
    """
    kind = find_network(network)
    if data == DIGITS:
        scenes = load_scene_data()
        if kind.preprocessing != scenes.preprocessing:
            raise UsageError(
                f"{network} is for colour pictures, scenes of digits are gray",
                "Name another network, or a folder with --data.",
            )
        return scenes
    folder = Path(data)
    annotations = read_annotations(folder)
    if not annotations.names:
        raise InputFileError(f"no objects are marked in {folder}", ADVICE)
    spec = kind.make_spec(annotations.names)
    return make_picture_data(folder, annotations, spec, kind.preprocessing, mirror=mirror)


def train_marked(
    data: DetectionData,
    network: str,
    recipe: DetectorRecipe,
    backbone: Path | None = None,
    progress: Callable[[DetectorProgress], None] | None = None,
    keep_state: Callable[[], Path] | None = None,
) -> TrainedDetector:
    """Trains a network on data and tests it.

    Args:
        data: See `load_training_data`.
        network: A name from NETWORKS.
        recipe: How to train.
        backbone: Weights of the classifier of the same width to start from.
        progress: Called a hundred times or so.
        keep_state: Called where nothing that was asked for is wrong; gives the file to go on from,
            see `train_detector`.

    Raises:
        UsageError: There is no such network.
        InputFileError: The backbone's weights cannot be used.
        TrainingError: Training went wrong.
        MissingDependencyError: What computes mAP is not installed.
    """
    kind = find_network(network)
    if data.test is not None:
        load_evaluator()  # told before the training
    build = partial(_build, kind, data.spec, backbone)
    build()  # weights that do not fit are told before any picture is read
    state = None if keep_state is None else keep_state()
    net = train_detector(build, data.spec, data.make_draw, recipe, progress, state)
    precision = None if data.test is None else _test(net, data)
    return TrainedDetector(Detector(network, data.spec, net), precision, data.notes)


def find_network(name: str) -> Network:
    """The network of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in NETWORKS:
        raise UsageError(f"unknown detector '{name}'", f"Known are {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def _build(kind: Network, spec: DetectionSpec, backbone: Path | None) -> nn.Module:
    net = kind.build(spec)
    if backbone is not None:
        load_backbone(net, backbone)
    return net


def load_backbone(net: nn.Module, path: Path) -> None:
    """Puts a classifier's weights into a detector's stages; its heads stay as they are.

    Raises:
        InputFileError: The file lacks a stage's weights, or they are of another shape.
    """
    weights = {n: v for n, v in read_weights(path).items() if n.startswith(_BACKBONE)}
    state = net.state_dict()
    counters = ".num_batches_tracked"
    wanted = {n for n in state if n.startswith(_BACKBONE) and not n.endswith(counters)}
    for name in sorted(wanted):
        if name not in weights or weights[name].shape != tuple(state[name].shape):
            raise InputFileError(
                f"{path} does not hold this network's backbone: '{name}' is "
                f"{'missing' if name not in weights else 'of another shape'}",
                "Give the weights of the EtinyNet classifier of the same width.",
            )
    found = {name: torch.from_numpy(weights[name].astype("float32")) for name in wanted}
    net.load_state_dict(found, strict=False)


def _test(net: nn.Module, data: DetectionData) -> AveragePrecision:
    assert data.test is not None
    inputs = torch.from_numpy(data.test.inputs)
    with torch.no_grad():
        batches = [net(batch) for batch in torch.split(inputs, _TEST_BATCH)]
    outputs = [torch.cat(parts).permute(0, 2, 3, 1).numpy() for parts in zip(*batches, strict=True)]
    spec = loosen_spec(data.spec)
    return measure_precision(spec, find_objects(spec, outputs), data.test.objects)
