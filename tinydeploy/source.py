"""From what the user names to an int8 .tflite: trains, loads, quantizes, or just reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tinydeploy.errors import InputFileError, MissingDependencyError, TinydeployError, UsageError
from tinydeploy.graph.conversions import cut_conversions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinydeploy.model.float_model import FloatModel
    from tinydeploy.train.classifier import Progress

DEFAULT_ORIGIN = "EtinyNet trained on scikit-learn's digits"

# Calibration inputs that stand in for a test set in comparisons with the float net.
_STAND_INS = 64


class Watch(Protocol):
    """Who follows a build: the command line, or nobody."""

    seconds: dict[str, float]

    def stage(self, name: str) -> AbstractContextManager[None]:
        """A stage runs inside of this context."""
        ...

    def detail(self, text: str) -> None:
        """What the running stage is doing, or has found."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know."""
        ...


@dataclass(frozen=True, eq=False)
class Source:
    """An int8 model, and what its float original says of some samples.

    Args:
        name: Becomes the prefix of all symbols.
        origin: Where it came from, for the report.
        tflite: The file's bytes.
        samples: float32 [n, C, H, W], test inputs or, without labels, calibration inputs; None for
            a given .tflite.
        float_outputs: The float net's outputs [n, ...] for them.
        classes: The right class of each [n]; None where there are no labels.
    """

    name: str
    origin: str
    tflite: bytes
    samples: NDArray[np.float32] | None = None
    float_outputs: NDArray[np.float32] | None = None
    classes: NDArray[np.int64] | None = None


def make_source(
    model: str | None,
    watch: Watch,
    *,
    weights: Path | None = None,
    data: Path | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Source:
    """Makes the int8 model.

    Args:
        model: A .tflite or .onnx file, a name from the zoo, or None for the built-in default.
        watch: Is shown the stages.
        weights: Trained weights for a net of the zoo.
        data: Calibration data for a float net, see `load_data`.
        mean: Of the preprocessing of an .onnx file, in units of the pixel, one or one per channel.
        std: Likewise.

    Raises:
        UsageError: The arguments do not fit together, or there is no such net.
        InputFileError: A file cannot be read.
        UnsupportedModelError: A float net that cannot be quantized.
        MissingDependencyError: torch or a package beside it is not installed.
    """
    given = {"--weights": weights, "--data": data, "--mean": mean, "--std": std}
    options = {name for name, value in given.items() if value is not None}
    if model is None:
        _refuse(options, "needs a model", "Name one: tinydeploy build net.onnx --data DIR ...")
        return _build(lambda: _train_default(watch), DEFAULT_ORIGIN, watch)
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        _refuse(
            options & {"--weights"},
            "is for nets of the zoo",
            f"{model} has its weights inside: leave it out.",
        )
        return _build(lambda: _load_onnx(path, data, mean, std), path.name, watch)
    if path.suffix == ".tflite" or path.exists():
        _refuse(
            options, "is for float nets", f"{model} has weights and ranges inside: leave it out."
        )
        return _read_tflite(path, watch)
    _refuse(
        options & {"--mean", "--std"},
        "is for .onnx files",
        f"The preprocessing of {model} is known: leave it out.",
    )
    origin = f"{model} with {weights.name}" if weights else model
    return _build(lambda: _load_zoo(model, weights, data), origin, watch)


def _refuse(options: Iterable[str], why: str, advice: str) -> None:
    for option in sorted(options):
        raise UsageError(f"{option} {why}", advice)


def _read_tflite(path: Path, watch: Watch) -> Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error
    try:
        ends = cut_conversions(content)
    except TinydeployError:  # which the stage that reads the graph tells
        return Source(path.stem, path.name, content)
    for note in ends.notes:
        watch.note(note)
    return Source(path.stem, path.name, ends.tflite)


def _train_default(watch: Watch) -> FloatModel:
    from tinydeploy.train.digits import load_digits_model

    def show(progress: Progress) -> None:
        watch.detail(
            f"training, epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
        )

    return load_digits_model(show)


def _load_zoo(name: str, weights: Path | None, data: Path | None) -> FloatModel:
    from tinydeploy.zoo.load import load_float_model

    return load_float_model(name, weights, data)


def _load_onnx(
    path: Path,
    data: Path | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> FloatModel:
    from tinydeploy.model.float_model import FloatModel
    from tinydeploy.model.import_onnx import check_batches, choose_preprocessing, import_onnx
    from tinydeploy.model.load_data import ARRAY_ADVICE, is_array_file, load_data
    from tinydeploy.model.picture_folder import ADVICE
    from tinydeploy.quantize.read_onnx import read_onnx

    net = import_onnx(path)
    # Operators that cannot be quantized are named before any data are read.
    network = read_onnx(net.onnx, net.input_shape, path.name)
    outputs = network.shapes[network.output]
    classes = outputs[-1] if math.prod(outputs) == outputs[-1] else 0
    shown = f"float32 inputs [n, {', '.join(map(str, net.input_shape[1:]))}]"
    if data is None:
        kinds = f"pictures, or {shown}" if net.takes_pictures else shown
        advice = ADVICE if net.takes_pictures else ARRAY_ADVICE
        raise UsageError(f"{path} needs calibration data: {kinds}", f"Use --data PATH. {advice}")
    if not net.takes_pictures:
        options = [name for name, given in (("--mean", mean), ("--std", std)) if given is not None]
        _refuse(options, "is for pictures", f"{path} takes {shown}: leave it out.")
    if mean is None and std is None and (is_array_file(data) or not net.takes_pictures):
        preprocessing, note = None, "the int8 input has the range of the calibration inputs"
    else:
        preprocessing, note = choose_preprocessing(net.input_shape[1], mean, std)
    found = load_data(data, preprocessing, net.input_shape, classes)
    check_batches(net, found.calibration)
    return FloatModel(
        name=net.name,
        onnx=net.onnx,
        input_shape=net.input_shape,
        preprocessing=preprocessing,
        labels=found.labels,
        calibration=found.calibration,
        test=found.test,
        notes=(note, *found.notes),
    )


def _build(load: Callable[[], FloatModel], origin: str, watch: Watch) -> Source:
    """Loads and quantizes a float net."""
    with _needs_packages():
        with watch.stage("model"):
            model = load()
            error = model.export_error
            watch.detail(
                f"{origin}; ONNX {len(model.onnx):,} bytes"
                + ("" if error is None else f", differs from torch by {error:.0e}")
            )
            for note in model.notes:
                watch.note(note)
        return _quantize(model, origin, watch)


def _quantize(model: FloatModel, origin: str, watch: Watch) -> Source:
    from tinydeploy.model.run_onnx import run_onnx
    from tinydeploy.quantize.quantize_model import quantize_model

    with watch.stage("quantize"):
        quantized = quantize_model(
            model, progress=lambda step, part: watch.detail(f"{step} {100 * part:.0f} %")
        )
        if model.test is not None:
            samples, classes = model.test.inputs, model.test.classes
        else:
            samples, classes = model.calibration[:: _stride(len(model.calibration))], None
        outputs = run_onnx(model.onnx, samples)
        if outputs.ndim > 2:  # NCHW to the .tflite's NHWC
            outputs = np.moveaxis(outputs, 1, -1)
        watch.detail(
            f"int8 .tflite of {len(quantized.tflite):,} bytes, "
            f"calibrated on {quantized.calibration_inputs} inputs"
        )
    return Source(model.name, origin, quantized.tflite, samples, outputs, classes)


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
