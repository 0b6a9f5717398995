"""Detectors: the built-in one, checkpoints, nets of the zoo, int8 files that say what they find."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.source.options import SourceOptions, check_options
from tinydeploy.source.source import FloatNet, Source, Watch

if TYPE_CHECKING:
    from torch import nn

    from tinydeploy.detection.spec import DetectionSpec
    from tinydeploy.model.float_model import FloatModel, Preprocessing
    from tinydeploy.train.detection.detection_data import DetectionData
    from tinydeploy.train.detection.train_detector import DetectorProgress

DEFAULT_ORIGIN = "EtinyNet-SSD trained on scenes of scikit-learn's digits"

_COMMON = frozenset({"task", "effort", "mixed"})
_KINDS = (
    "Detectors are: none named (digits in scenes), a .pt file of tinydeploy train detection, an "
    "int8 .tflite that tinydeploy build made of one, or etinynet-ssd-voc with --weights."
)


def find_detector(model: str | None, options: SourceOptions, watch: Watch) -> Source | FloatNet:
    """A detector, with marked pictures to calibrate and to test it.

    Args:
        model: None for the built-in one, a .pt or .tflite file, or a name from the zoo.
        options: What the user says of it; `data` is a folder of the VOC or COCO format.
        watch: Told what was left out of the data.

    Raises:
        UsageError: There is no such detector, or options that do not fit.
        InputFileError: A file or the data cannot be used.
    """
    if model is None:
        needs = ("needs a model", f"Name one. {_KINDS}")
        check_options(options, _COMMON, {"": needs})
        return FloatNet(lambda: _train_default(watch), DEFAULT_ORIGIN)
    path = Path(model)
    inside = ("is for nets that do not tell", f"{model} has all but data inside: leave it out.")
    if path.suffix.lower() in (".pt", ".pth"):
        check_options(options, _COMMON | {"data"}, {"": inside})
        return FloatNet(lambda: _load_checkpoint(path, options), path.name)
    if path.suffix.lower() == ".tflite":
        check_options(options, frozenset({"task", "data"}), {"": inside})
        return _read_tflite(path, options, watch)
    if path.exists():
        raise UsageError(f"{model} is no detector that is known", _KINDS)
    known = ("is for other nets", f"Input and preprocessing of {model} are known: leave it out.")
    check_options(options, _COMMON | {"data", "weights"}, {"": known})
    return FloatNet(lambda: _load_zoo(model, options), model)


def _train_default(watch: Watch) -> FloatModel:
    from tinydeploy.detection.average_precision import load_evaluator
    from tinydeploy.train.detection.scene_model import load_scene_model

    load_evaluator()  # told before the training

    def show(progress: DetectorProgress) -> None:
        watch.detail(
            f"training, step {progress.step} of {progress.steps}, loss {progress.loss:.3f}"
        )

    return load_scene_model(show)


def _load_checkpoint(path: Path, options: SourceOptions) -> FloatModel:
    from tinydeploy.train.detection.checkpoint import NETWORKS, read_checkpoint
    from tinydeploy.train.detection.scene_model import load_scene_data

    detector = read_checkpoint(path)
    if options.data is None:
        data = load_scene_data()
        if data.spec != detector.spec:
            raise UsageError(
                f"{path.name} needs calibration data: pictures with marked objects",
                "Use --data FOLDER, of the VOC or COCO format.",
            )
        return _make_model(path.stem, detector.net, data)
    preprocessing = NETWORKS[detector.network].preprocessing
    data = _load_data(options, detector.spec, preprocessing)
    return _make_model(path.stem, detector.net, data)


def _load_zoo(name: str, options: SourceOptions) -> FloatModel:
    from tinydeploy.model.weights import load_weights, read_weights
    from tinydeploy.zoo.registry import find_model

    entry = find_model(name)
    if entry.detection is None or entry.preprocessing is None:
        raise UsageError(f"boxes are not to be read from {name}", _KINDS)
    if options.weights is None:
        raise UsageError(
            f"{name} needs trained weights", "Give them with --weights FILE, a torch state dict."
        )
    if options.data is None:
        raise UsageError(
            f"{name} needs calibration data: pictures with marked objects",
            "Use --data FOLDER, of the VOC or COCO format.",
        )
    net = entry.build().eval()
    load_weights(net, read_weights(options.weights), str(options.weights))
    return _make_model(name, net, _load_data(options, entry.detection, entry.preprocessing))


def _load_data(
    options: SourceOptions, spec: DetectionSpec, preprocessing: Preprocessing
) -> DetectionData:
    from tinydeploy.train.detection.picture_data import load_marked_folder

    if not isinstance(options.data, Path):
        raise UsageError("data of a detector are a folder of marked pictures")
    return load_marked_folder(options.data, spec, preprocessing)


def _make_model(name: str, net: nn.Module, data: DetectionData) -> FloatModel:
    from tinydeploy.train.detection.detection_model import make_detection_model

    return make_detection_model(name, net, data)


def _read_tflite(path: Path, options: SourceOptions, watch: Watch) -> Source:
    """An int8 file that says what its outputs mean, with marked pictures where there are some."""
    from tinydeploy.graph.read import read_graph

    graph = read_graph(path)
    if graph.detection is None:
        raise InputFileError(
            f"{path} does not say what its outputs mean, so no boxes can be read from them", _KINDS
        )
    tflite = path.read_bytes()
    if options.data is None:
        return Source(path.stem, path.name, tflite)
    from tinydeploy.model.choose_preprocessing import PictureOptions, choose_preprocessing

    if graph.normalization is None:
        raise InputFileError(
            f"{path} does not say how pictures become its input", "Build it again, without --data."
        )
    channels = graph.tensors[graph.inputs[0]].shape[-1]
    said = PictureOptions(**graph.normalization.say())
    data = _load_data(options, graph.detection, choose_preprocessing(channels, said)[0])
    for note in data.notes:
        watch.note(note)
    if data.test is None:
        return Source(path.stem, path.name, tflite)
    return Source(path.stem, path.name, tflite, samples=data.test.inputs, scenes=data.test.objects)
