"""ONNX operators on two tensors, or one and a constant: sums, products, bounds, extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.quantize.network import (
    Add,
    Affine,
    Array,
    Clamp,
    Extremum,
    Mul,
    Shape,
    Sub,
    WithConstant,
)
from tinydeploy.quantize.onnx_reader import (
    Arranged,
    Node,
    Reader,
    Source,
    UnsupportedNodeError,
    reads_op,
)
from tinydeploy.quantize.onnx_window import require_constant


@reads_op("Add", becomes="ADD")
def read_add(node: Node, reader: Reader) -> None:
    """Sums broadcast; a constant per channel goes into the convolution in front."""
    constant = _constant_operand(node, reader)
    if constant is None:
        _add_binary(node, reader, Add)
    else:
        source, value, _ = constant
        add_shifted(node, reader, source, value)


@reads_op("Sub", becomes="SUB")
def read_sub(node: Node, reader: Reader) -> None:
    """As Add."""
    constant = _constant_operand(node, reader)
    if constant is None:
        _add_binary(node, reader, Sub)
        return
    source, value, is_first = constant
    if not is_first:
        add_shifted(node, reader, source, -value)
    elif as_channels(reader, source, value) is not None:
        add_scaled_and_shifted(node, reader, source, np.array(-1.0), value)
    else:
        layer = WithConstant(
            (source.tensor,), node.output, "SUB", _as_stored(reader, source, value)
        )
        reader.add_like(layer, source)


@reads_op("Mul", becomes="MUL")
def read_mul(node: Node, reader: Reader) -> None:
    """Products broadcast, as in squeeze-and-excite; a constant per channel goes as Add's."""
    constant = _constant_operand(node, reader)
    if constant is None:
        _add_binary(node, reader, Mul)
    else:
        source, value, _ = constant
        add_scaled(node.output, reader, source, value)


@reads_op("Div", becomes="MUL")
def read_div(node: Node, reader: Reader) -> None:
    """Division by a constant."""
    constant = _constant_operand(node, reader)
    if constant is None or constant[2]:
        raise UnsupportedNodeError(
            "division by an activation", "divide by constants, or multiply by what divides"
        )
    source, value, _ = constant
    if (value == 0).any():
        raise UnsupportedNodeError("division by zero")
    add_scaled(node.output, reader, source, 1 / value)


@reads_op("Neg")
def read_neg(node: Node, reader: Reader) -> None:
    """Times -1, in the convolution in front where there is one."""
    add_scaled(node.output, reader, reader.source(node), np.array(-1.0))


@reads_op("Pow", becomes="MUL")
def read_pow(node: Node, reader: Reader) -> None:
    """Squares alone."""
    exponent = require_constant(reader.constant(node, 1))
    if exponent.size != 1 or exponent.item() != 2:
        raise UnsupportedNodeError("an exponent other than 2", "write it as products")
    source = reader.source(node)
    reader.add_like(Mul((source.tensor, source.tensor), node.output), source)


@reads_op("Max", "Min", becomes="MAXIMUM MINIMUM")
def read_extremum(node: Node, reader: Reader) -> None:
    """Of two activations, or of one and a constant per channel, which is a Clip."""
    if len(node.inputs) == 1:
        reader.alias(node, reader.source(node))
        return
    if len(node.inputs) != 2:
        raise UnsupportedNodeError(f"{len(node.inputs)} inputs", "nest it: two at a time")
    greater = node.op == "Max"
    constant = _constant_operand(node, reader)
    if constant is None:
        a, b = arrange_alike(reader, reader.source(node, 0), reader.source(node, 1))
        shape = np.broadcast_shapes(a.shape, b.shape)
        kind: Any = "MAXIMUM" if greater else "MINIMUM"
        reader.add(Extremum((a.tensor, b.tensor), node.output, kind), shape, a.view(shape))
        return
    source, value, _ = constant
    bound = as_channels(reader, source, value)
    if bound is None:
        raise UnsupportedNodeError(
            f"a constant of shape {list(value.shape)}", "one value, or one per channel"
        )
    none = np.full(len(bound), np.inf)
    low, high = (bound, none) if greater else (-none, bound)
    reader.add_like(Clamp((source.tensor,), node.output, low, high), source)


@reads_op("Relu", becomes="MAXIMUM")
def read_relu(node: Node, reader: Reader) -> None:
    """Clamp below at 0; fused into the operator in front, or nothing where int8 saturates."""
    add_clamp(node, reader, 0.0, np.inf)


@reads_op("Clip", becomes="MAXIMUM MINIMUM")
def read_clip(node: Node, reader: Reader) -> None:
    """Clamp to constants, any bounds; as Relu. ReLU6 is one."""
    bounds = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        value = reader.constant(node, index)
        bounds.append(float(node.attributes.get(name, default) if value is None else value))
    if np.isnan(bounds).any() or bounds[0] > bounds[1]:
        raise UnsupportedNodeError(f"it clips to {bounds}")
    add_clamp(node, reader, bounds[0], bounds[1])


