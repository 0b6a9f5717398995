"""Tensors and constants of a quantized network in the making of its .tflite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinydeploy.quantize.activations import Integers, Parameters
from tinydeploy.quantize.network import Array, Layer, Network, Shape
from tinydeploy.quantize.tflite_operators import OptionValue
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.quantize.weights import QuantizedConv

Bound = tuple[str, Integers]  # MAXIMUM or MINIMUM, and its constant per channel


class Emitter:
    """What functions that turn layers into operators work with.

    Args:
        network: Folded.
        parameters: Of every tensor.
        convolutions: By the name of their output.
    """

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, Parameters],
        convolutions: Mapping[str, QuantizedConv],
    ) -> None:
        self.writer = TfliteWriter()
        self.network = network
        self.parameters = parameters
        self.convolutions = convolutions
        self._ids: dict[str, int] = {}

    def tensor(self, name: str) -> int:
        """The id of an activation."""
        if name not in self._ids:
            self._ids[name] = self.add_activation(
                name, self.network.shapes[name], self.parameters[name]
            )
        return self._ids[name]

    def add(
        self,
        builtin: str,
        layer: Layer,
        *constants: int,
        options: Mapping[str, OptionValue] | None = None,
    ) -> None:
        """Adds a layer's operator: its inputs, then constants."""
        inputs = [*map(self.tensor, layer.inputs), *constants]
        self.writer.add_op(builtin, inputs, [self.tensor(layer.output)], options)

    def add_bounded(
        self,
        builtin: str,
        name: str,
        inputs: Sequence[int],
        bounds: tuple[Array | float, Array | float],
        options: Mapping[str, OptionValue],
    ) -> None:
        """An operator, and the bounds of its output: as an activation function, or behind it.

        Args:
            builtin: One that has a fused activation function.
            name: Of its output.
            inputs: Ids.
            bounds: Lower and upper, for all or [C].
            options: The others.
        """
        low, high = (np.atleast_1d(bound) for bound in bounds)
        fused = _fused_activation(low, high)
        found = [] if fused else self._find_bounds(name, low, high)
        if not found:
            options = {**options, "FusedActivationFunction": fused or "NONE"}
            self.writer.add_op(builtin, inputs, [self.tensor(name)], options)
            return
        shape, parameters = self.network.shapes[name], self.parameters[name]
        unbounded = self.add_activation(f"{name}/unbounded", shape, parameters)
        self.writer.add_op(builtin, inputs, [unbounded], options)
        self._ids[name] = self._add_bounds(name, unbounded, found)

    def add_clamp(self, name: str, source: str, low: Array, high: Array) -> None:
        """A tensor within bounds; the same tensor where its type has them anyway."""
        found = self._find_bounds(name, low, high)
        self._ids[name] = self._add_bounds(name, self.tensor(source), found)

    def add_activation(self, name: str, shape: Shape, parameters: Parameters) -> int:
        """A tensor that is computed."""
        return self.writer.add_tensor(
            name,
            shape,
            parameters.dtype,
            scales=parameters.scale,
            zero_points=parameters.zero_point,
        )

    def add_integers(self, name: str, values: object) -> int:
        """A constant of sizes, axes and the like."""
        data = np.array(values, np.int32)
        return self.writer.add_tensor(name, data.shape, "int32", data=data)

    def add_constant(self, name: str, values: Integers, parameters: Parameters) -> int:
        """A constant that activations are computed with."""
        return self.writer.add_tensor(
            name,
            values.shape,
            parameters.dtype,
            scales=parameters.scale,
            zero_points=parameters.zero_point,
            data=values,
        )

    def _find_bounds(self, name: str, low: Array, high: Array) -> list[Bound]:
        """The bounds of a tensor's integers that its type does not give anyway."""
        channels = self.network.channels(name)
        bounds = []
        limits = self.parameters[name].limits
        for builtin, bound, idle in zip(("MAXIMUM", "MINIMUM"), (low, high), limits, strict=True):
            real = np.broadcast_to(bound, channels).astype(np.float64)
            q = self.parameters[name].quantize(real)
            if (q != idle).any():
                bounds.append((builtin, q))
        return bounds

    def _add_bounds(self, name: str, source: int, bounds: Sequence[Bound]) -> int:
        """MAXIMUM and MINIMUM with constants; the result's id."""
        shape, parameters = self.network.shapes[name], self.parameters[name]
        for k, (builtin, q) in enumerate(bounds, 1):
            values = q.reshape((1,) * (len(shape) - 1) + q.shape)
            constant = self.add_constant(f"{name}/{builtin.lower()}", values, parameters)
            last = k == len(bounds)
            target = self.add_activation(name if last else f"{name}/below", shape, parameters)
            self.writer.add_op(builtin, [source, constant], [target])
            source = target
        return source


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
