"""One convolution: integer weights and biases that give on samples what the float ones give.

Its inputs are what the quantized layers before it give, so that it makes up for their errors too:
in its weights, see tinydeploy.quantize.round_weights, and in its biases, from which the mean error
that remains in each channel is taken, counted where the float value lies within the channel's
bounds. Source: the empirical bias correction of Nagel et al., Data-Free Quantization Through Weight
Equalization and Bias Correction (ICCV 2019), here with the clamp taken into account.

With a guard, some of the samples are kept back to judge by: of several weights those win that do
best there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.activations import Integers, Parameters
from tinydeploy.quantize.evaluate import Values, clamp, convolve
from tinydeploy.quantize.layer_quality import ratio_db
from tinydeploy.quantize.network import Array, Conv
from tinydeploy.quantize.recipe import Recipe, Rounding
from tinydeploy.quantize.round_weights import (
    InputMoments,
    fit_weights,
    measure_inputs,
    reconstruct_weights,
    round_with_compensation,
)
from tinydeploy.quantize.weights import (
    QuantizedConv,
    choose_weight_scales,
    dequantize_weights,
    round_bias,
    round_to_nearest,
)

# Elements that one step of the evaluation works on, to keep temporaries small.
_CHUNK_VALUES = 4 << 20

# One sample of so many is kept back to judge by.
_JUDGES = 4


@dataclass(frozen=True, eq=False)
class ConvSamples:
    """A convolution with what it reads, of n samples.

    Args:
        conv: The convolution.
        source: Quantization of its input.
        target: Quantization of its output.
        exact: float32 [n, ..., I]: the float network's.
        coarse: int8 or int16 [n, ..., I]: the quantized network's.
    """

    conv: Conv
    source: Parameters
    target: Parameters
    exact: Values
    coarse: Integers

    def take(self, picked: slice | NDArray[np.intp]) -> ConvSamples:
        """Some of the samples."""
        return replace(self, exact=self.exact[picked], coarse=self.coarse[picked])

    def chunks(self, output_values: int) -> list[slice]:
        """Parts of the samples that take little memory; output_values is per sample."""
        step = max(1, _CHUNK_VALUES // max(self.exact[0].size, output_values))
        count = len(self.exact)
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def convolve_exact(self, part: slice = slice(None)) -> Values:
        """What the float layer gives before its bounds."""
        return convolve(self.conv, self.exact[part], self.conv.weights, self.conv.bias)

    def convolve_coarse(self, weights: Array, part: slice = slice(None)) -> Values:
        """What the quantized layer gives before its bounds, with the float bias."""
        inputs = self.source.dequantize(self.coarse[part])
        return convolve(self.conv, inputs, weights, self.conv.bias)


@dataclass(frozen=True)
class _Kind:
    """A way to find weights: fitted to what the layers before give or not, then rounded."""

    fitted: bool
    rounding: Rounding


_NEAREST = _Kind(False, "nearest")


@dataclass(frozen=True, eq=False)
class _Weights:
    integers: NDArray[np.int8]
    scales: Array

    @property
    def real(self) -> Array:
        return dequantize_weights(self.integers, self.scales)


@dataclass(frozen=True, eq=False)
class ConvResult:
    """A quantized convolution, and what it gives.

    Args:
        quantized: The integers.
        exact: float32 [n, ..., O]: the float network's output.
        coarse: int8 or int16 [n, ..., O]: the quantized network's.
        corrected_db: By how much the correction of the biases raised the output's SNR.
    """

    quantized: QuantizedConv
    exact: Values
    coarse: Integers
    corrected_db: float


def quantize_conv(
    samples: ConvSamples, output_shape: tuple[int, ...], recipe: Recipe
) -> ConvResult:
    """Quantizes a convolution.

    Args:
        samples: What it reads.
        output_shape: Of one sample, without the batch.
        recipe: What to do.
    """
    judges = _pick_judges(len(samples.exact), recipe)
    kept_back = samples.take(np.flatnonzero(judges))
    kinds = _list_kinds(recipe)
    moments = None
    if len(kinds) > 1 and judges.any() == recipe.guard:
        moments = _measure(samples, ~judges)
    if moments is None:  # too few samples to tell more
        kinds = [_NEAREST]
    weights = [_make_weights(samples, kind, moments) for kind in kinds]
    chosen = weights[-1]
    if recipe.guard and len(weights) > 1:
        losses = _judge_weights(kept_back, weights, math.prod(output_shape))
        best = int(np.argmin(losses))
        chosen = weights[best]
        if moments is not None and (others := _measure(samples, judges)) is not None:
            chosen = _make_weights(samples, kinds[best], moments + others)
    return _finish(samples, chosen, output_shape, recipe)


def _pick_judges(count: int, recipe: Recipe) -> NDArray[np.bool_]:
    """Which samples to judge by: every fourth, none without a guard."""
    if not recipe.guard:
        return np.zeros(count, np.bool_)
    return np.asarray(np.arange(count) % _JUDGES == _JUDGES - 1)


def _list_kinds(recipe: Recipe) -> list[_Kind]:
    """Ways to find weights, each with one remedy more than the one before."""
    kinds = [_NEAREST]
    if recipe.rounding != "nearest":
        kinds.append(_Kind(False, "compensated"))
    if recipe.fit_weights:
        kinds.append(_Kind(True, "nearest" if recipe.rounding == "nearest" else "compensated"))
    if recipe.rounding == "reconstructed":
        kinds.append(_Kind(recipe.fit_weights, "reconstructed"))
    return kinds


def _measure(samples: ConvSamples, picked: NDArray[np.bool_]) -> InputMoments | None:
    """The moments of what the convolution reads in some of the samples."""
    some = samples.take(np.flatnonzero(picked))
    coarse = (samples.source.dequantize(values) for values in some.coarse)
    return measure_inputs(samples.conv, coarse, some.exact, len(some.exact) / len(picked))


def _make_weights(samples: ConvSamples, kind: _Kind, moments: InputMoments | None) -> _Weights:
    conv = samples.conv
    if kind.fitted and moments is not None:
        conv = replace(conv, weights=fit_weights(conv.weights, moments))
    scales = choose_weight_scales(conv, samples.source, samples.target)
    if kind.rounding == "nearest" or moments is None:
        return _Weights(round_to_nearest(conv.weights, scales), scales)
    if kind.rounding == "compensated":
        return _Weights(round_with_compensation(conv.weights, scales, moments.gram), scales)
    return _Weights(*reconstruct_weights(conv.weights, scales, moments.gram))


def _judge_weights(
    samples: ConvSamples, variants: list[_Weights], output_values: int
) -> list[float]:
    """The squared error that each leaves in the output, mean errors made up for."""
    conv = samples.conv
    losses = np.zeros(len(variants))
    for part in samples.chunks(output_values):
        y = samples.convolve_exact(part)
        bounded = clamp(y, conv)
        inside = (y > conv.low) & (y < conv.high)
        counts = np.maximum(inside.sum(axis=_all_but_last(y)), 1)
        for k, weights in enumerate(variants):
            q = samples.convolve_coarse(weights.real, part)
            mean = np.where(inside, y - q, 0).sum(axis=_all_but_last(y), dtype=np.float64) / counts
            q = clamp(q + mean.astype(np.float32), conv)
            losses[k] += float(np.square(q - bounded).sum(dtype=np.float64))
    return losses.tolist()


def _finish(
    samples: ConvSamples,
    weights: _Weights,
    output_shape: tuple[int, ...],
    recipe: Recipe,
) -> ConvResult:
    """Corrects the biases and fills in what the layer gives."""
    conv, target = samples.conv, samples.target
    count = len(samples.exact)
    exact = np.empty((count, *output_shape), np.float32)
    accumulators = np.empty_like(exact)
    chunks = samples.chunks(exact[0].size)
    axes = tuple(range(1, exact.ndim - 1))
    sums = np.zeros((count, len(conv.bias)))
    counts = np.zeros((count, len(conv.bias)))
    for part in chunks:
        y = samples.convolve_exact(part)
        q = samples.convolve_coarse(weights.real, part)
        inside = (y > conv.low) & (y < conv.high)
        sums[part] = np.where(inside, y - q, 0).sum(axis=axes, dtype=np.float64)
        counts[part] = inside.sum(axis=axes)
        exact[part] = clamp(y, conv)
        accumulators[part] = q
    correction = np.zeros(len(conv.bias))
    if recipe.correct_bias:
        correction = _shrink_mean(sums, counts)
    coarse = np.empty(exact.shape, target.dtype)
    plain = corrected = 0.0
    for part in chunks:
        plain += _power(clamp(accumulators[part], conv) - exact[part])
        q = clamp(accumulators[part] + correction.astype(np.float32), conv)
        corrected += _power(q - exact[part])
        coarse[part] = target.quantize(q)
    bias = round_bias(conv.bias + correction, weights.scales, samples.source)
    quantized = QuantizedConv(weights.integers, weights.scales, bias)
    gain = ratio_db(plain, corrected) if plain else 0.0
    return ConvResult(quantized, exact, coarse, gain)


def _shrink_mean(sums: Array, counts: Array) -> Array:
    """The mean error of each channel [C], as far as it is certain.

    With the mean m of n samples and its standard error s, m is multiplied by 1 - s^2 / m^2 where
    that is positive (the positive part of James and Stein's estimator). One sample tells nothing.

    Args:
        sums: [n, C]: of the errors of each sample.
        counts: [n, C]: how many there are.
    """
    total = np.maximum(counts.sum(0), 1)
    mean = sums.sum(0) / total
    samples = (counts > 0).sum(0)
    # Of the mean of all values; samples weigh by their counts.
    squares = ((sums - counts * mean) ** 2).sum(0) / total**2
    variance = squares * samples / np.maximum(samples - 1, 1)
    part = 1 - variance / np.maximum(mean**2, np.finfo(float).tiny)
    return np.asarray(np.where(samples > 1, mean * np.maximum(part, 0), 0))


def _power(values: Values) -> float:
    return float(np.square(values).sum(dtype=np.float64))


def _all_but_last(values: Values) -> tuple[int, ...]:
    return tuple(range(values.ndim - 1))
