"""The float network between ONNX and TFLite: a list of layers in NHWC terms.

Tensors have names (those of the ONNX model, so that they can be observed there) and shapes with a
batch of one: [1, H, W, C], or [1, C] for vectors. The last axis is the channels' everywhere.
Nothing is changed in place: a rewrite makes new layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True, eq=False)
class Layer:
    """Reads the tensors `inputs`, writes the tensor `output`."""

    inputs: tuple[str, ...]
    output: str


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
    """

    weights: Array
    bias: Array
    low: Array
    high: Array
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    groups: int = 1

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
class Affine(Layer):
    """Per channel: scale * x + shift. Folding removes it from every network."""

    scale: Array
    shift: Array


@dataclass(frozen=True, eq=False)
class Clamp(Layer):
    """Each channel clamped to [low, high]; both [C], infinite where there is no bound."""

    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """The sum of two tensors of the same shape, clamped to [low, high]."""

    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, eq=False)
class Pool(Layer):
    """What pools over windows have in common; padding counts neither as value nor in the mean."""

    kernel: Pair
    stride: Pair
    padding: Padding


@dataclass(frozen=True, eq=False)
class MaxPool(Pool):
    """The greatest value in each window."""


@dataclass(frozen=True, eq=False)
class AveragePool(Pool):
    """The mean of each window."""


@dataclass(frozen=True, eq=False)
class Mean(Layer):
    """The mean over height and width."""


@dataclass(frozen=True, eq=False)
class Pad(Layer):
    """Zeros around height and width."""

    padding: Padding


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """The same numbers in the same order in another shape."""


@dataclass(frozen=True, eq=False)
class Softmax(Layer):
    """Softmax over the channels."""


LayerType = TypeVar("LayerType", bound=Layer)


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in executable order; one input, one output.

    Args:
        input: Name of the input tensor.
        output: Name of the output tensor.
        layers: Each reads the input or outputs of earlier layers.
        shapes: Of every tensor.
    """

    input: str
    output: str
    layers: tuple[Layer, ...]
    shapes: Mapping[str, Shape]

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """The layers that read a tensor."""
        return tuple(layer for layer in self.layers if tensor in layer.inputs)

    def producer(self, tensor: str) -> Layer | None:
        """The layer that writes a tensor; None for the input."""
        return next((layer for layer in self.layers if layer.output == tensor), None)

    def channels(self, tensor: str) -> int:
        """Size of a tensor's last axis."""
        return self.shapes[tensor][-1]

    def with_layers(self, layers: Iterable[Layer]) -> Network:
        """The network with other layers over the same tensors."""
        return replace(self, layers=tuple(layers))


def last_uses(layers: Sequence[Layer]) -> dict[str, int]:
    """Position of the last layer that reads each tensor."""
    return {tensor: k for k, layer in enumerate(layers) for tensor in layer.inputs}


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> Pair:
    """Padding before and behind one axis by TFLite's rule SAME: the least, more of it behind."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def is_same_padding(layer: Conv | Pool, input_shape: Shape) -> bool:
    """Whether a layer's padding is TFLite's SAME for an input of this shape."""
    dilation = layer.dilation if isinstance(layer, Conv) else (1, 1)
    vertical, horizontal = (
        same_padding(input_shape[1 + i], layer.kernel[i], layer.stride[i], dilation[i])
        for i in (0, 1)
    )
    top, left, bottom, right = layer.padding
    return (top, bottom) == vertical and (left, right) == horizontal
