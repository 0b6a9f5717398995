"""Post-training quantization, as one sequence: a float model in, an int8 .tflite out.

read ONNX -> fold -> calibrate -> equalize -> choose ranges -> quantize, correct -> write
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.model.float_model import FloatModel, Preprocessing
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.calibrate import Calibration, calibrate_network, pick_evenly
from tinydeploy.quantize.cost import Mixing
from tinydeploy.quantize.evaluate import Values
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.layer_quality import LayerQuality
from tinydeploy.quantize.lower_quantized import lower_quantized
from tinydeploy.quantize.metadata import describe_preprocessing
from tinydeploy.quantize.mix import Mixed, Mixer
from tinydeploy.quantize.network import Network
from tinydeploy.quantize.prepare import Prepared, Trial, prepare_network
from tinydeploy.quantize.propagate import quantize_layers
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.quantize.recipe import EFFORTS, Recipe
from tinydeploy.quantize.statistics import TensorStatistics
from tinydeploy.quantize.write_tflite import write_network

# Samples that ranges are tried on.
TRIAL_SAMPLES = 16

# Memory for the activations of samples.
_SAMPLE_BYTES = 900 << 20
_LEAST_SAMPLES = 8

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class TensorRange:
    """The range that int8 covers of a tensor, and what calibration saw.

    Args:
        name: The tensor's name in the ONNX model and in the .tflite.
        low: Real number that -128 stands for.
        high: Real number that 127 stands for.
        seen_low: Least value seen (after equalization).
        seen_high: Greatest value seen.
    """

    name: str
    low: float
    high: float
    seen_low: float
    seen_high: float


@dataclass(frozen=True, eq=False)
class QuantizedModel:
    """An int8 model.

    Args:
        tflite: The file.
        ranges: Of the tensors that were calibrated, in the network's order.
        layers: How close each layer is to the float network, in order.
        trials: Ways to choose ranges that were tried, the chosen one last.
        calibration_inputs: Number of inputs that ranges were measured with.
        seconds: What each step took, by its name.
        mixed: Which layers got int16 activations; None where that was not asked for.
    """

    tflite: bytes
    ranges: tuple[TensorRange, ...]
    layers: tuple[LayerQuality, ...]
    trials: tuple[Trial, ...]
    calibration_inputs: int
    seconds: dict[str, float]
    mixed: Mixed | None = None


@dataclass(frozen=True, eq=False)
class CalibratedModel:
    """A float network and what calibration found out about it: whatever recipes start from.

    Args:
        model: The float model.
        network: Folded.
        calibration: Statistics and samples.
        input_parameters: Quantization of the input.
        samples: The calibration's, float32 [n, H, W, C] or [n, C].
    """

    model: FloatModel
    network: Network
    calibration: Calibration
    input_parameters: Parameters
    samples: Values


def quantize_model(
    model: FloatModel,
    recipe: Recipe = EFFORTS["normal"],
    *,
    calibration: Iterable[NDArray[np.floating]] | None = None,
    mixing: Mixing | None = None,
    progress: Progress | None = None,
) -> QuantizedModel:
    """Quantizes a float network to int8, weights per channel, activations per tensor.

    The same model and calibration data give the same bytes. A model that brings its own scales
    along (QDQ ONNX) needs no calibration data, and none are used.

    Args:
        model: With calibration inputs.
        recipe: What to do against the loss of accuracy.
        calibration: Other calibration inputs than the model's, which are read once, one by one:
            each float32, of the input's shape without the batch.
        mixing: What int16 activations may add; None for int8 everywhere.
        progress: Told the step's name and the part of it that is done, 0 to 1.

    Raises:
        InputFileError: The ONNX bytes are no valid model, or there are no usable calibration
            inputs.
        UnsupportedModelError: Nodes that cannot be quantized, all of them named.
        MissingDependencyError: onnx or onnxruntime is not installed.
    """
    clock = _Clock(progress)
    clock.begin("read")
    network = _read_network(model)
    if network.given:
        if mixing is not None:
            raise UnsupportedModelError(
                f"{model.name} brings its own scales along, all of them for int8",
                "Leave --mixed out, or give the float model that it was made from.",
            )
        return QuantizedModel(_write_given(model, network), (), (), (), 0, clock.finish())
    calibrated = _calibrate(model, network, recipe.samples, calibration, clock)
    return _apply(calibrated, recipe, mixing, clock)


def calibrate_model(model: FloatModel, samples: int) -> CalibratedModel:
    """What all recipes share, for those who apply several.

    Args:
        model: With calibration inputs.
        samples: Number of calibration inputs, at most, to keep for later steps.

    Raises:
        UnsupportedModelError: The model brings its own scales along.
        TinydeployError: As quantize_model.
    """
    network = _read_network(model)
    if network.given:
        raise UnsupportedModelError(
            f"{model.name} brings its own scales along: there is nothing to choose",
            "Give the float model that it was made from.",
        )
    return _calibrate(model, network, samples, None, _Clock(None))


def apply_recipe(
    calibrated: CalibratedModel, recipe: Recipe, mixing: Mixing | None = None
) -> QuantizedModel:
    """Quantizes a calibrated model, which stays as it is.

    Args:
        calibrated: The model.
        recipe: What to do against the loss of accuracy.
        mixing: What int16 activations may add; None for int8 everywhere.
    """
    return _apply(calibrated, recipe, mixing, _Clock(None))


def _read_network(model: FloatModel) -> Network:
    network = fold_network(read_onnx(model.onnx, model.input_shape, model.name))
    _check_labels(model, network)
    return network


def _calibrate(
    model: FloatModel,
    network: Network,
    samples: int,
    calibration: Iterable[NDArray[np.floating]] | None,
    clock: _Clock,
) -> CalibratedModel:
    clock.begin("calibrate")
    found = calibrate_network(
        model.onnx,
        _observed_tensors(network),
        model.calibration if calibration is None else calibration,
        model.input_shape,
        min(samples, count_samples(network)),
        clock.tell,
        network.channels_second,
    )
    if model.preprocessing is None:
        parameters = Parameters.from_range(*found.input_range)
    else:
        parameters = input_parameters(model.preprocessing)
    stored = network.store_inputs(found.samples)
    return CalibratedModel(model, network, found, parameters, stored)


def _apply(
    calibrated: CalibratedModel, recipe: Recipe, mixing: Mixing | None, clock: _Clock
) -> QuantizedModel:
    clock.begin("choose ranges")
    prepared = prepare_network(
        calibrated.network,
        calibrated.calibration.statistics,
        calibrated.input_parameters,
        pick_evenly(calibrated.samples, TRIAL_SAMPLES),
        recipe,
        clock.tell,
    )
    if mixing is None:
        return _finish(calibrated, prepared, recipe, clock)
    clock.begin("choose int16 layers")
    samples = pick_evenly(calibrated.samples, recipe.samples)
    quantized, mixed = Mixer(prepared, mixing).mix(
        samples, recipe, lambda choice: _finish(calibrated, choice, recipe, clock)
    )
    return replace(quantized, mixed=mixed)


def _finish(
    calibrated: CalibratedModel, prepared: Prepared, recipe: Recipe, clock: _Clock
) -> QuantizedModel:
    """Rounds weights and writes the file."""
    model, network, parameters = calibrated.model, prepared.network, prepared.parameters
    clock.begin("quantize weights")
    samples = pick_evenly(calibrated.samples, recipe.samples)
    layers = quantize_layers(network, parameters, samples, recipe, clock.tell)

    clock.begin("write")
    tflite = write_network(
        network,
        parameters,
        layers.convolutions,
        name=model.name,
        normalization=describe_preprocessing(model.preprocessing, model.input_shape),
        labels=model.labels,
        detection=model.detection,
    )
    return QuantizedModel(
        tflite,
        tuple(_describe_range(n, parameters[n], s) for n, s in prepared.statistics.items()),
        layers.qualities,
        prepared.trials,
        calibrated.calibration.inputs,
        clock.finish(),
    )


def _write_given(model: FloatModel, network: Network) -> bytes:
    """The .tflite file of a model that brings its own scales along."""
    lowered = lower_quantized(network, model.name)
    return write_network(
        lowered.network,
        lowered.parameters,
        lowered.convolutions,
        name=model.name,
        normalization=describe_preprocessing(model.preprocessing, model.input_shape),
        labels=model.labels,
        detection=model.detection,
    )


def input_parameters(preprocessing: Preprocessing) -> Parameters:
    """The input's quantization: the pixel minus 128 exactly where the preprocessing allows it."""
    exact = preprocessing.int8_quantization
    if exact is not None:
        return Parameters(float(np.float32(exact[0])), exact[1])
    return Parameters.from_range(*preprocessing.value_range)


