"""From what the user names to an int8 .tflite: trains, loads, quantizes, or just reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tinydeploy.errors import InputFileError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    import numpy as np
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


def make_source(model: str | None, weights: Path | None, data: Path | None, watch: Watch) -> Source:
    """Makes the int8 model.

    Args:
        model: A .tflite file, a name from the zoo, or None for the built-in default.
        weights: Trained weights for a net of the zoo.
        data: Folder of calibration pictures for a net of the zoo.
        watch: Is shown the stages.

    Raises:
        UsageError: The arguments do not fit together, or there is no such net.
        InputFileError: A file cannot be read.
        MissingDependencyError: torch or a package beside it is not installed.
    """
    if model is not None and (model.endswith(".tflite") or Path(model).exists()):
        if weights is not None or data is not None:
            raise UsageError(
                "--weights and --data are for nets of the zoo",
                f"{model} has its weights and ranges inside: leave them out.",
            )
        return _read_tflite(Path(model))
    if model is None and (weights is not None or data is not None):
        raise UsageError(
            "--weights and --data need a model",
            "Name one: tinydeploy build etinynet-1.0 --weights FILE --data DIR --board BOARD",
        )
    with _needs_torch():
        return _quantize(*_load_float_model(model, weights, data, watch), watch)


def _read_tflite(path: Path) -> Source:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error
    return Source(path.stem, path.name, content)


def _load_float_model(
    model: str | None, weights: Path | None, data: Path | None, watch: Watch
) -> tuple[FloatModel, str]:
    with watch.stage("model"):
        if model is None:
            from tinydeploy.train.digits import load_digits_model

            def show(progress: Progress) -> None:
                watch.detail(
                    f"training, epoch {progress.epoch} of {progress.epochs}, "
                    f"loss {progress.loss:.3f}"
                )

            loaded, origin = load_digits_model(show), DEFAULT_ORIGIN
        else:
            from tinydeploy.zoo.load import load_float_model

            loaded = load_float_model(model, weights, data)
            origin = f"{model} with {weights.name}" if weights else model
        error = loaded.export_error
        watch.detail(
            f"{origin}; ONNX {len(loaded.onnx):,} bytes"
            + ("" if error is None else f", differs from torch by {error:.0e}")
        )
        for note in loaded.notes:
            watch.note(note)
    return loaded, origin


def _quantize(model: FloatModel, origin: str, watch: Watch) -> Source:
    from tinydeploy.model.export import run_onnx
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
        watch.detail(
            f"int8 .tflite of {len(quantized.tflite):,} bytes, "
            f"calibrated on {quantized.calibration_inputs} inputs"
        )
    return Source(model.name, origin, quantized.tflite, samples, outputs, classes)


def _stride(count: int) -> int:
    return max(1, count // _STAND_INS)


@contextmanager
def _needs_torch() -> Iterator[None]:
    """Turns a missing package into advice."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"float models need the package {error.name}, which is not installed",
            "Try: pip install 'tinydeploy[train]'. An int8 .tflite file builds without it.",
        ) from error
