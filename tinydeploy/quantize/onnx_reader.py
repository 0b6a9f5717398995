"""What the functions that read ONNX operators work with: nodes, what is known, their registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.network import Layer, Shape


class UnsupportedNodeError(Exception):
    """A node that cannot become layers: what is wrong, and what to do instead."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True, eq=False)
class Node:
    """An ONNX node.

    Args:
        op: Its operator.
        name: Its name, or what it writes where it has none.
        inputs: Names; empty for an optional input left out.
        outputs: Names.
        attributes: Python values by name; tensors as arrays, text as str.
        raw: The node itself.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    raw: Any

    @property
    def output(self) -> str:
        """The first output, the only one that is read."""
        return self.outputs[0]


@dataclass(eq=False)
class Reader:
    """What has been read so far; handed to the function of each operator.

    Args:
        constants: Values known without running the network.
        shapes: ONNX shapes, with a batch of 1, of activations.
        orders: For vectors that are flattened pictures: the (C, H, W) in whose order ONNX counts
            their elements, where TFLite counts (H, W, C).
        layers: The layers so far.
        aliases: Names of activations that are other activations.
    """

    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    orders: dict[str, Shape] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)

    def activation(self, node: Node, index: int = 0, *, ordered: bool = True) -> str:
        """The name of an input that is an activation.

        Args:
            node: The node.
            index: Which of its inputs.
            ordered: Whether the elements must be in the order that both formats share.
        """
        name = self.aliases.get(node.inputs[index], node.inputs[index])
        if name not in self.shapes:
            raise UnsupportedNodeError(f"its input {index} is a constant")
        if ordered and name in self.orders:
            raise UnsupportedNodeError(
                f"it reads a flattened picture {self.orders[name]} whose elements ONNX counts "
                "channel by channel and TFLite pixel by pixel",
                "pool the picture to 1x1 first, or follow the flattening by a linear layer",
            )
        return name

    def constant(self, node: Node, index: int) -> NDArray[Any] | None:
        """The value of an input; None for an optional one left out."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        if node.inputs[index] not in self.constants:
            raise UnsupportedNodeError(f"its input {index} is not a constant")
        return self.constants[node.inputs[index]]

    def weights(self, node: Node, index: int) -> NDArray[np.float64] | None:
        """A constant of real numbers; None for an optional one left out."""
        value = self.constant(node, index)
        if value is None:
            return None
        if not np.isfinite(value).all():
            raise UnsupportedNodeError(f"its constant input {index} has values that are not finite")
        return value.astype(np.float64)

    def add(self, layer: Layer, shape: Shape) -> None:
        """Appends a layer whose output has this ONNX shape."""
        if any(size < 1 for size in shape):
            raise UnsupportedNodeError(f"its output would have the shape {list(shape)}")
        self.layers.append(layer)
        self.shapes[layer.output] = shape

    def alias(self, node: Node, source: str) -> None:
        """Makes a node's output another name of an activation."""
        self.aliases[node.output] = source


NodeReader = Callable[[Node, Reader], None]
NODE_READERS: dict[str, NodeReader] = {}


def reads_op(*ops: str) -> Callable[[NodeReader], NodeReader]:
    """Decorator: registers the function for some ONNX operators."""

    def register(function: NodeReader) -> NodeReader:
        NODE_READERS.update(dict.fromkeys(ops, function))
        return function

    return register
