"""The float network between ONNX and TFLite: a list of layers in NHWC terms.

Tensors have names (those of the ONNX model, so that they can be observed there) and shapes with a
batch of one: [1, H, W, C], [1, C] for vectors, others where a network asks for them. The last axis
is the channels' everywhere. Nothing is changed in place: a rewrite makes new layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.view import View

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True, eq=False)
class Layer:
    """Reads the tensors `inputs`, writes the tensor `output`.

    Attributes:
        hands_on: It hands on int8 values: TFLite wants one quantization for inputs and output.
        averages: What it hands on are means: its inputs must not saturate where they need not.
    """

    inputs: tuple[str, ...]
    output: str

    hands_on: ClassVar[bool] = False
    averages: ClassVar[bool] = False

    @property
    def fixed_quantization(self) -> tuple[float, int] | None:
        """The output's scale and zero point, where TFLite fixes them."""
        return None

    @property
    def bounds(self) -> tuple[float, float]:
        """What the output cannot exceed."""
        return -np.inf, np.inf

    @property
    def scales_with_inputs(self) -> bool:
        """Whether channel c times k[c] > 0 in every input gives channel c times k[c] in the output.

        Of layers with bounds, where those are scaled likewise.
        """
        return False


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Convolution, then each channel clamped to [low, high].

    Args:
        weights: [O, KH, KW, I / groups].
        bias: [O].
        low: [O], -inf where there is no bound; the bounds of the output, in real units.
        high: [O], +inf where there is no bound.
        stride: (h, w).
        dilation: (h, w).
        padding: Zeros around the input: top, left, bottom, right.
        groups: Number of groups; as many as input channels for a depthwise convolution.
        scales: [O], those of int8 weights that the model brings along: weights / scales are whole
            numbers. None where they are to be chosen.
    """

    weights: Array
    bias: Array
    low: Array
    high: Array
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    groups: int = 1
    scales: Array | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The widest of the channels' bounds."""
        return float(np.min(self.low)), float(np.max(self.high))

    @property
    def kernel(self) -> Pair:
        """(h, w)."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def is_depthwise(self) -> bool:
        """Whether every group has one input channel."""
        return self.weights.shape[3] == 1 and self.groups > 1


@dataclass(frozen=True, eq=False)
class Dense(Conv):
    """Fully-connected layer on a vector: a Conv whose weights are [O, 1, 1, I]."""


@dataclass(frozen=True, eq=False)
class TransposeConv(Conv):
    """Every input pixel times the kernel is added to the output, `stride` apart.

    The first `padding` rows and columns of all that are cut off, and those beyond `size`; what the
    kernels do not reach is the bias. One group, no dilation.
    """

    size: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class Affine(Layer):
    """Per channel: scale * x + shift. Folding removes it from every network."""

    scale: Array
    shift: Array


@dataclass(frozen=True, eq=False)
class Clamp(Layer):
    """Each channel clamped to [low, high]; both [C], infinite where there is no bound."""

    low: Array
    high: Array

    hands_on: ClassVar[bool] = True

    @property
    def bounds(self) -> tuple[float, float]:
        """The widest of the channels' bounds."""
        return float(np.min(self.low)), float(np.max(self.high))

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class Binary(Layer):
    """Two tensors that broadcast to the output, which is clamped to [low, high]."""

    low: float = -np.inf
    high: float = np.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """The clamp."""
        return self.low, self.high

    @property
    def _is_bounded(self) -> bool:
        """Whether a bound other than 0 holds for all channels alike."""
        return any(bound != 0 and np.isfinite(bound) for bound in (self.low, self.high))


@dataclass(frozen=True, eq=False)
class Add(Binary):
    """The sum."""

    @property
    def scales_with_inputs(self) -> bool:
        """Where no bound is one for all channels."""
        return not self._is_bounded


@dataclass(frozen=True, eq=False)
class Sub(Binary):
    """The first less the second."""

    @property
    def scales_with_inputs(self) -> bool:
        """Where no bound is one for all channels."""
        return not self._is_bounded


@dataclass(frozen=True, eq=False)
class Mul(Binary):
    """The product."""


@dataclass(frozen=True, eq=False)
class Extremum(Layer):
    """The greater, or the less, of two tensors that broadcast to the output."""

    kind: Literal["MAXIMUM", "MINIMUM"]

    hands_on: ClassVar[bool] = True

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class WithConstant(Layer):
    """The input x and a constant c that broadcasts to its shape, of its rank.

    Args:
        kind: x + c, x * c or c - x.
        value: c.
    """

    kind: Literal["ADD", "MUL", "SUB"]
    value: Array


