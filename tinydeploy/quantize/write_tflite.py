"""From a quantized network to an int8 .tflite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.metadata import Normalization
from tinydeploy.quantize.network import (
    Add,
    Array,
    AveragePool,
    Clamp,
    Conv,
    Dense,
    MaxPool,
    Mean,
    Network,
    Pad,
    Padding,
    Pool,
    Reshape,
    Shape,
    Softmax,
    is_same_padding,
)
from tinydeploy.quantize.tflite_operators import OptionValue
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.quantize.weights import QuantizedConv

Bound = tuple[str, NDArray[np.int8]]  # MAXIMUM or MINIMUM, and its constant per channel


def write_network(
    network: Network,
    parameters: Mapping[str, Parameters],
    convolutions: Mapping[str, QuantizedConv],
    *,
    name: str,
    normalization: Normalization | None,
    labels: Sequence[str],
) -> bytes:
    """The .tflite file of a quantized network.

    Args:
        network: Folded: its convolutions have one group, or are depthwise.
        parameters: Of every tensor.
        convolutions: By the name of their output.
        name: Goes into the file's description.
        normalization: Of the input, for the metadata.
        labels: Of the output's channels; empty where there are none.
    """
    emitter = _Emitter(network, parameters, convolutions)
    for layer in network.layers:
        emitter.emit(layer)
    return emitter.writer.finish(
        [emitter.tensor(network.input)],
        [emitter.tensor(network.output)],
        description=name,
        normalization=normalization,
        labels=labels,
    )


class _Emitter:
    """Turns layers into operators."""

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, Parameters],
        convolutions: Mapping[str, QuantizedConv],
    ) -> None:
        self.writer = TfliteWriter()
        self._network = network
        self._parameters = parameters
        self._convolutions = convolutions
        self._ids: dict[str, int] = {}

    def tensor(self, name: str) -> int:
        """The id of an activation."""
        if name not in self._ids:
            self._ids[name] = self._add_activation(
                name, self._network.shapes[name], self._parameters[name]
            )
        return self._ids[name]

    def emit(self, layer: object) -> None:
        """Adds the operators of a layer."""
        if isinstance(layer, Dense):
            self._emit_dense(layer)
        elif isinstance(layer, Conv):
            self._emit_conv(layer)
        elif isinstance(layer, Add):
            self._emit_add(layer)
        elif isinstance(layer, Clamp):
            self._emit_clamp(layer)
        elif isinstance(layer, Pool):
            self._emit_pool(layer)
        elif isinstance(layer, Mean):
            axes = self._add_integers(f"{layer.output}/axes", [1, 2])
            keep = len(self._network.shapes[layer.output]) == 4
            inputs = [self.tensor(layer.inputs[0]), axes]
            self.writer.add_op("MEAN", inputs, [self.tensor(layer.output)], {"KeepDims": keep})
        elif isinstance(layer, Pad):
            target = self.tensor(layer.output)
            self._add_pad(layer.output, self.tensor(layer.inputs[0]), layer.padding, target)
        elif isinstance(layer, Reshape):
            shape = self._network.shapes[layer.output]
            inputs = [
                self.tensor(layer.inputs[0]),
                self._add_integers(f"{layer.output}/shape", shape),
            ]
            options: dict[str, OptionValue] = {"NewShape": shape}
            self.writer.add_op("RESHAPE", inputs, [self.tensor(layer.output)], options)
        elif isinstance(layer, Softmax):
            inputs = [self.tensor(layer.inputs[0])]
            self.writer.add_op("SOFTMAX", inputs, [self.tensor(layer.output)], {"Beta": 1.0})
        else:
            raise InternalError(f"no operator for {type(layer).__name__}")

    def _emit_conv(self, conv: Conv) -> None:
        (name,) = conv.inputs
        shape = self._network.shapes[name]
        source, padding = self.tensor(name), "VALID"
        if any(conv.padding):
            if is_same_padding(conv, shape):
                padding = "SAME"
            else:  # a stride of 2 pads on other sides in TFLite than in ONNX
                source = self._pad_input(conv.output, name, conv.padding)
        q = self._convolutions[conv.output]
        weights, axis = q.weights, 0
        if conv.is_depthwise:
            weights, axis = weights.transpose(3, 1, 2, 0), 3
        options: dict[str, OptionValue] = {
            "Padding": padding,
            "StrideH": conv.stride[0],
            "StrideW": conv.stride[1],
            "DilationHFactor": conv.dilation[0],
            "DilationWFactor": conv.dilation[1],
        }
        builtin = "CONV_2D"
        if conv.is_depthwise:
            builtin = "DEPTHWISE_CONV_2D"
            options["DepthMultiplier"] = len(conv.bias) // shape[3]
        inputs = [source, *self._add_weights(conv, q, weights, axis)]
        self._add_bounded(conv, builtin, inputs, options)

    def _emit_dense(self, dense: Dense) -> None:
        q = self._convolutions[dense.output]
        weights = self._add_weights(dense, q, q.weights[:, 0, 0, :], 0)
        self._add_bounded(dense, "FULLY_CONNECTED", [self.tensor(dense.inputs[0]), *weights], {})

    def _emit_add(self, add: Add) -> None:
        inputs = [self.tensor(name) for name in add.inputs]
        self._add_bounded(add, "ADD", inputs, {})

    def _emit_clamp(self, clamp: Clamp) -> None:
        bounds = self._find_bounds(clamp.output, clamp.low, clamp.high)
        source = self.tensor(clamp.inputs[0])
        self._ids[clamp.output] = self._add_bounds(clamp.output, source, bounds)

    def _emit_pool(self, pool: Pool) -> None:
        builtin = {MaxPool: "MAX_POOL_2D", AveragePool: "AVERAGE_POOL_2D"}[type(pool)]
        options: dict[str, OptionValue] = {
            "Padding": "SAME" if any(pool.padding) else "VALID",
            "StrideH": pool.stride[0],
            "StrideW": pool.stride[1],
            "FilterHeight": pool.kernel[0],
            "FilterWidth": pool.kernel[1],
        }
        inputs = [self.tensor(pool.inputs[0])]
        self.writer.add_op(builtin, inputs, [self.tensor(pool.output)], options)

    def _add_bounded(
        self,
        layer: Conv | Add,
        builtin: str,
        inputs: list[int],
        options: dict[str, OptionValue],
    ) -> None:
        """An operator, and the bounds of its output: as an activation function, or behind it."""
        name = layer.output
        low, high = np.atleast_1d(layer.low), np.atleast_1d(layer.high)
        fused = _fused_activation(low, high)
        bounds = [] if fused else self._find_bounds(name, low, high)
        if not bounds:
            options["FusedActivationFunction"] = fused or "NONE"
            self.writer.add_op(builtin, inputs, [self.tensor(name)], options)
            return
        shape, parameters = self._network.shapes[name], self._parameters[name]
        unbounded = self._add_activation(f"{name}/unbounded", shape, parameters)
        self.writer.add_op(builtin, inputs, [unbounded], options)
        self._ids[name] = self._add_bounds(name, unbounded, bounds)

    def _find_bounds(self, name: str, low: Array, high: Array) -> list[Bound]:
        """The bounds of a tensor's int8 values that its type does not give anyway."""
        channels = self._network.channels(name)
        bounds = []
        for builtin, bound, idle in (("MAXIMUM", low, -128), ("MINIMUM", high, 127)):
            real = np.broadcast_to(bound, channels).astype(np.float64)
            q = self._parameters[name].quantize(real)
            if (q != idle).any():
                bounds.append((builtin, q))
        return bounds

    def _add_bounds(self, name: str, source: int, bounds: Sequence[Bound]) -> int:
        """MAXIMUM and MINIMUM with constants; the result's id."""
        shape, parameters = self._network.shapes[name], self._parameters[name]
        for k, (builtin, q) in enumerate(bounds, 1):
            constant = self.writer.add_tensor(
                f"{name}/{builtin.lower()}",
                (1,) * (len(shape) - 1) + q.shape,
                "int8",
                scales=parameters.scale,
                zero_points=parameters.zero_point,
                data=q.reshape((1,) * (len(shape) - 1) + q.shape),
            )
            last = k == len(bounds)
            target = self._add_activation(name if last else f"{name}/below", shape, parameters)
            self.writer.add_op(builtin, [source, constant], [target])
            source = target
        return source

    def _add_activation(self, name: str, shape: Shape, parameters: Parameters) -> int:
        return self.writer.add_tensor(
            name, shape, "int8", scales=parameters.scale, zero_points=parameters.zero_point
        )

    def _add_integers(self, name: str, values: Sequence[int]) -> int:
        data = np.array(values, np.int32)
        return self.writer.add_tensor(name, data.shape, "int32", data=data)

    def _add_weights(
        self, conv: Conv, q: QuantizedConv, weights: NDArray[np.int8], axis: int
    ) -> tuple[int, int]:
        weights_id = self.writer.add_tensor(
            f"{conv.output}/weights",
            weights.shape,
            "int8",
            scales=q.scales,
            axis=axis,
            data=weights,
        )
        # In float32, as the reference checks it: input scale times weight scale.
        scale = np.float32(self._parameters[conv.inputs[0]].scale)
        bias_scales = scale * q.scales.astype(np.float32)
        bias_id = self.writer.add_tensor(
            f"{conv.output}/bias", q.bias.shape, "int32", scales=bias_scales, data=q.bias
        )
        return weights_id, bias_id

    def _pad_input(self, name: str, source: str, padding: Padding) -> int:
        n, h, w, c = self._network.shapes[source]
        top, left, bottom, right = padding
        shape = (n, h + top + bottom, w + left + right, c)
        target = self._add_activation(f"{name}/padded", shape, self._parameters[source])
        self._add_pad(name, self.tensor(source), padding, target)
        return target

    def _add_pad(self, name: str, source: int, padding: Padding, target: int) -> None:
        top, left, bottom, right = padding
        data = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        amounts = self.writer.add_tensor(f"{name}/paddings", data.shape, "int32", data=data)
        self.writer.add_op("PAD", [source, amounts], [target])


def _fused_activation(low: Array, high: Array) -> str | None:
    """The activation function that gives these bounds; None where there is none."""
    if (low == 0).all() and (high == 6).all():
        return "RELU6"
    if np.isposinf(high).all():
        if (low == 0).all():
            return "RELU"
        if np.isneginf(low).all():
            return "NONE"
    return None
