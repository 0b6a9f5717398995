"""What quantization cost: accuracy on labelled samples, closeness to the float net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Accuracy and fidelity; None where there are no labels, or no float net.

    Args:
        float_accuracy: Share, 0 to 1, of samples that the float net gets right.
        int8_accuracy: The same for the int8 net.
        fidelity: Of the int8 outputs.
        confusion: Of the int8 net, as `count_confusion` has it; empty without labels.
        classes: How many there are; 0 without labels.
    """

    float_accuracy: float | None
    int8_accuracy: float | None
    fidelity: Fidelity | None
    confusion: tuple[tuple[int, int, int], ...] = ()
    classes: int = 0

    def describe(self) -> str:
        """One line."""
        if self.fidelity is None:
            return "no float net to compare with"
        parts = [f"SNR {self.fidelity.snr_db:.1f} dB, cosine {self.fidelity.cosine:.4f}"]
        if self.float_accuracy is not None and self.int8_accuracy is not None:
            parts.insert(
                0, f"int8 {100 * self.int8_accuracy:.2f} %, float {100 * self.float_accuracy:.2f} %"
            )
        elif self.fidelity.top1_agreement is not None:
            parts.append(f"top-1 agreement {100 * self.fidelity.top1_agreement:.1f} %")
        return f"{', '.join(parts)}, {self.fidelity.samples} samples"


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
    if (
        max_drop is not None
        and quality.float_accuracy is not None
        and quality.int8_accuracy is not None
    ):
        drop = 100 * (quality.float_accuracy - quality.int8_accuracy)
        if drop > max_drop:
            raise BudgetError(
                f"int8 loses {drop:.2f} points of accuracy ({100 * quality.float_accuracy:.2f} % "
                f"to {100 * quality.int8_accuracy:.2f} %), the limit is {max_drop:g}",
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


def dequantize_outputs(graph: Graph, outputs: Array, place: int = 0) -> NDArray[np.float64]:
    """Elements [n, *shape] of the first output, or of another, as real numbers."""
    scale, zero_point = graph.tensors[graph.outputs[place]].affine
    return (outputs.astype(np.float64) - zero_point) * scale
