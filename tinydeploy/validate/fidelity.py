"""How close int8 outputs are to float outputs, and how often classes are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOP = 5
_MANY_CLASSES = 10

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
        cosine: Of the angle between all float outputs and all int8 outputs, as two vectors; 0 where
            one of them is all zeros.
        top5_agreement: Share of samples, 0 to 1, whose largest float output is among the five
            largest int8 outputs; None for outputs that are no class scores, or of fewer than ten
            classes.
    """

    snr_db: float
    top1_agreement: float | None
    samples: int
    cosine: float
    top5_agreement: float | None


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
    lengths = float(np.linalg.norm(exact) * np.linalg.norm(found))
    cosine = float((exact * found).sum()) / lengths if lengths else 0.0
    top1 = float((exact.argmax(1) == found.argmax(1)).mean()) if classes else None
    top5 = None
    if classes and exact.shape[1] >= _MANY_CLASSES:
        best = np.argsort(-found, axis=1, kind="stable")[:, :_TOP]
        top5 = float((best == exact.argmax(1)[:, None]).any(axis=1).mean())
    return Fidelity(snr, top1, len(exact), min(cosine, 1.0), top5)


def combine_fidelities(outputs: Sequence[Fidelity]) -> Fidelity:
    """That of a net with several outputs: of its worst one; classes mean nothing there."""
    if len(outputs) == 1:
        return outputs[0]
    worst = min(outputs, key=lambda each: each.snr_db)
    cosine = min(each.cosine for each in outputs)
    return Fidelity(worst.snr_db, None, worst.samples, cosine, None)


def measure_accuracy(outputs: Array, classes: NDArray[np.integer]) -> float:
    """Share, 0 to 1, of samples whose largest output [n, classes] is the right class [n]."""
    scores = np.asarray(outputs).reshape(len(outputs), -1)
    return float((scores.argmax(1) == np.asarray(classes)).mean())


def count_confusion(
    outputs: Array, classes: NDArray[np.integer]
) -> tuple[tuple[int, int, int], ...]:
    """How often samples of a class [n] had their largest output [n, classes] at another.

    Returns:
        (right class, class named, samples), ascending; without those that never occur.
    """
    named = np.asarray(outputs).reshape(len(outputs), -1).argmax(1)
    pairs = np.stack([np.asarray(classes), named], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    return tuple(
        (int(right), int(other), int(count))
        for (right, other), count in zip(found, counts, strict=True)
    )
