"""Before weights are rounded: equalized or not, and the ranges of all activations.

With a guard, each way is tried: the network is quantized quickly, with the nearest weights, and the
way of the best outputs is taken. Clipping and rounding add up along a network in ways that no
single layer shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinydeploy.quantize.activations import (
    Candidates,
    Parameters,
    choose_parameters,
    list_candidates,
)
from tinydeploy.quantize.equalize import equalize_network
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.layer_quality import LayerQuality
from tinydeploy.quantize.measure_ranges import choose_measured
from tinydeploy.quantize.network import Network
from tinydeploy.quantize.propagate import quantize_layers
from tinydeploy.quantize.recipe import RANGE_METHODS, RangeMethod, Recipe
from tinydeploy.quantize.statistics import TensorStatistics

# Where nothing is tried, ranges are chosen by this method.
USUAL: RangeMethod = "percentile"

# Each method, "measured", and not equalized.
_MOST_TRIALS = len(RANGE_METHODS) + 2

_Statistics = Mapping[str, TensorStatistics]


@dataclass(frozen=True)
class Trial:
    """A way to choose ranges that was tried.

    Args:
        equalize: Whether channels were equalized.
        ranges: The method of choosing ranges; "measured" where it differs between tensors.
        snr_db: Of the outputs, with the nearest weights, on some of the calibration inputs; NaN
            where it was not tried, as there was nothing to choose.
    """

    equalize: bool
    ranges: str
    snr_db: float


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network ready for its weights to be rounded.

    Args:
        network: Equalized or not.
        statistics: Of its tensors.
        parameters: Of every tensor.
        trials: What was tried, the chosen one last.
    """

    network: Network
    statistics: _Statistics
    parameters: Mapping[str, Parameters]
    trials: tuple[Trial, ...]


def prepare_network(
    network: Network,
    statistics: _Statistics,
    input_parameters: Parameters,
    samples: Values,
    recipe: Recipe,
    progress: Callable[[float], None] | None = None,
) -> Prepared:
    """Equalizes and chooses ranges.

    Args:
        network: Folded.
        statistics: Of its tensors.
        input_parameters: Of its input.
        samples: float32 [n, H, W, C] inputs to try ways with.
        recipe: Says what is wanted; its guard, whether to try.
        progress: Told the part done, 0 to 1.
    """
    form = _Form.make(network, statistics, input_parameters, equalize=recipe.equalize)
    if not recipe.guard:
        if recipe.ranges != "measured":
            return form.use(recipe.ranges)
        return form.measure(USUAL, samples)

    tried: list[Prepared] = []

    def attempt(prepared: Prepared) -> None:
        tried.append(try_prepared(prepared, samples, recipe))
        if progress is not None:
            progress(min(1.0, len(tried) / _MOST_TRIALS))

    usual: RangeMethod = USUAL if recipe.ranges == "measured" else recipe.ranges
    attempt(form.use(usual))
    if recipe.ranges == "measured":
        others = [method for method in RANGE_METHODS if method != USUAL]
        for method in others:
            attempt(form.use(method))
        best = _find_best(tried)
        usual = [USUAL, *others][tried.index(best)]
        measured = form.measure(usual, samples)
        if measured.parameters != best.parameters:
            attempt(measured)
    if recipe.equalize:
        plain = _Form.make(network, statistics, input_parameters, equalize=False)
        attempt(plain.use(usual))
    best = _find_best(tried)
    order = sorted(tried, key=lambda each: each is best)
    return replace(best, trials=tuple(trial for each in order for trial in each.trials))


@dataclass(frozen=True, eq=False)
class _Form:
    """A network, equalized or not, with what each method gives for its ranges."""

    network: Network
    statistics: _Statistics
    candidates: Mapping[tuple[str, ...], Candidates]
    equalized: bool

    @classmethod
    def make(
        cls,
        network: Network,
        statistics: _Statistics,
        input_parameters: Parameters,
        *,
        equalize: bool,
    ) -> _Form:
        if equalize:
            network, statistics = equalize_network(network, statistics)
        candidates = list_candidates(network, statistics, input_parameters)
        return cls(network, statistics, candidates, equalize)

    def use(self, method: RangeMethod) -> Prepared:
        """One method for all tensors."""
        return self._prepare(choose_parameters(self.candidates, method), method)

    def measure(self, usual: RangeMethod, samples: Values) -> Prepared:
        """Other methods where they are clearly better for the next layers."""
        found = choose_measured(self.network, self.candidates, samples, usual)
        return self._prepare(found, "measured")

    def _prepare(self, parameters: Mapping[str, Parameters], ranges: str) -> Prepared:
        untried = Trial(self.equalized, ranges, math.nan)
        return Prepared(self.network, self.statistics, parameters, (untried,))


def try_prepared(prepared: Prepared, samples: Values, recipe: Recipe) -> Prepared:
    """Fills in what a network, quantized quickly, gives on samples."""
    quick = replace(recipe, rounding="nearest", fit_weights=False, guard=False)
    layers = quantize_layers(prepared.network, prepared.parameters, samples, quick)
    (trial,) = prepared.trials
    found = output_snr(prepared.network, layers.qualities)
    return replace(prepared, trials=(replace(trial, snr_db=found),))


def _find_best(tried: Sequence[Prepared]) -> Prepared:
    """The first of those with the best outputs."""
    return max(tried, key=lambda prepared: prepared.trials[0].snr_db)


def output_snr(network: Network, qualities: Sequence[LayerQuality]) -> float:
    """The SNR of the outputs in dB: of several, from the mean of their relative errors."""
    outputs = [q.snr_db for q in qualities if q.output in network.outputs]
    if not outputs:
        return math.inf  # the input itself
    error = sum(10 ** (-snr / 10) for snr in outputs) / len(outputs)
    return -10 * math.log10(error) if error else math.inf
