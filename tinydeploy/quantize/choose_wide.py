"""Which layers get int16 activations: those that take most noise from the output per instruction.

Each tensor, rounded to int8 alone, leaves some noise at the network's output; the noises of all add
up, because rounding errors hardly correlate. A tensor that is int16 leaves none. It has to be so
for the layer that writes it and for those that read it; neighbours in a run share conversions, so
runs of layers are tried, and the one that takes away most noise for the instructions it adds is
made wide, again and again, as long as instructions and RAM keep to their shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.network import Layer, Network
from tinydeploy.quantize.sensitivity import Probe, round_values, subtract
from tinydeploy.quantize.wide_cost import estimate_conversion, estimate_layer, estimate_ram
from tinydeploy.quantize.widen import WideForms

# Layers that are tried together at most.
_LONGEST_RUN = 10

# By tensor: noise over signal at the output when it is rounded, and when but one of its readers,
# by the name of what that writes, sees it rounded.
_Noise = Mapping[str, tuple[float, Mapping[str, float]]]


@dataclass(frozen=True)
class WideChoice:
    """Layers to make wide, and what that is expected to cost.

    Args:
        layers: Names of their outputs, in order.
        instructions: Part of the int8 network's that is added, 0.1 for 10 %.
        ram: Likewise, of the memory for activations.
    """

    layers: tuple[str, ...]
    instructions: float
    ram: float


def choose_wide(
    network: Network,
    parameters: Mapping[str, Parameters],
    forms: WideForms,
    samples: Values,
    share: float,
) -> WideChoice:
    """Chooses layers greedily.

    Args:
        network: Folded, and equalized if that is wanted.
        parameters: int8, of every tensor.
        forms: What can be wide.
        samples: float32 [n, H, W, C] or [n, C] inputs; all activations of all of them are kept.
        share: Part of the instructions, and of the RAM, that may be added.
    """
    costs = _Costs(network, forms)
    budget = share * costs.base
    limit = (1 + share) * costs.ram(frozenset())
    noise = _measure_noise(network, parameters, costs, samples, budget)
    wide: frozenset[str] = frozenset()
    runs = set(costs.runs)
    while True:
        spent, best, best_rate = costs.added(wide), None, 0.0
        for run in costs.runs:
            if run not in runs or run <= wide:
                continue
            added = costs.added(wide | run)
            gained = costs.noise_taken(noise, wide, wide | run)
            rate = gained / max(added - spent, 1.0)
            if added <= budget and rate > best_rate:
                best, best_rate = run, rate
        if best is None:
            break
        if costs.ram(wide | best) <= limit:
            wide |= best
        else:
            runs.remove(best)
    layers = tuple(layer.output for layer in network.layers if layer.output in wide)
    ram = costs.ram(wide) / costs.ram(frozenset()) - 1
    return WideChoice(layers, costs.added(wide) / costs.base, ram)


class _Costs:
    """Estimates for any choice of wide layers."""

    def __init__(self, network: Network, forms: WideForms) -> None:
        self.network = network
        self.possible = forms.layers
        self.makers = {layer.output: layer for layer in network.layers}
        self.readers = {name: network.consumers(name) for name in (network.input, *self.makers)}
        self.base = sum(estimate_layer(network, layer, wide=False) for layer in network.layers)
        self.extra = {
            layer.output: estimate_layer(network, layer, wide=True)
            - estimate_layer(network, layer, wide=False)
            for layer in network.layers
        }
        self._conversion = {name: estimate_conversion(network, name) for name in self.readers}
        self.runs = _list_runs(network, self.possible, self.readers)

    def is_split(self, tensor: str, wide: frozenset[str]) -> bool:
        """Whether a tensor is there in both types."""
        made = tensor in wide
        return (made and tensor in self.network.outputs) or any(
            (reader.output in wide) != made for reader in self.readers[tensor]
        )

    def added(self, wide: frozenset[str]) -> float:
        """Instructions beyond those of the int8 network."""
        touched = {name for layer in wide for name in (layer, *self.makers[layer].inputs)}
        return sum(self.extra[layer] for layer in wide) + sum(
            self._conversion[name] for name in touched if self.is_split(name, wide)
        )

    def noise_taken(self, noise: _Noise, wide: frozenset[str], grown: frozenset[str]) -> float:
        """Noise over signal at the output that more wide layers take away."""
        touched = {name for layer in grown - wide for name in (layer, *self.makers[layer].inputs)}
        return sum(
            self._noise_of(name, noise, wide) - self._noise_of(name, noise, grown)
            for name in touched & noise.keys()
        )

    def _noise_of(self, tensor: str, noise: _Noise, wide: frozenset[str]) -> float:
        """What a tensor's being rounded to int8, for all or some of its readers, leaves."""
        whole, parts = noise[tensor]
        if tensor not in wide:
            maker = self.makers[tensor]
            return whole if maker.averages or not maker.hands_on else 0.0
        narrow = [part for reader, part in parts.items() if reader not in wide]
        is_whole = tensor in self.network.outputs or len(narrow) == len(parts)
        return whole if is_whole else min(whole, sum(narrow))

    def ram(self, wide: frozenset[str]) -> int:
        """Bytes of activations."""
        split = {name for name in self.readers if self.is_split(name, wide)}
        return estimate_ram(self.network, wide.__contains__, split)


def _list_runs(
    network: Network, possible: frozenset[str], readers: Mapping[str, tuple[Layer, ...]]
) -> tuple[frozenset[str], ...]:
    """Sets of layers to try: neighbours in order, each with all that reads what they share."""
    names = [layer.output for layer in network.layers]
    runs: dict[frozenset[str], None] = {}
    for first in range(len(names)):
        for last in range(first + 1, min(first + _LONGEST_RUN, len(names))):
            if names[last] not in possible or names[first] not in possible:
                break
            run = frozenset(names[first : last + 1])
            if not run <= possible:
                break
            runs[run] = None
    for name in names:  # a tensor with one reader, and with all, wherever they are
        outputs = [reader.output for reader in readers[name]]
        for others in (outputs, *([reader] for reader in outputs)):
            run = frozenset({name, *others})
            if run <= possible and len(run) > 1:
                runs[run] = None
    return tuple(runs)


def _measure_noise(
    network: Network,
    parameters: Mapping[str, Parameters],
    costs: _Costs,
    samples: Values,
    budget: float,
) -> _Noise:
    """The noise that rounding leaves of each tensor that can be wide within the budget."""
    probe = Probe(network, samples)
    position = {layer.output: k for k, layer in enumerate(network.layers)}
    found = {}
    for name, k in position.items():
        if name not in costs.possible or costs.extra[name] > budget:
            continue
        rounded = _round_about_mean(probe.exact[name], parameters[name])
        whole, readers = probe.noise(k + 1, name, rounded), costs.readers[name]
        parts = {reader.output: whole for reader in readers}
        if len(parts) > 1:
            for reader in readers:
                changed = probe.evaluate(reader, {name: rounded})
                target = reader.output
                parts[target] = probe.noise(position[target] + 1, target, changed)
        found[name] = whole, parts
    return found


def _round_about_mean(values: Values, parameters: Parameters) -> Values:
    """Rounded values whose channels' mean errors are made up for, as biases do behind them."""
    rounded = round_values(values, parameters)
    error = subtract(rounded, values)
    rounded -= error.mean(axis=tuple(range(values.ndim - 1)), keepdims=True)
    return rounded
