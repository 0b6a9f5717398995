"""The quantization doctor for float networks: which layers lose what, and what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.calibrate import pick_evenly
from tinydeploy.quantize.prepare import prepare_network
from tinydeploy.quantize.quantize_model import (
    TRIAL_SAMPLES,
    CalibratedModel,
    calibrate_model,
)
from tinydeploy.quantize.recipe import EFFORTS
from tinydeploy.quantize.remedies import RemedyGain, measure_remedies
from tinydeploy.quantize.sensitivity import LayerLoss, count_kept, measure_losses
from tinydeploy.quantize.statistics import TensorStatistics

# Bins of the histograms that are shown.
BINS = 40


@dataclass(frozen=True)
class TensorView:
    """A tensor's real values during calibration, after equalization, and the range of int8.

    Args:
        low: Real number that -128 stands for.
        high: Real number that 127 stands for.
        seen_low: Least value seen.
        seen_high: Greatest value seen.
        channels: Number of channels.
        dead: Channels that held one value all the time.
        histogram: Part of the values, 0 to 1, in each of BINS equal parts of what was seen.
    """

    low: float
    high: float
    seen_low: float
    seen_high: float
    channels: int
    dead: tuple[int, ...]
    histogram: tuple[float, ...]


@dataclass(frozen=True)
class LayerView:
    """A layer's losses and its output; no view of outputs that nothing was measured of."""

    loss: LayerLoss
    tensor: TensorView | None


@dataclass(frozen=True)
class Inspection:
    """What the doctor found.

    Args:
        samples: Number of inputs that losses were measured with.
        layers: The input, then the layers, in order.
        remedies: What each is worth; empty where it was not asked for.
    """

    samples: int
    layers: tuple[LayerView, ...]
    remedies: tuple[RemedyGain, ...]


def inspect_model(
    model: FloatModel,
    measure: Callable[[bytes], float] | None,
    progress: Callable[[str], None] | None = None,
) -> Inspection:
    """Inspects what quantization does to a float network.

    Args:
        model: With calibration inputs.
        measure: The SNR of an int8 .tflite in dB; None to leave the remedies out.
        progress: Told what is being done.

    Raises:
        TinydeployError: The model cannot be quantized, see quantize_model.
    """
    tell = progress or (lambda text: None)
    tell("calibrate")
    calibrated = calibrate_model(model, EFFORTS["high"].samples)
    layers, samples = _inspect_layers(calibrated, tell)
    remedies = () if measure is None else measure_remedies(calibrated, measure, progress)
    return Inspection(samples, layers, remedies)


def _inspect_layers(
    calibrated: CalibratedModel, tell: Callable[[str], None]
) -> tuple[tuple[LayerView, ...], int]:
    prepared = prepare_network(
        calibrated.network,
        calibrated.calibration.statistics,
        calibrated.input_parameters,
        pick_evenly(calibrated.samples, TRIAL_SAMPLES),
        EFFORTS["normal"],
    )
    samples = pick_evenly(calibrated.samples, count_kept(prepared.network))
    losses = measure_losses(
        prepared.network,
        prepared.parameters,
        samples,
        lambda part: tell(f"each layer alone {100 * part:.0f} %"),
    )
    views = {
        name: view_tensor(statistics, prepared.parameters[name])
        for name, statistics in prepared.statistics.items()
    }
    return tuple(LayerView(loss, views.get(loss.output)) for loss in losses), len(samples)


def view_tensor(statistics: TensorStatistics, parameters: Parameters) -> TensorView:
    """What calibration saw of a tensor, beside its int8 range."""
    counts, edges = statistics.pool()
    below = np.concatenate(([0.0], counts.cumsum()))
    seen_low, seen_high = statistics.range
    parts = np.diff(np.interp(np.linspace(seen_low, seen_high, BINS + 1), edges, below))
    dead = np.flatnonzero(statistics.minimum == statistics.maximum)
    return TensorView(
        low=parameters.scale * (-128 - parameters.zero_point),
        high=parameters.scale * (127 - parameters.zero_point),
        seen_low=seen_low,
        seen_high=seen_high,
        channels=len(statistics.minimum),
        dead=tuple(int(k) for k in dead),
        histogram=tuple(float(part) for part in parts / max(below[-1], 1)),
    )
