"""What the functions that read ONNX operators work with: nodes, what is known, their registry."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.arrange import arrange_tensor
from tinydeploy.quantize.network import Array, Layer, Reshape, Shape
from tinydeploy.quantize.view import View, channels_last

# Elements of an activation, or of weights with zeros written out.
_MAX_SIZE = 1 << 26


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
        """The first output."""
        return self.outputs[0]


@dataclass(frozen=True, eq=False)
class Source:
    """An activation: a stored tensor, and how ONNX sees it."""

    tensor: str
    view: View

    @property
    def shape(self) -> Shape:
        """Its ONNX shape."""
        return self.view.shape


@dataclass(frozen=True, eq=False)
class Arranged:
    """An activation whose stored axes are ONNX axes.

    Three ONNX axes N, C, L are stored as four, those of a picture of height 1; a batch of 1 stands
    in front of all.

    Args:
        tensor: The stored tensor.
        shape: Its shape.
        order: Stored axis k is the axis order[k] of those of ONNX and those added.
        added: The axes added.
        rank: Number of ONNX axes.
    """

    tensor: str
    shape: Shape
    order: tuple[int, ...]
    added: tuple[int, ...]
    rank: int

    def axis(self, onnx_axis: int) -> int:
        """Where an ONNX axis is stored.

        Raises:
            UnsupportedNodeError: There is no such axis.
        """
        if not -self.rank <= onnx_axis < self.rank:
            raise UnsupportedNodeError(f"axis {onnx_axis} of a tensor of {self.rank} axes")
        kept = [axis for axis in range(len(self.order)) if axis not in self.added]
        return self.order.index(kept[onnx_axis])

    def view(self, shape: Shape) -> View:
        """How ONNX sees another stored shape of the same axes."""
        view = View.of(shape, self.order)
        for axis in sorted(self.added, reverse=True):
            view = view.drop(axis)
        return view


@dataclass(eq=False)
class Reader:
    """What has been read so far; handed to the function of each operator.

    Args:
        opset: Version of ONNX's operators.
        constants: Values known without running the network.
        sources: Activations by their ONNX names.
        shapes: Shapes of stored tensors.
        layers: The layers so far.
        given: Scale and zero point of stored tensors that the model tells.
        weight_scales: Scales of dequantized constants, by their ONNX name: [O] or [1], and the
            axis along which they are.
    """

    opset: int = 17
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    given: dict[str, tuple[float, int]] = field(default_factory=dict)
    weight_scales: dict[str, tuple[Array, int]] = field(default_factory=dict)

    def source(self, node: Node, index: int = 0) -> Source:
        """An input that is an activation."""
        name = node.inputs[index]
        if name not in self.sources:
            raise UnsupportedNodeError(f"its input {index} is a constant")
        return self.sources[name]

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

    def arrange(
        self,
        source: Source,
        order: Sequence[int] | None = None,
        added: tuple[int, ...] | None = None,
    ) -> Arranged:
        """An activation stored in a certain order of its axes; layers that see to it if need be.

        Args:
            source: The activation.
            order: Of the axes, with those added, see `Arranged`; None for one in which they are
                stored already, or channels last where there is none.
            added: The axes to add; None for those that `Arranged` tells.
        """
        view, rank = source.view, len(source.shape)
        if added is None:
            added = (0,) if not view.axes or view.axes[0] else ()
            added = (*added, 2) if rank + len(added) == 3 else added
        for axis in added:
            view = view.insert(axis)
        if order is None or len(order) != len(view.axes):
            order = view.find_order() or channels_last(len(view.axes))
        tensor = self._store(source.tensor, view, tuple(order))
        return Arranged(tensor, self.shapes[tensor], tuple(order), added, rank)

    def store_output(self, source: Source) -> Source:
        """An output of the network, stored with a batch of 1 and its ONNX axes.

        In the order in which they are stored, or as ONNX counts them where those are not axes.
        """
        view, is_added = source.view, not source.view.axes or bool(source.view.axes[0])
        if is_added:
            view = view.insert(0)
        order = view.find_order() or tuple(range(len(view.axes)))
        tensor = self._store(source.tensor, view, order)
        stored = View.of(self.shapes[tensor], order)
        return Source(tensor, stored.drop(0) if is_added else stored)

    def picture(self, node: Node, index: int = 0) -> Arranged:
        """An input stored as [1, H, W, C]; [N, C, L] has the height 1."""
        source = self.source(node, index)
        if len(source.shape) not in (3, 4):
            raise UnsupportedNodeError(
                f"an activation of shape {list(source.shape)}", "use [N, C, H, W] or [N, C, L]"
            )
        return self.arrange(source, (0, 2, 3, 1))

    def vector(self, source: Source) -> tuple[str, NDArray[np.int64]]:
        """An activation as stored vector [1, F], and for each element its number in ONNX's order.

        Nothing moves.
        """
        stored = self.shapes[source.tensor]
        size = math.prod(stored)
        numbers = np.arange(size).reshape(source.shape)
        tensor = self._reshape(source.tensor, (1, size))
        return tensor, source.view.to_stored(numbers, (1, size)).ravel()

    def add(self, layer: Layer, shape: Shape, view: View, name: str | None = None) -> None:
        """Appends a layer.

        Args:
            layer: Reads stored tensors.
            shape: The output's, as stored.
            view: How ONNX sees the output.
            name: The ONNX name of the output, where it is not that of the stored tensor.
        """
        if any(size < 1 for size in shape):
            raise UnsupportedNodeError(f"its output would have the shape {list(view.shape)}")
        check_size(shape)
        self.layers.append(layer)
        self.shapes[layer.output] = shape
        self.sources[layer.output if name is None else name] = Source(layer.output, view)

    def add_like(self, layer: Layer, source: Source) -> None:
        """Appends a layer whose output is laid out as an input is."""
        self.add(layer, self.shapes[source.tensor], source.view)

    def alias(self, node: Node, source: Source) -> None:
        """Makes a node's output another view of an activation."""
        self.sources[node.output] = source

    def add_layers(self, layers: Sequence[Layer], shapes: Mapping[str, Shape]) -> None:
        """Appends layers between tensors that ONNX does not see."""
        self.layers.extend(layers)
        self.shapes.update(shapes)

    def _store(self, tensor: str, view: View, order: tuple[int, ...]) -> str:
        sequence = tuple(atom for axis in order for atom in view.axes[axis])
        shape = tuple(view.shape[axis] for axis in order)
        if sequence == tuple(range(len(sequence))):
            return self._reshape(tensor, shape)
        name = f"{tensor}/{'x'.join(map(str, view.sizes))} as {sequence} in {shape}"
        if name not in self.shapes:
            made = arrange_tensor(tensor, self.shapes[tensor], view.sizes, sequence, name, shape)
            self.add_layers(*made)
        return name

    def _reshape(self, tensor: str, shape: Shape) -> str:
        if self.shapes[tensor] == shape:
            return tensor
        name = f"{tensor}/as {shape}"
        if name not in self.shapes:
            self.add_layers([Reshape((tensor,), name)], {name: shape})
        return name


def check_size(shape: Iterable[int]) -> None:
    """Refuses tensors beyond any microcontroller, which a damaged file may ask for."""
    sizes = list(shape)
    if math.prod(sizes) > _MAX_SIZE:
        raise UnsupportedNodeError(f"a tensor of shape {sizes} is too large for a microcontroller")


NodeReader = Callable[[Node, Reader], None]


@dataclass(frozen=True, eq=False)
class Entry:
    """A function that reads an operator, and what it makes.

    Args:
        read: The function; its docstring is the manual's line.
        builtins: Names of the TFLite operators that it becomes; empty where it becomes none.
    """

    read: NodeReader
    builtins: tuple[str, ...]


NODE_READERS: dict[str, Entry] = {}


def reads_op(*ops: str, becomes: str = "") -> Callable[[NodeReader], NodeReader]:
    """Decorator: registers the function for some ONNX operators.

    Args:
        ops: Their names.
        becomes: The TFLite operators they become, with spaces between.
    """

    def register(function: NodeReader) -> NodeReader:
        NODE_READERS.update(dict.fromkeys(ops, Entry(function, tuple(becomes.split()))))
        return function

    return register
