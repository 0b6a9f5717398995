"""From what the user names to an int8 .tflite: trains, loads, quantizes, or just reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tinydeploy.errors import InputFileError, MissingDependencyError, TinydeployError, UsageError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.normalization import read_normalization
from tinydeploy.model.checkpoint_format import is_checkpoint
from tinydeploy.quantize.cost import Mixing, Planner
from tinydeploy.source.detection import find_detector
from tinydeploy.source.float_tflite.recognize import is_float
from tinydeploy.source.keras import convert_keras, is_keras
from tinydeploy.source.options import FLOAT_FILE, ZOO, SourceOptions, check_options
from tinydeploy.source.source import FloatNet, Source, Watch
from tinydeploy.source.text_files import read_label_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinydeploy.model.float_model import FloatModel
    from tinydeploy.quantize.mix import Mixed
    from tinydeploy.train.classifier import Progress

DEFAULT_ORIGIN = "EtinyNet trained on scikit-learn's digits"

_NOTHING_SAID = SourceOptions()
_CHECKED_INPUTS = 8
_WEIGHTS = (".pt", ".pth", ".safetensors", ".params")
# Calibration inputs that stand in for a test set in comparisons with the float net.
_STAND_INS = 64


class Judge(Protocol):
    """Is told what int8 can be compared with, before much time is spent; may raise."""

    def __call__(self, *, has_float: bool, has_classes: bool) -> None:
        """There is a float net with data to run it on; the classes of the data are known."""
        ...


def make_source(
    model: str | None,
    watch: Watch,
    options: SourceOptions = _NOTHING_SAID,
    judge: Judge | None = None,
    planner: Planner | None = None,
) -> Source:
    """Makes the int8 model.

    Args:
        model: A .tflite, .onnx, .keras or .h5 file, a folder with a SavedModel, a checkpoint of
            `tinydeploy train`, `package.module:factory` of a torch network, a name from the zoo, a
            searched net's .json file, or None for the built-in default.
        watch: Is shown the stages.
        options: What the user says of the model.
        judge: Called before a float net is quantized.
        planner: Tells what int16 activations cost; None where nobody knows the board.

    Raises:
        UsageError: The options do not fit the model, or there is no such net.
        InputFileError: A file cannot be read.
        UnsupportedModelError: A float net that cannot be quantized.
        MissingDependencyError: torch or a package beside it is not installed.
    """
    options = options.read_preprocess()
    mixing = _read_mixing(options, planner)
    with _needs_packages():
        found = _find(model, options, watch)
    if isinstance(found, Source):
        if judge is not None:
            judge(has_float=False, has_classes=found.scenes is not None)
        return found
    with _needs_packages():
        net = _load(found, watch)
        has_classes = net.test is not None or net.scenes is not None
        if judge is not None:
            judge(has_float=bool(len(net.calibration)) or has_classes, has_classes=has_classes)
        return _quantize(net, found.origin, options, mixing, watch)


def _read_mixing(options: SourceOptions, planner: Planner | None) -> Mixing | None:
    if options.mixed is None:
        return None
    if planner is None:
        raise UsageError(
            "--mixed is for a board, whose RAM and instructions it counts",
            "Use it with tinydeploy build, check or plan.",
        )
    return Mixing(options.mixed, planner)


def _find(model: str | None, options: SourceOptions, watch: Watch) -> Source | FloatNet:
    """What the user names: a model that is int8 already, or a float net to load."""
    if options.task == "detection":
        return find_detector(model, options, watch)
    options = replace(options, task=None)  # classification is what all others are taken for
    if model is None:
        advice = "Name one: tinydeploy build net.onnx --data DIR ..."
        check_options(options, frozenset({"effort", "mixed"}), {"": ("needs a model", advice)})
        return FloatNet(lambda: _train_default(watch), DEFAULT_ORIGIN)
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        _check_float_file(model, options, FLOAT_FILE | {"input_shape"})
        return FloatNet(lambda: _load_onnx(path, options), path.name)
    if is_keras(path):
        _check_float_file(model, options, FLOAT_FILE | {"input_shape"})
        return FloatNet(lambda: _load_keras(path, options), path.name)
    if is_checkpoint(path):
        inside = ("is for other nets", f"{model} has all that inside: leave it out.")
        check_options(options, frozenset({"effort", "mixed"}), {"": inside})
        return FloatNet(lambda: _load_checkpoint(path), path.name)
    if path.suffix.lower() in _WEIGHTS and path.exists():
        raise UsageError(
            f"{model} holds weights, not a network",
            f"Name the network too: tinydeploy build package.module:factory --weights {model}. "
            "A detector of tinydeploy train detection is built with --task detection.",
        )
    if path.is_dir():
        raise InputFileError(
            f"{model} is a folder without a saved_model.pb, so no SavedModel",
            "Name a model's file; a folder of pictures belongs behind --data.",
        )
    searched = path.suffix.lower() == ".json"  # a net for the zoo
    if path.suffix.lower() == ".tflite" or (path.exists() and not searched):
        return _read_tflite(path, options, watch)
    if re.fullmatch(r"[^/\\]+:[\w.]+", model):
        return FloatNet(lambda: _load_factory(model, options), model)
    origin = f"{model} with {options.weights.name}" if options.weights else model
    return FloatNet(lambda: _load_zoo(model, options), origin)


def _check_float_file(
    model: str, options: SourceOptions, allowed: frozenset[str] = FLOAT_FILE
) -> None:
    weights = ("is for nets that come without", f"{model} has its weights inside: leave it out.")
    shape = ("is for nets that do not tell", f"{model} has its input's shape inside: leave it out.")
    check_options(options, allowed, {"weights": weights, "input_shape": shape})


def _read_tflite(path: Path, options: SourceOptions, watch: Watch) -> Source | FloatNet:
    """A .tflite that is int8 as it is, or float to be quantized."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error
    if is_float_tflite(content):
        _check_float_file(str(path), options)
        return FloatNet(lambda: _load_float_tflite(content, path, options), path.name)
    inside = ("is for float nets", f"{path} has weights and ranges inside: leave it out.")
    check_options(options, frozenset(), {"": inside})
    try:
        ends = cut_conversions(content)
    except TinydeployError:  # which the stage that reads the graph tells
        return Source(path.stem, path.name, content)
    for note in ends.notes:
        watch.note(note)
    return Source(path.stem, path.name, ends.tflite)


