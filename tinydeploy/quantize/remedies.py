"""What each remedy against the loss of quantization is worth on a model, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tinydeploy.quantize.quantize_model import CalibratedModel, apply_recipe
from tinydeploy.quantize.recipe import EFFORTS, Recipe

# Rounding to the nearest, ranges from the extremes seen: what every remedy is measured against.
PLAIN = Recipe(
    ranges="min-max",
    equalize=False,
    correct_bias=False,
    fit_weights=False,
    rounding="nearest",
    guard=False,
)
REMEDIES: Mapping[str, Recipe] = MappingProxyType(
    {
        "nothing: min-max ranges, nearest weights": PLAIN,
        "equalization": replace(PLAIN, equalize=True),
        "bias correction": replace(PLAIN, correct_bias=True),
        "percentile ranges": replace(PLAIN, ranges="percentile"),
        "ranges of least squared error": replace(PLAIN, ranges="mse"),
        "ranges by entropy": replace(PLAIN, ranges="entropy"),
        "ranges measured, tensor by tensor": replace(PLAIN, ranges="measured"),
        "weights fitted": replace(PLAIN, fit_weights=True),
        "weights rounded with compensation": replace(PLAIN, rounding="compensated"),
        "all of these where they help (default)": EFFORTS["normal"],
        "--effort high": EFFORTS["high"],
    }
)


@dataclass(frozen=True)
class RemedyGain:
    """What a remedy was worth.

    Args:
        remedy: Its name.
        snr_db: SNR of the int8 outputs with it, and no other but for the last two.
        gain_db: What it adds to plain rounding's SNR.
    """

    remedy: str
    snr_db: float
    gain_db: float


def measure_remedies(
    calibrated: CalibratedModel,
    measure: Callable[[bytes], float],
    progress: Callable[[str], None] | None = None,
) -> tuple[RemedyGain, ...]:
    """Quantizes a model once for each remedy.

    Args:
        calibrated: The model, with as many samples as the most thorough recipe wants.
        measure: The SNR of an int8 .tflite in dB, best on inputs that nothing was fitted to.
        progress: Told the remedy that is being tried.
    """
    found: list[RemedyGain] = []
    for remedy, recipe in REMEDIES.items():
        if progress is not None:
            progress(remedy)
        snr = measure(apply_recipe(calibrated, recipe).tflite)
        found.append(RemedyGain(remedy, snr, snr - found[0].snr_db if found else 0.0))
    return tuple(found)
