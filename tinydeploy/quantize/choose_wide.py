"""Which layers get int16 activations: those that take most noise from the output per instruction.

Each tensor, rounded to int8 alone, leaves some noise at the network's output; the noises of all add
up, because rounding errors hardly correlate. A tensor that is int16 leaves none. It has to be so
for the layer that writes it and for those that read it; neighbours in a run share conversions, so
runs of layers are tried, and the one that takes away most noise for the instructions it adds is
made wide, again and again, while the price is low enough. Whether all that is allowed is asked
then; where it is not, the first run that is one too many is left out, and others take its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.network import Layer, Network
from tinydeploy.quantize.sensitivity import Probe, round_values, subtract
from tinydeploy.quantize.widen import WideForms

# Layers that are tried together at most.
_LONGEST_RUN = 10

# How often it is asked at most whether layers are allowed, which takes a plan each time.
_MOST_QUESTIONS = 12

# Instructions of an element from one type to the other, of the kernel that is mostly taken to
# int16; plans know the others.
_CONVERSION = 17.0

# By tensor: noise over signal at the output when it is rounded, and when but one of its readers,
# by the name of what that writes, sees it rounded.
_Noise = Mapping[str, tuple[float, Mapping[str, float]]]

Layers = frozenset[str]
"""Names of the outputs of layers."""


@dataclass(frozen=True)
class Prices:
    """Instructions of layers by themselves, by the name of their output.

    Args:
        int8: With int8 activations.
        wide: With int16 activations, of those that can have them.
        most: What int16 may add.
    """

    int8: Mapping[str, int]
    wide: Mapping[str, int]
    most: float


def choose_wide(
    network: Network,
    parameters: Mapping[str, Parameters],
    forms: WideForms,
    samples: Values,
    prices: Prices,
    allows: Callable[[Layers], bool],
) -> tuple[Layers, ...]:
    """Chooses layers greedily.

    Args:
        network: Folded, and equalized if that is wanted.
        parameters: int8, of every tensor.
        forms: What can be wide.
        samples: float32 [n, H, W, C] or [n, C] inputs; all activations of all of them are kept.
        prices: By which layers are compared.
        allows: Whether these may be wide.

    Returns:
        Choices, all of them allowed, each with more layers than the one before.
    """
    costs = _Costs(network, forms, prices)
    noise = _measure_noise(network, parameters, costs, samples)
    chosen: list[Layers] = []
    runs, questions = list(costs.runs), 0

    def may_be(wide: Layers) -> bool:
        nonlocal questions
        questions += 1
        return questions <= _MOST_QUESTIONS and allows(wide)

    while questions < _MOST_QUESTIONS:
        steps = list(_grow(costs, noise, runs, chosen[-1] if chosen else frozenset()))
        allowed = _count_allowed([wide for wide, _ in steps], may_be)
        chosen += [wide for wide, _ in steps[:allowed]]
        if allowed == len(steps):
            break
        wide, run = steps[allowed]  # nor would it be allowed with more layers
        runs = [other for other in runs if not other | (wide - run) >= run]
    return tuple(chosen)


def _grow(
    costs: _Costs, noise: _Noise, runs: Iterable[Layers], wide: Layers
) -> Iterator[tuple[Layers, Layers]]:
    """Ever more wide layers, by price, and the run that was added last."""
    while (run := _find_best(costs, noise, runs, wide)) is not None:
        wide |= run
        yield wide, run


def _count_allowed(steps: Sequence[Layers], allows: Callable[[Layers], bool]) -> int:
    """How many of the steps are allowed; those behind one that is not are not either."""
    if not steps or allows(steps[-1]):
        return len(steps)
    first, last = 0, len(steps) - 1  # so many are, one more than so many are not
    while first < last:
        middle = (first + last + 1) // 2
        if allows(steps[middle - 1]):
            first = middle
        else:
            last = middle - 1
    return first


def _find_best(costs: _Costs, noise: _Noise, runs: Iterable[Layers], wide: Layers) -> Layers | None:
    """The run that takes away most noise for the instructions that it adds to what is wide."""
    spent, best, best_rate = costs.added(wide), None, 0.0
    for run in runs:
        if run <= wide:
            continue
        added = costs.added(wide | run)
        gained = costs.noise_taken(noise, wide, wide | run)
        rate = gained / max(added - spent, 1.0)
        if added <= costs.most and rate > best_rate:
            best, best_rate = run, rate
    return best


class _Costs:
    """Estimates for any choice of wide layers."""

    def __init__(self, network: Network, forms: WideForms, prices: Prices) -> None:
        self.network = network
        self.possible = forms.layers
        self.most = prices.most
        self.makers = {layer.output: layer for layer in network.layers}
        self.readers = {name: network.consumers(name) for name in (network.input, *self.makers)}
        # A layer that is fused with others has the price of all, where int16 would part them.
        self.extra = {name: max(prices.wide[name] - prices.int8[name], 0) for name in self.possible}
        self._conversion = {
            name: _CONVERSION * math.prod(network.shapes[name]) for name in self.readers
        }
        self.runs = _list_runs(network, self.possible, self.readers)

    def is_split(self, tensor: str, wide: Layers) -> bool:
        """Whether a tensor is there in both types."""
        made = tensor in wide
        return (made and tensor in self.network.outputs) or any(
            (reader.output in wide) != made for reader in self.readers[tensor]
        )

    def added(self, wide: Layers) -> float:
        """Instructions beyond those of the int8 network."""
        touched = {name for layer in wide for name in (layer, *self.makers[layer].inputs)}
        return sum(self.extra[layer] for layer in wide) + sum(
            self._conversion[name] for name in touched if self.is_split(name, wide)
        )

    def noise_taken(self, noise: _Noise, wide: Layers, grown: Layers) -> float:
        """Noise over signal at the output that more wide layers take away."""
        touched = {name for layer in grown - wide for name in (layer, *self.makers[layer].inputs)}
        return sum(
            self._noise_of(name, noise, wide) - self._noise_of(name, noise, grown)
            for name in touched & noise.keys()
        )

    def _noise_of(self, tensor: str, noise: _Noise, wide: Layers) -> float:
        """What a tensor's being rounded to int8, for all or some of its readers, leaves."""
        whole, parts = noise[tensor]
        if tensor not in wide:
            maker = self.makers[tensor]
            return whole if maker.averages or not maker.hands_on else 0.0
        narrow = [part for reader, part in parts.items() if reader not in wide]
        is_whole = tensor in self.network.outputs or len(narrow) == len(parts)
        return whole if is_whole else min(whole, sum(narrow))


def _list_runs(
    network: Network, possible: Layers, readers: Mapping[str, tuple[Layer, ...]]
) -> tuple[Layers, ...]:
    """Sets of layers to try: neighbours in order, each with all that reads what they share."""
    names = [layer.output for layer in network.layers]
    runs: dict[Layers, None] = {}
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
) -> _Noise:
    """The noise that rounding leaves of each tensor that can be wide at the price."""
    probe = Probe(network, samples)
    position = {layer.output: k for k, layer in enumerate(network.layers)}
    found = {}
    for name, k in position.items():
        if name not in costs.possible or costs.extra[name] > costs.most:
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