def add_clamp(node: Node, reader: Reader, low: float, high: float) -> None:
    """Adds a clamp to the node's input."""
    source = reader.source(node)
    channels = reader.shapes[source.tensor][-1]
    bounds = np.full(channels, low), np.full(channels, high)
    reader.add_like(Clamp((source.tensor,), node.output, *bounds), source)


def add_scaled(name: str, reader: Reader, source: Source, value: Array) -> None:
    """Adds the product with a constant, as `name`."""
    scale = as_channels(reader, source, value)
    if scale is None:
        constant = _as_stored(reader, source, value)
        reader.add_like(WithConstant((source.tensor,), name, "MUL", constant), source)
    else:
        zeros = np.zeros(len(scale))
        reader.add_like(Affine((source.tensor,), name, scale, zeros), source)


def add_shifted(node: Node, reader: Reader, source: Source, value: Array) -> None:
    """Adds the sum with a constant."""
    shift = as_channels(reader, source, value)
    if shift is None:
        constant = _as_stored(reader, source, value)
        layer = WithConstant((source.tensor,), node.output, "ADD", constant)
        reader.add_like(layer, source)
    else:
        ones = np.ones(len(shift))
        reader.add_like(Affine((source.tensor,), node.output, ones, shift), source)


def add_scaled_and_shifted(
    node: Node, reader: Reader, source: Source, scale: Array, shift: Array
) -> None:
    """Adds scale * x + shift."""
    scales, shifts = (as_channels(reader, source, value) for value in (scale, shift))
    if scales is not None and shifts is not None:
        reader.add_like(Affine((source.tensor,), node.output, scales, shifts), source)
        return
    # Elements each with their own are the channels of a vector.
    tensor, numbers = reader.vector(source)
    scales, shifts = (
        np.broadcast_to(value, source.shape).ravel()[numbers] for value in (scale, shift)
    )
    affine = Affine((tensor,), node.output, scales, shifts)
    reader.add(affine, reader.shapes[tensor], source.view)


def arrange_alike(reader: Reader, first: Source, second: Source) -> tuple[Arranged, Arranged]:
    """Two activations that broadcast, their axes stored in the same order."""
    try:
        np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise UnsupportedNodeError(
            f"its inputs have the shapes {list(first.shape)} and {list(second.shape)}"
        ) from None
    rank = max(len(first.shape), len(second.shape))
    first, second = _widen(first, rank), _widen(second, rank)
    leads = int(np.prod(first.shape)) >= int(np.prod(second.shape))
    one = reader.arrange(first if leads else second)
    other = reader.arrange(second if leads else first, one.order, one.added)
    return (one, other) if leads else (other, one)


def _widen(source: Source, rank: int) -> Source:
    view = source.view
    while len(view.axes) < rank:
        view = view.insert(0)
    return Source(source.tensor, view)


def _add_binary(node: Node, reader: Reader, kind: type[Add | Sub | Mul]) -> None:
    a, b = arrange_alike(reader, reader.source(node, 0), reader.source(node, 1))
    shape: Shape = np.broadcast_shapes(a.shape, b.shape)
    reader.add(kind((a.tensor, b.tensor), node.output), shape, a.view(shape))


def _constant_operand(node: Node, reader: Reader) -> tuple[Source, Array, bool] | None:
    """The activation, the constant and whether it is the first; None for two activations."""
    constant = [name in reader.constants for name in node.inputs]
    if not any(constant):
        return None
    index = constant.index(True)
    value: Array = require_constant(reader.weights(node, index))
    source = reader.source(node, constant.index(False))
    source = _widen(source, value.ndim)
    try:
        fits = np.broadcast_shapes(value.shape, source.shape) == source.shape
    except ValueError:
        fits = False
    if not fits:
        raise UnsupportedNodeError(
            f"a constant of shape {list(value.shape)} with an activation of shape "
            f"{list(source.shape)}",
            "one that broadcasts to the activation's shape",
        )
    return source, value, index == 0


def as_channels(reader: Reader, source: Source, value: Array) -> Array | None:
    """A constant as [C] along the stored channels; None where it varies along other axes."""
    channels = reader.shapes[source.tensor][-1]
    if value.size == 1:
        return np.full(channels, value.item())
    stored = _as_stored(reader, source, value)
    return (
        np.broadcast_to(stored.ravel(), channels).copy()
        if stored.size
        in (
            1,
            stored.shape[-1],
        )
        else None
    )


def _as_stored(reader: Reader, source: Source, value: Array) -> Array:
    """A constant in the rank and order of the stored activation, of size 1 where it repeats."""
    full = np.broadcast_to(value, source.shape)
    stored: Array = source.view.to_stored(full, reader.shapes[source.tensor])
    for axis in range(stored.ndim):
        first = stored.take([0], axis)
        if (stored == first).all():
            stored = first
    return stored
