"""How close int8 outputs are to float outputs, and how often classes are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating] | NDArray[np.integer]


@dataclass(frozen=True)
class Fidelity:
    """Closeness of a quantized net to its float original over some samples.

    Args:
        snr_db: 10 log10(sum of squared float outputs / sum of squared differences); infinite when
            equal.
        top1_agreement: Share of samples, 0 to 1, whose largest output is the same; None for outputs
            that are no class scores.
        samples: Number of samples.
    """

    snr_db: float
    top1_agreement: float | None
    samples: int


def measure_fidelity(float_outputs: Array, int8_outputs: Array, *, classes: bool) -> Fidelity:
    """Compares real values: float outputs [n, ...] with dequantized int8 outputs [n, ...].

    Args:
        float_outputs: Of the float net.
        int8_outputs: Of the int8 net, dequantized, same shape.
        classes: The outputs are class scores; then top-1 agreement means something.
    """
    exact = np.asarray(float_outputs, dtype=np.float64).reshape(len(float_outputs), -1)
    found = np.asarray(int8_outputs, dtype=np.float64).reshape(len(int8_outputs), -1)
    noise = float(((exact - found) ** 2).sum())
    signal = float((exact**2).sum())
    snr = (
        10.0 * float(np.log10(signal / noise))
        if noise and signal
        else (float("inf") if not noise else -float("inf"))
    )
    agreement = float((exact.argmax(1) == found.argmax(1)).mean()) if classes else None
    return Fidelity(snr, agreement, len(exact))


def measure_accuracy(outputs: Array, classes: NDArray[np.integer]) -> float:
    """Share, 0 to 1, of samples whose largest output [n, classes] is the right class [n]."""
    scores = np.asarray(outputs).reshape(len(outputs), -1)
    return float((scores.argmax(1) == np.asarray(classes)).mean())