@dataclass(frozen=True, eq=False)
class Activation(Layer):
    """A function of each number.

    Args:
        kind: As in TFLite's schema; GELU_TANH is GELU with `Approximate`.
        alpha: Slope of LEAKY_RELU below zero.
    """

    kind: Literal["ABS", "EXP", "GELU", "GELU_TANH", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "TANH"]
    alpha: float = 0.0

    @property
    def fixed_quantization(self) -> tuple[float, int] | None:
        """LOGISTIC covers [0, 1), TANH [-1, 1)."""
        return {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(self.kind)

    @property
    def bounds(self) -> tuple[float, float]:
        """Of those functions that have bounds."""
        limits = {"ABS": (0.0, np.inf), "EXP": (0.0, np.inf), "HARD_SWISH": (-0.375, np.inf)}
        return limits.get(self.kind, (-np.inf, np.inf))

    @property
    def scales_with_inputs(self) -> bool:
        """Where it is linear on each side of zero."""
        return self.kind in ("ABS", "LEAKY_RELU")


@dataclass(frozen=True, eq=False)
class PRelu(Layer):
    """Negative numbers times the channel's slope [C]."""

    slope: Array

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class Pool(Layer):
    """What pools over windows have in common; padding counts neither as value nor in the mean."""

    kernel: Pair
    stride: Pair
    padding: Padding

    hands_on: ClassVar[bool] = True

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class MaxPool(Pool):
    """The greatest value in each window."""


@dataclass(frozen=True, eq=False)
class AveragePool(Pool):
    """The mean of each window."""

    averages: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Mean(Layer):
    """The mean over some axes, which stay as 1 or go, as the output's shape says."""

    axes: tuple[int, ...] = (1, 2)

    @property
    def scales_with_inputs(self) -> bool:
        """Where it averages over height and width."""
        return self.axes == (1, 2)


@dataclass(frozen=True, eq=False)
class Pad(Layer):
    """A value around the input; `value` may be -inf, which is the least that int8 can stand for.

    Args:
        amounts: (before, behind) of each axis.
    """

    amounts: tuple[Pair, ...]
    value: float = 0.0

    hands_on: ClassVar[bool] = True

    @property
    def padding(self) -> Padding | None:
        """The rows and columns of zeros; None where it pads otherwise."""
        if len(self.amounts) != 4 or any((*self.amounts[0], *self.amounts[3])) or self.value != 0:
            return None
        (top, bottom), (left, right) = self.amounts[1:3]
        return top, left, bottom, right

    @property
    def scales_with_inputs(self) -> bool:
        """Where it leaves the channels as they are."""
        return not any(self.amounts[-1]) and self.value in (0, -np.inf)


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """The same numbers in the same order in another shape."""

    hands_on: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Transpose(Layer):
    """Axis k of the output is axis order[k] of the input."""

    order: tuple[int, ...]

    hands_on: ClassVar[bool] = True

    @property
    def scales_with_inputs(self) -> bool:
        """Where the channels stay last."""
        return self.order[-1] == len(self.order) - 1


@dataclass(frozen=True, eq=False)
class Concat(Layer):
    """The inputs one behind the other along an axis."""

    axis: int

    hands_on: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Slice(Layer):
    """Of each axis the elements start, start + step, ... before stop, all of them in the axis."""

    ranges: tuple[range, ...]

    hands_on: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Gather(Layer):
    """Of one axis the elements `indices`."""

    axis: int
    indices: tuple[int, ...]

    hands_on: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Resize(Layer):
    """Another height and width, as TFLite's operator of that kind makes them."""

    kind: Literal["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"]
    align_corners: bool
    half_pixel: bool

    hands_on: ClassVar[bool] = True
    averages: ClassVar[bool] = True

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class Requantize(Layer):
    """The same numbers in another quantization."""

    @property
    def scales_with_inputs(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, eq=False)
class Softmax(Layer):
    """Softmax over the channels."""

    @property
    def fixed_quantization(self) -> tuple[float, int] | None:
        """It covers [0, 1)."""
        return 1 / 256, -128


LayerType = TypeVar("LayerType", bound=Layer)


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in executable order; one input, one or more outputs.

    Args:
        input: Name of the input tensor.
        outputs: Names of the output tensors.
        layers: Each reads the input or outputs of earlier layers.
        shapes: Of every tensor.
        views: How tensors are seen in the ONNX model; those left out are not in it, or are seen
            as they are, channels at axis 1.
        output_views: How the outputs are seen in the ONNX model.
        given: Scale and zero point of tensors for which the model tells them.
    """

    input: str
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]
    shapes: Mapping[str, Shape]
    views: Mapping[str, View] = field(default_factory=dict)
    output_views: tuple[View, ...] = ()
    given: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """The first output: the one that labels and comparisons are about."""
        return self.outputs[0]

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """The layers that read a tensor."""
        return tuple(layer for layer in self.layers if tensor in layer.inputs)

    def producer(self, tensor: str) -> Layer | None:
        """The layer that writes a tensor; None for the input."""
        return next((layer for layer in self.layers if layer.output == tensor), None)

    def channels(self, tensor: str) -> int:
        """Size of a tensor's last axis."""
        return self.shapes[tensor][-1]

    def channels_second(self, tensor: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of a tensor as ONNX gives them with the channels as axis 1: [n, C, ...]."""
        view = self.views.get(tensor)
        shape = self.shapes[tensor]
        if view is None or (len(view.axes) > 1 and view.ends_with(1, shape[-1])):
            return values
        return np.moveaxis(view.to_stored(values, shape), -1, 1)

    def store_inputs(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Inputs as ONNX takes them [n, ...] as they are stored: channels last."""
        stored = self.views[self.input].to_stored(values, self.shapes[self.input])
        return np.ascontiguousarray(stored)

    def with_layers(self, layers: Iterable[Layer]) -> Network:
        """The network with other layers over the same tensors."""
        return replace(self, layers=tuple(layers))


def last_uses(layers: Sequence[Layer]) -> dict[str, int]:
    """Position of the last layer that reads each tensor."""
    return {tensor: k for k, layer in enumerate(layers) for tensor in layer.inputs}