class _Clock:
    """Measures the steps and tells how far they are."""

    def __init__(self, progress: Callable[[str, float], None] | None) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}

    def begin(self, step: str) -> None:
        self._end()
        self._step = step
        self._start = time.perf_counter()
        self.tell(0.0)

    def tell(self, part: float) -> None:
        if self._progress is not None:
            self._progress(self._step, part)

    def finish(self) -> dict[str, float]:
        self._end()
        return self._seconds

    def _end(self) -> None:
        if hasattr(self, "_step"):
            self._seconds[self._step] = time.perf_counter() - self._start
            self.tell(1.0)


def _observed_tensors(network: Network) -> dict[str, int]:
    """The tensors to calibrate with their sizes: those whose range is not given anyway."""
    return {
        layer.output: int(np.prod(network.shapes[layer.output]))
        for layer in network.layers
        if layer.fixed_quantization is None
    }


def count_samples(network: Network) -> int:
    """How many samples' activations fit the memory that is spent on them, at least a few."""
    # At a layer: input and output as float32 and int8, and the accumulators.
    largest = max(
        14
        * (
            math.prod(network.shapes[layer.output])
            + sum(math.prod(network.shapes[n]) for n in layer.inputs)
        )
        for layer in network.layers
    )
    return max(_LEAST_SAMPLES, _SAMPLE_BYTES // max(largest, 1))


def _check_labels(model: FloatModel, network: Network) -> None:
    outputs = network.channels(network.output)
    if model.labels and len(model.labels) != outputs:
        raise UnsupportedModelError(
            f"{model.name} has {outputs} outputs and {len(model.labels)} labels",
            "Give one label per output, or none.",
        )


def _describe_range(name: str, parameters: Parameters, stats: TensorStatistics) -> TensorRange:
    low, high = (parameters.scale * (q - parameters.zero_point) for q in parameters.limits)
    return TensorRange(name, low, high, *stats.range)
