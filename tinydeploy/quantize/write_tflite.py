"""From a quantized network to an int8 .tflite file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinydeploy.detection.spec import METADATA_NAME, DetectionSpec
from tinydeploy.errors import InternalError
from tinydeploy.quantize import emit_convolution, emit_elementwise, emit_move
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.emitter import Emitter
from tinydeploy.quantize.metadata import Normalization
from tinydeploy.quantize.network import (
    Activation,
    Binary,
    Clamp,
    Concat,
    Conv,
    Dense,
    Extremum,
    Gather,
    Layer,
    Mean,
    Network,
    Pad,
    Pool,
    PRelu,
    Requantize,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Transpose,
    TransposeConv,
    WithConstant,
)
from tinydeploy.quantize.weights import QuantizedConv

# By kind of layer; the first that fits, so kinds of a kind stand in front of it.
_EMITTERS: tuple[tuple[type[Layer], Callable[[Emitter, Any], None]], ...] = (
    (Activation, emit_elementwise.emit_activation),
    (Binary, emit_elementwise.emit_binary),
    (Clamp, lambda emitter, c: emitter.add_clamp(c.output, c.inputs[0], c.low, c.high)),
    (Concat, emit_move.emit_concat),
    (Dense, emit_convolution.emit_dense),
    (TransposeConv, emit_convolution.emit_transpose_conv),
    (Conv, emit_convolution.emit_conv),
    (Extremum, lambda emitter, layer: emitter.add(layer.kind, layer)),
    (Gather, emit_move.emit_gather),
    (Mean, emit_move.emit_mean),
    (Pad, emit_move.emit_pad),
    (Pool, emit_move.emit_pool),
    (PRelu, emit_elementwise.emit_prelu),
    (Requantize, lambda emitter, layer: emitter.add("QUANTIZE", layer)),
    (Reshape, emit_move.emit_reshape),
    (Resize, emit_move.emit_resize),
    (Slice, emit_move.emit_slice),
    (Softmax, emit_move.emit_softmax),
    (Transpose, emit_move.emit_transpose),
    (WithConstant, emit_elementwise.emit_with_constant),
)


def write_network(
    network: Network,
    parameters: Mapping[str, Parameters],
    convolutions: Mapping[str, QuantizedConv],
    *,
    name: str,
    normalization: Normalization | None,
    labels: Sequence[str],
    detection: DetectionSpec | None = None,
) -> bytes:
    """The .tflite file of a quantized network.

    Args:
        network: Folded.
        parameters: Of every tensor.
        convolutions: By the name of their output.
        name: Goes into the file's description.
        normalization: Of the input, for the metadata.
        labels: Of the first output's channels; empty where there are none.
        detection: What a detector's outputs mean.
    """
    emitter = Emitter(network, parameters, convolutions)
    source = emitter.tensor(network.input)
    for layer in network.layers:
        _emit(emitter, layer)
    return emitter.writer.finish(
        [source],
        [emitter.tensor(output) for output in network.outputs],
        description=name,
        metadata={} if detection is None else {METADATA_NAME: detection.to_json().encode()},
        normalization=normalization,
        labels=labels,
    )


def _emit(emitter: Emitter, layer: Layer) -> None:
    """Adds the operators of a layer."""
    for kind, emit in _EMITTERS:
        if isinstance(layer, kind):
            emit(emitter, layer)
            return
    raise InternalError(f"no operator for {type(layer).__name__}")
