"""int16 activations for some layers of a prepared network, where that helps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinydeploy.quantize.calibrate import pick_evenly
from tinydeploy.quantize.choose_wide import WideChoice, choose_wide
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.prepare import Prepared, try_prepared
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.quantize.sensitivity import count_kept
from tinydeploy.quantize.widen import WideForms, widen_layers

# Samples, at most, that each tensor's noise is followed to the output with.
PROBED_SAMPLES = 16


@dataclass(frozen=True)
class Mixed:
    """What was chosen.

    Args:
        choice: The layers, and what they are expected to cost.
        int8_db: SNR of the outputs without them, quantized quickly, on some calibration inputs.
        snr_db: SNR with them.
    """

    choice: WideChoice
    int8_db: float
    snr_db: float


def mix_types(prepared: Prepared, samples: Values, recipe: Recipe) -> tuple[Prepared, Mixed]:
    """Makes layers wide, or none where that does not help on the samples.

    Args:
        prepared: The network, its ranges chosen.
        samples: float32 [n, H, W, C] or [n, C] inputs to try it with: many, as what layers of few
            elements gain is small beside the chance of how they round.
        recipe: With the share that int16 may add.
    """
    forms = WideForms.find(prepared.network, prepared.statistics, prepared.parameters)
    choice = choose_wide(
        prepared.network,
        prepared.parameters,
        forms,
        pick_evenly(samples, min(PROBED_SAMPLES, count_kept(prepared.network))),
        recipe.mixed,
    )
    network, parameters = widen_layers(prepared.network, prepared.parameters, forms, choice.layers)
    mixed = replace(prepared, network=network, parameters=parameters)
    before, after = (
        try_prepared(replace(each, trials=prepared.trials[-1:]), samples, recipe).trials[0].snr_db
        for each in (prepared, mixed)
    )
    if after <= before:
        return prepared, Mixed(WideChoice((), 0.0, 0.0), before, before)
    return mixed, Mixed(choice, before, after)