def is_float_tflite(content: bytes) -> bool:
    """Whether these are the bytes of a float .tflite; of none, where they are damaged."""
    try:
        return is_float(content)
    except TinydeployError:  # which the stage that reads the graph tells
        return False


def _train_default(watch: Watch) -> FloatModel:
    from tinydeploy.train.digits import load_digits_model

    def show(progress: Progress) -> None:
        watch.detail(
            f"training, epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
        )

    return load_digits_model(show)


def _load_checkpoint(path: Path) -> FloatModel:
    from tinydeploy.train.checkpoint import load_checkpoint_model

    return load_checkpoint_model(path)


def _load_zoo(name: str, options: SourceOptions) -> FloatModel:
    from tinydeploy.zoo.load import load_float_model
    from tinydeploy.zoo.registry import find_model

    entry = find_model(name)  # before its options are judged
    known = ("is for other nets", f"The preprocessing of {name} is known: leave it out.")
    check_options(options, ZOO, {"": known})
    labels = () if options.labels is None else read_label_file(options.labels, entry.classes)
    return load_float_model(name, options.weights, options.data, labels, options.input_shape)


def _load_onnx(path: Path, options: SourceOptions) -> FloatModel:
    from tinydeploy.model.import_onnx import import_onnx
    from tinydeploy.source.prepare import prepare_model

    channels_last = None if options.layout is None else options.layout == "nhwc"
    net = import_onnx(path, options.input_shape, channels_last=channels_last)
    return prepare_model(net, str(path), options)


def _load_factory(spec: str, options: SourceOptions) -> FloatModel:
    from tinydeploy.source.factory import load_factory

    return load_factory(spec, options)


