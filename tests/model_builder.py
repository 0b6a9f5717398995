"""A builder of small int8 models: random weights, sensible scales, equal bytes for equal calls.

b = ModelBuilder(seed=3)
x = b.input((8, 8, 4))
y = b.conv(b.pad(x, (1, 1, 1, 1)), 6, (3, 3), padding="VALID")
model = b.finish([b.maximum(y, b.channel_constant(y))])
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.window import window_extent, window_outputs, window_padding
from tinydeploy.quantize.tflite_writer import TfliteWriter

Pair = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Handle:
    """A tensor of a model in the making."""

    id: int
    shape: Shape
    scale: float
    zero_point: int


def initialize(writer: TfliteWriter, initial: Mapping[str, NDArray[np.generic]]) -> None:
    """A graph for CALL_ONCE to run, behind all others: it gives each variable its first values."""
    writer.start_graph()
    for name, values in initial.items():
        handle = writer.add_tensor(name, (), "resource")
        writer.add_op("VAR_HANDLE", [], [handle], {"SharedName": name})
        data = writer.add_tensor(
            f"{name}/first", values.shape, values.dtype.name, scales=[0.5], data=values
        )
        writer.add_op("ASSIGN_VARIABLE", [handle, data], [])


def add_lstm(
    writer: TfliteWriter,
    rng: np.random.Generator,
    x: Handle,
    output: Handle,
    *,
    inside: int | None = None,
    cell_log2: int = -11,
    gain: float = 1.0,
    hidden_scale: float = 1 / 128,
    **options: float,
) -> None:
    """A UNIDIRECTIONAL_SEQUENCE_LSTM of random weights between two tensors of three dimensions.

    A `gain` of 1 makes gates that seldom saturate; `inside` is the zero point of the fifth
    intermediate tensor, the output's by default, and `hidden_scale` its scale.
    """
    depth, units, kept = x.shape[2], output.shape[2], output.zero_point
    ids = [x.id]
    for size, scale in ((depth, x.scale), (units, output.scale)):
        for _ in range(4):
            values = rng.integers(-127, 128, (units, size)).astype(np.int8)
            each = float(np.float32(gain * rng.uniform(0.5, 1.5) / (127 * 128 * scale * size**0.5)))
            ids.append(
                writer.add_tensor("weights", values.shape, "int8", scales=[each], data=values)
            )
    ids += [-1] * 3
    for _ in range(4):
        values = rng.integers(-2000, 2000, units).astype(np.int32)
        ids.append(writer.add_tensor("bias", (units,), "int32", scales=[1e-4], data=values))
    ids += [-1] * 2
    state = {"scales": [output.scale], "zero_points": [kept], "variable": True}
    ids.append(writer.add_tensor("kept", (1, units), "int8", **state))
    ids.append(
        writer.add_tensor("cells", (1, units), "int16", scales=[2.0**cell_log2], variable=True)
    )
    ids += [-1] * 4
    inner = [writer.add_tensor("gate", (0,), "int16", scales=[2.0**-12]) for _ in range(4)]
    zero = kept if inside is None else inside
    inner.append(
        writer.add_tensor("hidden", (0,), "int8", scales=[hidden_scale], zero_points=[zero])
    )
    options = {"FusedActivationFunction": "TANH", **options}
    writer.add_op("UNIDIRECTIONAL_SEQUENCE_LSTM", ids, [output.id], options, intermediates=inner)


class ModelBuilder:
    """Adds operators one by one; every method returns the tensor that it writes.

    Scales and zero points of outputs are chosen so that the whole range is used and a few values
    saturate; `scale` and `zero_point` override them. While `dtype` is "int16", activations are of
    that, with zero points of 0, and biases are int64.
    """

    def __init__(self, seed: int = 0) -> None:
        self.dtype = "int8"
        self.rng = np.random.default_rng(seed)
        self.writer = TfliteWriter()
        self.inputs: list[int] = []

    def activation(self, shape: Shape, scale: float, zero_point: int, name: str = "") -> Handle:
        scale = float(np.float32(scale))
        name = name or f"t{self.rng.integers(1 << 30)}"
        zero_point = 0 if self.dtype == "int16" else zero_point
        tensor = self.writer.add_tensor(
            name, shape, self.dtype, scales=[scale], zero_points=[zero_point]
        )
        return Handle(tensor, tuple(shape), scale, zero_point)

    def input(self, shape: Sequence[int], scale: float = 0.05, zero_point: int = -3) -> Handle:
        """An input; `shape` without the batch."""
        handle = self.activation((1, *shape), scale, zero_point, f"input{len(self.inputs)}")
        self.inputs.append(handle.id)
        return handle

    def constant(
        self, data: NDArray[np.generic], scale: float | None = None, zero_point: int = 0
    ) -> int:
        scales = None if scale is None else [scale]
        zero_points = None if scale is None else [zero_point]
        name = f"c{self.rng.integers(1 << 30)}"
        return self.writer.add_tensor(
            name, data.shape, data.dtype.name, scales=scales, zero_points=zero_points, data=data
        )

    def conv(
        self,
        x: Handle,
        channels: int,
        kernel: Pair = (3, 3),
        *,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        padding: str = "SAME",
        activation: str = "NONE",
        bias: bool = True,
        per_channel: bool = True,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> Handle:
        weights = self._weights((channels, *kernel, x.shape[3]))
        shape = self._windowed(x, kernel, stride, dilation, padding, channels)
        return self._convolution(
            "CONV_2D", x, weights, 0, shape, math.prod(kernel) * x.shape[3], bias, per_channel,
            scale, zero_point, self._options(stride, dilation, padding, activation),
        )  # fmt: skip

    def depthwise(
        self,
        x: Handle,
        multiplier: int = 1,
        kernel: Pair = (3, 3),
        *,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        padding: str = "SAME",
        activation: str = "NONE",
        bias: bool = True,
        per_channel: bool = True,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> Handle:
        channels = x.shape[3] * multiplier
        weights = self._weights((1, *kernel, channels))
        shape = self._windowed(x, kernel, stride, dilation, padding, channels)
        options = self._options(stride, dilation, padding, activation)
        return self._convolution(
            "DEPTHWISE_CONV_2D", x, weights, 3, shape, math.prod(kernel), bias, per_channel,
            scale, zero_point, {**options, "DepthMultiplier": multiplier},
        )  # fmt: skip

    def fully_connected(
        self,
        x: Handle,
        channels: int,
        *,
        depth: int | None = None,
        activation: str = "NONE",
        bias: bool = True,
        per_channel: bool = False,
        keep_num_dims: bool = False,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> Handle:
        size = math.prod(x.shape)
        depth = depth or size
        shape = (*x.shape[:-1], channels) if keep_num_dims else (size // depth, channels)
        options = {"FusedActivationFunction": activation, "KeepNumDims": keep_num_dims}
        return self._convolution(
            "FULLY_CONNECTED", x, self._weights((channels, depth)), 0, shape, depth, bias,
            per_channel, scale, zero_point, options,
        )  # fmt: skip

    def binary(
        self,
        builtin: str,
        x: Handle,
        y: Handle | NDArray[np.int8],
        *,
        activation: str = "NONE",
        scale: float | None = None,
        zero_point: int | None = None,
        constant_scale: float | None = None,
        constant_zero_point: int | None = None,
        constant_first: bool = False,
    ) -> Handle:
        """ADD, SUB, MUL, MAXIMUM or MINIMUM; an array as the second operand is a constant."""
        alike = builtin in ("MAXIMUM", "MINIMUM")
        if isinstance(y, Handle):
            other, other_shape, other_scale = y.id, y.shape, y.scale
        else:
            default = x.scale if alike else 0.7 * x.scale
            other_scale = default if constant_scale is None else constant_scale
            default_zero = x.zero_point if alike else 5
            zero = default_zero if constant_zero_point is None else constant_zero_point
            other, other_shape = self.constant(y, other_scale, zero), y.shape
        if scale is None:
            scale = {
                "ADD": 0.8 * (x.scale + other_scale),
                "SUB": 0.8 * (x.scale + other_scale),
                "MUL": 100 * x.scale * other_scale,
            }.get(builtin, x.scale)
        if zero_point is None:
            zero_point = x.zero_point if alike else -7
        shape = tuple(np.broadcast_shapes(x.shape, other_shape))
        out = self.activation(shape, scale, zero_point)
        options = {} if alike else {"FusedActivationFunction": activation}
        operands = [other, x.id] if constant_first else [x.id, other]
        self.writer.add_op(builtin, operands, [out.id], options)
        return out

    def maximum(self, x: Handle, y: Handle | NDArray[np.int8]) -> Handle:
        return self.binary("MAXIMUM", x, y)

    def minimum(self, x: Handle, y: Handle | NDArray[np.int8]) -> Handle:
        return self.binary("MINIMUM", x, y)

    def channel_constant(self, x: Handle, low: int = -60, high: int = 20) -> NDArray[np.int8]:
        """One random int8 per channel of x, [1, 1, 1, C]."""
        return self.rng.integers(low, high, (1, 1, 1, x.shape[-1])).astype(np.int8)

    def pool(
        self,
        builtin: str,
        x: Handle,
        kernel: Pair = (2, 2),
        *,
        stride: Pair | None = None,
        padding: str = "VALID",
        activation: str = "NONE",
    ) -> Handle:
        """MAX_POOL_2D or AVERAGE_POOL_2D."""
        stride = stride or kernel
        shape = self._windowed(x, kernel, stride, (1, 1), padding, x.shape[3])
        out = self.activation(shape, x.scale, x.zero_point)
        options = self._options(stride, None, padding, activation)
        options |= {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
        self.writer.add_op(builtin, [x.id], [out.id], options)
        return out

    def mean(
        self,
        x: Handle,
        axes: Sequence[int] = (1, 2),
        *,
        keep_dims: bool = True,
        scale: float | None = None,
        zero_point: int | None = None,
    ) -> Handle:
        axes_ = self.constant(np.array(axes, np.int32))
        resolved = {axis % len(x.shape) for axis in axes}
        shape = tuple(
            1 if d in resolved else size
            for d, size in enumerate(x.shape)
            if keep_dims or d not in resolved
        )
        out = self.activation(
            shape,
            0.5 * x.scale if scale is None else scale,
            11 if zero_point is None else zero_point,
        )
        self.writer.add_op("MEAN", [x.id, axes_], [out.id], {"KeepDims": keep_dims})
        return out

    def pad(
        self,
        x: Handle,
        padding: tuple[int, int, int, int] = (1, 1, 1, 1),
        *,
        channels: Pair = (0, 0),
        value: int | None = None,
    ) -> Handle:
        """PAD by (top, left, bottom, right), or PADV2 where `value` (quantized) is given."""
        top, left, bottom, right = padding
        amounts = np.array([[0, 0], [top, bottom], [left, right], channels], np.int32)
        shape = tuple(int(s) for s in np.array(x.shape) + amounts.sum(axis=1))
        out = self.activation(shape, x.scale, x.zero_point)
        inputs = [x.id, self.constant(amounts)]
        if value is not None:
            inputs.append(self.constant(np.array([value], np.int8), x.scale, x.zero_point))
        self.writer.add_op("PAD" if value is None else "PADV2", inputs, [out.id], {})
        return out

    def reshape(self, x: Handle, shape: Sequence[int]) -> Handle:
        out = self.activation(tuple(shape), x.scale, x.zero_point)
        self.writer.add_op(
            "RESHAPE",
            [x.id, self.constant(np.array(shape, np.int32))],
            [out.id],
            {"NewShape": list(shape)},
        )
        return out

    def softmax(self, x: Handle, beta: float = 1.0) -> Handle:
        out = self.activation(x.shape, 1 / 256, -128)
        self.writer.add_op("SOFTMAX", [x.id], [out.id], {"Beta": beta})
        return out

    def lookup(
        self,
        builtin: str,
        x: Handle,
        *,
        scale: float | None = None,
        zero_point: int | None = None,
        alpha: float = 0.1,
    ) -> Handle:
        """LOGISTIC, TANH, HARD_SWISH, RELU, RELU6, RELU_N1_TO_1, LEAKY_RELU or QUANTIZE."""
        default = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(builtin, (x.scale, -9))
        out = self.activation(
            x.shape,
            default[0] if scale is None else scale,
            default[1] if zero_point is None else zero_point,
        )
        options = {"Alpha": alpha} if builtin == "LEAKY_RELU" else {}
        self.writer.add_op(builtin, [x.id], [out.id], options)
        return out

    def concatenation(self, inputs: Sequence[Handle], axis: int = 3) -> Handle:
        first = inputs[0]
        shape = list(first.shape)
        shape[axis] = sum(x.shape[axis] for x in inputs)
        out = self.activation(tuple(shape), first.scale, first.zero_point)
        self.writer.add_op("CONCATENATION", [x.id for x in inputs], [out.id], {"Axis": axis})
        return out

    def finish(
        self,
        outputs: Sequence[Handle],
        labels: Sequence[str] | None = None,
        metadata: Mapping[str, bytes] | None = None,
    ) -> bytes:
        ids = [out.id for out in outputs]
        return self.writer.finish(self.inputs, ids, labels=labels, metadata=metadata)

    def _weights(self, shape: Shape) -> NDArray[np.int8]:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def _windowed(
        self, x: Handle, kernel: Pair, stride: Pair, dilation: Pair, padding: str, channels: int
    ) -> Shape:
        sizes = []
        for d in (0, 1):
            extent = window_extent(kernel[d], dilation[d])
            before, after = window_padding(padding, x.shape[1 + d], extent, stride[d])
            sizes.append(window_outputs(x.shape[1 + d], before, after, extent, stride[d]))
        return (1, *sizes, channels)

    def _options(
        self, stride: Pair, dilation: Pair | None, padding: str, activation: str
    ) -> dict[str, int | str]:
        options: dict[str, int | str] = {
            "StrideH": stride[0],
            "StrideW": stride[1],
            "Padding": padding,
            "FusedActivationFunction": activation,
        }
        if dilation is not None:
            options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
        return options

    def _convolution(
        self,
        builtin: str,
        x: Handle,
        weights: NDArray[np.int8],
        axis: int,
        shape: Shape,
        taps: int,
        bias: bool,
        per_channel: bool,
        scale: float | None,
        zero_point: int | None,
        options: dict[str, int | str],
    ) -> Handle:
        channels = weights.shape[axis]
        weight_scales = self.rng.uniform(0.002, 0.02, channels if per_channel else 1)
        weight_scales = weight_scales.astype(np.float32)
        name = f"w{self.rng.integers(1 << 30)}"
        inputs = [
            x.id,
            self.writer.add_tensor(
                name, weights.shape, "int8", scales=weight_scales, axis=axis, data=weights
            ),
        ]
        accumulators = math.sqrt(taps) * 74 * 74  # standard deviation, of uniform int8 both
        if bias:
            values = (self.rng.normal(0, 0.5, channels) * accumulators).astype(np.int32)
            if self.dtype == "int16":
                values = values.astype(np.int64) << 8
            bias_scales = np.float32(x.scale) * weight_scales
            inputs.append(
                self.writer.add_tensor(
                    f"{name}/bias", values.shape, values.dtype.name, scales=bias_scales, data=values
                )
            )
        elif builtin == "FULLY_CONNECTED":
            inputs.append(-1)  # convolutions have no third input then, says the reference
        if scale is None:
            # Four standard deviations of the median channel fill the range.
            scale = accumulators * x.scale * float(np.median(weight_scales)) / 32
        out = self.activation(shape, scale, 4 if zero_point is None else zero_point)
        self.writer.add_op(builtin, inputs, [out.id], options)
        return out
