"""What quantization cost: accuracy on labelled samples, closeness to the float net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.average_precision import (
    AveragePrecision,
    loosen_spec,
    measure_precision,
)
from tinydeploy.detection.boxes import find_objects
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.postprocess import Detector
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.validate.fidelity import (
    Fidelity,
    combine_fidelities,
    count_confusion,
    measure_accuracy,
    measure_fidelity,
)

Array = NDArray[Any]


@dataclass(frozen=True)
class Quality:
    """Accuracy, precision and fidelity; None where there are no labels, or no float net.

    Args:
        float_accuracy: Share, 0 to 1, of samples that the float net gets right.
        int8_accuracy: The same for the int8 net.
        fidelity: Of the int8 outputs.
        confusion: Of the int8 net, as `count_confusion` has it; empty without labels.
        classes: How many there are; 0 without labels.
        float_precision: Of the float net, where it is a detector.
        int8_precision: The same for the int8 net; without a float net too.
    """

    float_accuracy: float | None
    int8_accuracy: float | None
    fidelity: Fidelity | None
    confusion: tuple[tuple[int, int, int], ...] = ()
    classes: int = 0
    float_precision: AveragePrecision | None = None
    int8_precision: AveragePrecision | None = None

    @property
    def drop(self) -> tuple[float, float] | None:
        """What --max-drop compares, 0 to 1: accuracy or mAP@0.5 of float and int8."""
        if self.float_accuracy is not None and self.int8_accuracy is not None:
            return self.float_accuracy, self.int8_accuracy
        if self.float_precision is not None and self.int8_precision is not None:
            return self.float_precision.at_half, self.int8_precision.at_half
        return None

    def describe(self) -> str:
        """One line."""
        found = self.int8_precision
        mean = "" if found is None else f"mAP@0.5 int8 {100 * found.at_half:.2f} %, "
        if self.fidelity is None:
            return f"{mean}no float net to compare with"
        if mean and self.float_precision is not None:
            mean += f"float {100 * self.float_precision.at_half:.2f} %, "
        return mean + self._describe_fidelity(self.fidelity)

    def _describe_fidelity(self, fidelity: Fidelity) -> str:
        parts = [f"SNR {fidelity.snr_db:.1f} dB, cosine {fidelity.cosine:.4f}"]
        if self.float_accuracy is not None and self.int8_accuracy is not None:
            parts.insert(
                0, f"int8 {100 * self.int8_accuracy:.2f} %, float {100 * self.float_accuracy:.2f} %"
            )
        elif fidelity.top1_agreement is not None:
            parts.append(f"top-1 agreement {100 * fidelity.top1_agreement:.1f} %")
        return f"{', '.join(parts)}, {fidelity.samples} samples"


def measure_quality(
    float_outputs: NDArray[np.float32] | None,
    int8_outputs: NDArray[np.float64],
    classes: NDArray[np.int64] | None,
) -> Quality:
    """Compares the nets' outputs [n, ...] for the same n samples, int8 ones dequantized."""
    if float_outputs is None:
        return Quality(None, None, None)
    shape = float_outputs.shape[1:]
    one_vector = max(shape, default=1) == int(np.prod(shape)) > 1  # not a map of them
    fidelity = measure_fidelity(float_outputs, int8_outputs, classes=one_vector)
    if classes is None:
        return Quality(None, None, fidelity)
    return Quality(
        measure_accuracy(float_outputs, classes),
        measure_accuracy(int8_outputs, classes),
        fidelity,
        count_confusion(int8_outputs, classes),
        int(np.prod(shape)),
    )


def measure_outputs(
    float_outputs: Sequence[NDArray[np.float32]] | None,
    int8_outputs: Sequence[NDArray[np.float64]],
    classes: NDArray[np.int64] | None,
) -> Quality:
    """`measure_quality` of nets with several outputs: as close as the worst, no accuracy."""
    if float_outputs is None:
        return Quality(None, None, None)
    if len(float_outputs) == 1:
        return measure_quality(float_outputs[0], int8_outputs[0], classes)
    each = [
        measure_fidelity(exact, found, classes=False)
        for exact, found in zip(float_outputs, int8_outputs, strict=True)
    ]
    return Quality(None, None, combine_fidelities(each))