def _load_keras(path: Path, options: SourceOptions) -> FloatModel:
    return _load_float_tflite(convert_keras(path, options.input_shape), path, options)


def _load_float_tflite(content: bytes, path: Path, options: SourceOptions) -> FloatModel:
    from tinydeploy.source.float_tflite.translate import check_translation, translate_tflite
    from tinydeploy.source.prepare import prepare_model

    net = translate_tflite(content, path.stem)
    net = replace(net, channels_last=options.layout != "nchw")
    said = read_normalization(content)
    if said is not None and net.takes_pictures and said.fits(net.input_shape[1]):
        options = options.fill(said.say())
    model = prepare_model(net, str(path), options)
    error = check_translation(net, content, model.calibration[:_CHECKED_INPUTS])
    return replace(model, export_error=error)


def _load(found: FloatNet, watch: Watch) -> FloatModel:
    with watch.stage("model"):
        model = found.load()
        error = model.export_error
        watch.detail(
            f"{found.origin}; ONNX {len(model.onnx):,} bytes"
            + ("" if error is None else f", differs from the original by {error:.0e}")
        )
        for note in model.notes:
            watch.note(note)
    return model


def _quantize(
    model: FloatModel,
    origin: str,
    options: SourceOptions,
    mixing: Mixing | None,
    watch: Watch,
) -> Source:
    from tinydeploy.quantize.quantize_model import quantize_model
    from tinydeploy.quantize.recipe import EFFORTS

    with watch.stage("quantize"):
        quantized = quantize_model(
            model,
            EFFORTS[options.effort or "normal"],
            mixing=mixing,
            progress=lambda step, part: watch.detail(f"{step} {100 * part:.0f} %"),
        )
        test = model.test or model.scenes
        if not len(model.calibration) and test is None:
            watch.detail(f"int8 .tflite of {len(quantized.tflite):,} bytes, with its own scales")
            return Source(model.name, origin, quantized.tflite)
        if test is not None:
            samples = test.inputs
        else:
            samples = model.calibration[:: _stride(len(model.calibration))]
        outputs = run_float(model, samples)
        watch.detail(
            f"int8 .tflite of {len(quantized.tflite):,} bytes, "
            f"calibrated on {quantized.calibration_inputs} inputs"
        )
        if quantized.mixed is not None:
            watch.note(_describe_mixed(quantized.mixed, options.mixed or 0.0))
    return Source(
        name=model.name,
        origin=origin,
        tflite=quantized.tflite,
        samples=samples,
        float_outputs=outputs,
        classes=None if model.test is None else model.test.classes,
        model=model,
        layers=quantized.layers,
        scenes=None if model.scenes is None else model.scenes.objects,
    )


def _describe_mixed(mixed: Mixed, share: float) -> str:
    count = len(mixed.layers)
    if not count:
        return f"--mixed: all stays int8, as no layer gains by int16 within {100 * share:g} %"
    return (
        f"--mixed: int16 activations for {count} {'layer' if count == 1 else 'layers'}, planned "
        f"with {100 * mixed.instructions:+.1f} % instructions and {100 * mixed.ram:+.1f} % RAM; "
        f"{mixed.snr_db:.1f} dB instead of {mixed.int8_db:.1f} when tried on calibration inputs"
    )


def run_float(model: FloatModel, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """The float net's outputs for inputs [n, C, ...], their axes as in the .tflite."""
    from tinydeploy.model.run_onnx import run_outputs
    from tinydeploy.quantize.read_onnx import read_onnx

    network = read_onnx(model.onnx, model.input_shape, model.name)
    return tuple(
        view.to_stored(values, network.shapes[name])
        for values, view, name in zip(
            run_outputs(model.onnx, inputs), network.output_views, network.outputs, strict=True
        )
    )


def _stride(count: int) -> int:
    return max(1, count // _STAND_INS)


@contextmanager
def _needs_packages() -> Iterator[None]:
    """Turns a missing package into advice."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"float models need the package {error.name}, which is not installed",
            "Try: pip install 'tinydeploy[train]'. An int8 .tflite file builds without it.",
        ) from error
