"""int16 activations for some layers of a prepared network, where that helps and costs little.

What layers cost, and whether their sum keeps within the limit, says a planner of files; for it the
network is quantized without any samples, as its plan hardly depends on the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from tinydeploy.quantize.calibrate import pick_evenly
from tinydeploy.quantize.choose_wide import Layers, Prices, choose_wide
from tinydeploy.quantize.cost import Mixing
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.network import Conv
from tinydeploy.quantize.prepare import Prepared, try_prepared
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.quantize.sensitivity import count_kept
from tinydeploy.quantize.weights import quantize_nearest
from tinydeploy.quantize.widen import WideForms, made_tensor, widen_layers
from tinydeploy.quantize.write_tflite import write_network

# Samples, at most, that each tensor's noise is followed to the output with.
PROBED_SAMPLES = 16


@dataclass(frozen=True)
class Mixed:
    """What was chosen.

    Args:
        layers: Names of the outputs of the layers with int16 activations, in order.
        instructions: Part of the int8 network's that the plan adds, 0.1 for 10 %.
        ram: Likewise, of the arena.
        int8_db: SNR of the outputs without them, quantized quickly, on some calibration inputs.
        snr_db: SNR with them.
    """

    layers: tuple[str, ...]
    instructions: float
    ram: float
    int8_db: float
    snr_db: float


class Finished(Protocol):
    """A network that has been quantized with all care."""

    @property
    def tflite(self) -> bytes:
        """The file."""
        ...


_Finished = TypeVar("_Finished", bound=Finished)


class Mixer:
    """Makes layers of one network wide.

    Args:
        prepared: The network, its ranges chosen.
        mixing: What may be added, and who tells.
    """

    def __init__(self, prepared: Prepared, mixing: Mixing) -> None:
        self._prepared, self._mixing = prepared, mixing
        self._forms = WideForms.find(prepared.network, prepared.statistics, prepared.parameters)
        self._int8 = mixing.planner.plan(_write_quickly(prepared))

    def mix(
        self, samples: Values, recipe: Recipe, finish: Callable[[Prepared], _Finished]
    ) -> tuple[_Finished, Mixed]:
        """The network with the layers wide that help most within the limit.

        The layers that were chosen last are given up until those that remain help, and the
        finished file keeps to the limit, too.

        Args:
            samples: float32 [n, H, W, C] or [n, C] inputs to try it with: many, as what layers of
                few elements gain is small beside the chance of how they round.
            recipe: How it will be quantized.
            finish: Quantizes it.
        """
        before = self._try(self._prepared, samples, recipe)
        for wide in reversed(self._choose(samples)):
            mixed = self._widen(wide)
            after = self._try(mixed, samples, recipe)
            if after <= before:
                continue
            finished = finish(mixed)
            added = self._find_added(finished.tflite)
            if max(added) <= self._mixing.share:
                layers = tuple(k.output for k in self._prepared.network.layers if k.output in wide)
                return finished, Mixed(layers, *added, before, after)
        return finish(self._prepared), Mixed((), 0.0, 0.0, before, before)

    def _find_added(self, tflite: bytes) -> tuple[float, float]:
        """Parts of the int8 network's instructions and RAM that a file's plan adds."""
        cost = self._mixing.planner.plan(tflite)
        if cost is None or self._int8 is None:
            return math.inf, math.inf
        return cost.instructions / self._int8.instructions - 1, cost.ram / self._int8.ram - 1

    def _choose(self, samples: Values) -> tuple[Layers, ...]:
        """Choices of layers within the limit, each with more of them than the one before."""
        if self._int8 is None or not self._forms.layers:
            return ()
        network, share = self._prepared.network, self._mixing.share
        prices = Prices(
            self._price(frozenset()),
            self._price(self._forms.layers),
            share * self._int8.instructions,
        )
        return choose_wide(
            network,
            self._prepared.parameters,
            self._forms,
            pick_evenly(samples, min(PROBED_SAMPLES, count_kept(network))),
            prices,
            lambda wide: max(self._find_added(_write_quickly(self._widen(wide)))) <= share,
        )

    def _price(self, wide: Layers) -> dict[str, int]:
        """Instructions of each layer with these wide, by the name of its output."""
        network = self._prepared.network
        outputs = {made_tensor(network, k.output, wide): k.output for k in network.layers}
        found = dict.fromkeys(outputs.values(), 0)
        since = 0  # of the operators of the same layer
        for name, instructions in self._mixing.planner.price(_write_quickly(self._widen(wide))):
            since += instructions
            if name in outputs:
                found[outputs[name]] = since
                since = 0
        return found

    def _widen(self, wide: Layers) -> Prepared:
        prepared = self._prepared
        network, parameters = widen_layers(prepared.network, prepared.parameters, self._forms, wide)
        return replace(prepared, network=network, parameters=parameters)

    def _try(self, prepared: Prepared, samples: Values, recipe: Recipe) -> float:
        """SNR of the outputs of a network that is quantized quickly."""
        untried = replace(prepared, trials=prepared.trials[-1:])
        return try_prepared(untried, samples, recipe).trials[0].snr_db


def _write_quickly(prepared: Prepared) -> bytes:
    """The file with all weights rounded to the nearest integers, nothing corrected."""
    network, parameters = prepared.network, prepared.parameters
    convolutions = {
        layer.output: quantize_nearest(layer, parameters[layer.inputs[0]], parameters[layer.output])
        for layer in network.layers
        if isinstance(layer, Conv)
    }
    return write_network(network, parameters, convolutions, name="", normalization=None, labels=())