def add_precision(
    quality: Quality,
    detector: Detector,
    float_outputs: Sequence[NDArray[np.float32]] | None,
    int8_outputs: Sequence[Array],
    scenes: Sequence[Objects],
) -> Quality:
    """The same with the mAP of a detector; int8's boxes are read as the firmware reads them.

    Args:
        quality: Of its outputs.
        detector: How they become boxes.
        float_outputs: The float net's, each [n, ...], channels last; None where there is no such.
        int8_outputs: The int8 net's, each [n, *shape].
        scenes: What the n samples show.

    Raises:
        MissingDependencyError: What computes mAP is not installed.
    """
    spec = loosen_spec(detector.spec)
    exact = None if float_outputs is None else find_objects(spec, float_outputs)
    found = detector.with_limits(spec).find(int8_outputs)
    return replace(
        quality,
        float_precision=None if exact is None else measure_precision(spec, exact, scenes),
        int8_precision=measure_precision(spec, found, scenes),
    )


def check_measurable(
    *, has_float: bool, has_classes: bool, min_snr: float | None, max_drop: float | None
) -> None:
    """Refuses limits that nothing can be held against, before much time is spent.

    Raises:
        BudgetError: There is no float net, or there are no labels.
    """
    asked = "--min-snr" if min_snr is not None else "--max-drop" if max_drop is not None else ""
    if asked and not has_float:
        raise BudgetError(
            f"{asked} cannot be checked: there is no float net with data to compare int8 with",
            "Build from the float net with --data, or leave the option out.",
        )
    if max_drop is not None and not has_classes:
        raise BudgetError(
            "--max-drop cannot be checked: there are no labelled samples",
            "Give --data a folder with one subfolder per class, or leave the option out.",
        )


def check_quality(quality: Quality, min_snr: float | None, max_drop: float | None) -> None:
    """Checks against --min-snr (dB) and --max-drop (points of accuracy).

    Raises:
        BudgetError: A limit is missed.
    """
    if min_snr is not None and quality.fidelity is not None and quality.fidelity.snr_db < min_snr:
        raise BudgetError(
            f"the SNR of the int8 outputs is {quality.fidelity.snr_db:.1f} dB, "
            f"{min_snr - quality.fidelity.snr_db:.1f} dB under the limit of {min_snr:g} dB",
            "More calibration pictures, of the kind that the net will see, help most.",
        )
    if max_drop is not None and quality.drop is not None:
        exact, found = quality.drop
        drop = 100 * (exact - found)
        what = "accuracy" if quality.int8_precision is None else "mAP@0.5"
        if drop > max_drop:
            raise BudgetError(
                f"int8 loses {drop:.2f} points of {what} ({100 * exact:.2f} % "
                f"to {100 * found:.2f} %), the limit is {max_drop:g}",
                "More calibration pictures, of the kind that the net will see, help most.",
            )


def quantize_inputs(graph: Graph, inputs: NDArray[np.float32]) -> Array:
    """Real inputs [n, C, H, W] of a model with one NHWC input as its elements [n, *shape].

    q = round(x / scale) + zero point, halves away from zero, as TFLite's QUANTIZE.
    """
    tensor = graph.tensors[graph.inputs[0]]
    scale, zero_point = tensor.affine
    scaled = np.moveaxis(inputs, 1, -1).astype(np.float64) / scale
    rounded = np.sign(scaled) * np.floor(np.abs(scaled) + 0.5) + zero_point
    limits = np.iinfo(tensor.dtype)
    clipped: Array = np.clip(rounded, limits.min, limits.max).astype(tensor.dtype)
    return clipped.reshape(len(inputs), *tensor.shape)


def read_pixels(graph: Graph, inputs: Array) -> NDArray[np.uint8]:
    """The pictures [n, h, w, C] that quantized inputs [n, *shape] were made from, gray or RGB.

    Where the file does not tell how, the input is the pixel minus 128.
    """
    scale, zero_point = graph.tensors[graph.inputs[0]].affine
    tensor, said = graph.tensors[graph.inputs[0]], graph.normalization
    values = (
        inputs.reshape(len(inputs), *tensor.shape[1:]).astype(np.float64) - zero_point
    ) * scale
    pixels = values * np.array(said.std) + np.array(said.mean) if said else values / scale + 128
    if said and said.color == "bgr":
        pixels = pixels[..., ::-1]
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def dequantize_outputs(graph: Graph, outputs: Array, place: int = 0) -> NDArray[np.float64]:
    """Elements [n, *shape] of the first output, or of another, as real numbers."""
    scale, zero_point = graph.tensors[graph.outputs[place]].affine
    return (outputs.astype(np.float64) - zero_point) * scale
