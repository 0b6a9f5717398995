"""Post-training quantization, as one sequence: a float model in, an int8 .tflite out.

read ONNX -> fold -> calibrate -> equalize -> choose ranges -> quantize, correct -> write
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.model.float_model import FloatModel, Preprocessing
from tinydeploy.quantize.activations import Parameters, choose_parameters
from tinydeploy.quantize.calibrate import calibrate_network
from tinydeploy.quantize.correct import quantize_convolutions
from tinydeploy.quantize.equalize import equalize_network
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.lower_quantized import lower_quantized
from tinydeploy.quantize.metadata import describe_preprocessing
from tinydeploy.quantize.network import Network
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.quantize.statistics import TensorStatistics
from tinydeploy.quantize.write_tflite import write_network

# Calibration inputs that biases are corrected with: as many as the memory is spent on.
CORRECTION_SAMPLES = 96


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
        calibration_inputs: Number of inputs that ranges were measured with.
        seconds: What each step took, by its name.
    """

    tflite: bytes
    ranges: tuple[TensorRange, ...]
    calibration_inputs: int
    seconds: dict[str, float]


def quantize_model(
    model: FloatModel, *, progress: Callable[[str, float], None] | None = None
) -> QuantizedModel:
    """Quantizes a float network to int8, weights per channel, activations per tensor.

    The same model and calibration data give the same bytes. A model that brings its own scales
    along (QDQ ONNX) needs no calibration data, and none are used.

    Args:
        model: With calibration inputs.
        progress: Told the step's name and the part of it that is done, 0 to 1.

    Raises:
        InputFileError: The ONNX bytes are no valid model, or there are no calibration inputs.
        UnsupportedModelError: Nodes that cannot be quantized, all of them named.
        MissingDependencyError: onnx or onnxruntime is not installed.
    """
    clock = _Clock(progress)
    network = fold_network(read_onnx(model.onnx, model.input_shape, model.name))
    _check_labels(model, network)
    if network.given:
        return QuantizedModel(_write_given(model, network), (), 0, clock.finish())
    if not len(model.calibration):
        raise InputFileError(f"{model.name} has no calibration inputs", "Give some with --data.")

    clock.begin("calibrate")
    histograms = calibrate_network(
        model.onnx,
        _observed_tensors(network),
        model.calibration,
        clock.tell,
        network.channels_second,
    )
    statistics = {n: TensorStatistics.from_histogram(h) for n, h in histograms.items()}

    clock.begin("choose ranges")
    network, statistics = equalize_network(network, statistics)
    parameters = choose_parameters(network, statistics, _input_parameters(model))

    clock.begin("quantize weights")
    picked = _pick_evenly(len(model.calibration), CORRECTION_SAMPLES)
    samples = network.store_inputs(model.calibration[picked])
    convolutions = quantize_convolutions(network, parameters, samples, clock.tell)

    clock.begin("write")
    tflite = write_network(
        network,
        parameters,
        convolutions,
        name=model.name,
        normalization=describe_preprocessing(model.preprocessing, model.input_shape),
        labels=model.labels,
    )
    ranges = tuple(_describe_range(n, parameters[n], s) for n, s in statistics.items())
    return QuantizedModel(tflite, ranges, len(model.calibration), clock.finish())


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
    )


def input_parameters(preprocessing: Preprocessing) -> Parameters:
    """The input's quantization: the pixel minus 128 exactly where the preprocessing allows it."""
    exact = preprocessing.int8_quantization
    if exact is not None:
        return Parameters(float(np.float32(exact[0])), exact[1])
    return Parameters.from_range(*preprocessing.value_range)


def _input_parameters(model: FloatModel) -> Parameters:
    """As pictures want it, or the range of the calibration inputs where they are none."""
    if model.preprocessing is None:
        inputs = model.calibration
        return Parameters.from_range(float(inputs.min()), float(inputs.max()))
    return input_parameters(model.preprocessing)


class _Clock:
    """Measures the steps and tells how far they are."""

    def __init__(self, progress: Callable[[str, float], None] | None) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self.begin("read")

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


def _pick_evenly(available: int, wanted: int) -> list[int]:
    count = min(available, wanted)
    return [k * available // count for k in range(count)]


def _check_labels(model: FloatModel, network: Network) -> None:
    outputs = network.channels(network.output)
    if model.labels and len(model.labels) != outputs:
        raise UnsupportedModelError(
            f"{model.name} has {outputs} outputs and {len(model.labels)} labels",
            "Give one label per output, or none.",
        )


def _describe_range(name: str, parameters: Parameters, stats: TensorStatistics) -> TensorRange:
    low = parameters.scale * (-128 - parameters.zero_point)
    high = parameters.scale * (127 - parameters.zero_point)
    return TensorRange(name, low, high, *stats.range)
