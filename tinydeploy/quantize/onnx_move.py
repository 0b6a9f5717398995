"""ONNX operators that pick elements and put them together: Concat, Slice, Split, Gather, Pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinydeploy.quantize.network import Concat, Gather, Pad, Slice
from tinydeploy.quantize.onnx_reader import (
    Arranged,
    Node,
    Reader,
    Source,
    UnsupportedNodeError,
    check_size,
    reads_op,
)
from tinydeploy.quantize.onnx_window import require_constant


@reads_op("Concat", becomes="CONCATENATION")
def read_concat(node: Node, reader: Reader) -> None:
    """Of activations, along any axis; they share their quantization."""
    sources = [reader.source(node, index) for index in range(len(node.inputs))]
    largest = max(sources, key=lambda source: int(np.prod(source.shape)))
    first = reader.arrange(largest)
    parts = [reader.arrange(source, first.order, first.added) for source in sources]
    axis = parts[0].axis(int(node.attributes["axis"]))
    shape = list(parts[0].shape)
    for part in parts:
        shape[axis] = part.shape[axis]
        if part.rank != parts[0].rank or part.shape != tuple(shape):
            shapes = [list(source.shape) for source in sources]
            raise UnsupportedNodeError(f"shapes {shapes} along axis {node.attributes['axis']}")
    shape[axis] = sum(part.shape[axis] for part in parts)
    layer = Concat(tuple(part.tensor for part in parts), node.output, axis)
    reader.add(layer, tuple(shape), parts[0].view(tuple(shape)))


@reads_op("Slice", becomes="SLICE STRIDED_SLICE")
def read_slice(node: Node, reader: Reader) -> None:
    """Along any axes, with steps, backwards too; limits are constants."""
    source = reader.source(node)
    if "starts" in node.attributes:  # before opset 10
        starts, ends = list(node.attributes["starts"]), list(node.attributes["ends"])
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, ends = (require_constant(reader.constant(node, i)).tolist() for i in (1, 2))
        given = [reader.constant(node, i) for i in (3, 4)]
        axes, steps = (None if value is None else value.tolist() for value in given)
    axes = list(range(len(starts))) if axes is None else list(axes)
    steps = [1] * len(starts) if steps is None else list(steps)
    arranged = reader.arrange(source)
    ranges = [range(size) for size in arranged.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at = arranged.axis(int(axis))
        if step == 0:
            raise UnsupportedNodeError("a step of 0")
        stop = None if step < 0 and end < -arranged.shape[at] else end
        ranges[at] = range(*slice(start, stop, step).indices(arranged.shape[at]))
    add_slice(node.output, reader, arranged, ranges)


@reads_op("Split", becomes="SLICE")
def read_split(node: Node, reader: Reader) -> None:
    """Along any axis, in parts of any sizes."""
    arranged = reader.arrange(reader.source(node))
    axis = arranged.axis(int(node.attributes.get("axis", 0)))
    size, count = arranged.shape[axis], len(node.outputs)
    given = reader.constant(node, 1)
    listed = node.attributes.get("split") if given is None else given.tolist()
    part = -(-size // int(node.attributes.get("num_outputs", count)))
    sizes = listed or [min(part, size - k * part) for k in range(count)]
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise UnsupportedNodeError(f"{size} split into {list(sizes)}")
    start = 0
    for name, length in zip(node.outputs, sizes, strict=True):
        ranges = [range(n) for n in arranged.shape]
        ranges[axis] = range(start, start + length)
        add_slice(name, reader, arranged, ranges)
        start += length


@reads_op("Gather", becomes="GATHER SLICE")
def read_gather(node: Node, reader: Reader) -> None:
    """Along any axis; the indices are a constant of one dimension or none."""
    arranged = reader.arrange(reader.source(node))
    indices = require_constant(reader.constant(node, 1))
    onnx_axis = int(node.attributes.get("axis", 0))
    axis = arranged.axis(onnx_axis)
    size = arranged.shape[axis]
    if indices.ndim > 1 or indices.size < 1:
        raise UnsupportedNodeError(f"indices of shape {list(indices.shape)}", "use a list")
    if indices.min() < -size or indices.max() >= size:
        raise UnsupportedNodeError(f"indices beyond the {size} elements of axis {onnx_axis}")
    chosen = tuple(int(index) % size for index in indices.ravel())
    if indices.ndim == 0:
        ranges = [range(n) for n in arranged.shape]
        ranges[axis] = range(chosen[0], chosen[0] + 1)
        add_slice(node.output, reader, arranged, ranges)
        made = reader.sources[node.output]
        view = made.view.drop(onnx_axis % arranged.rank)
        reader.alias(node, Source(made.tensor, view))
        return
    shape = (*arranged.shape[:axis], len(chosen), *arranged.shape[axis + 1 :])
    layer = Gather((arranged.tensor,), node.output, axis, chosen)
    reader.add(layer, shape, arranged.view(shape))


@reads_op("Pad", becomes="PAD PADV2 GATHER SLICE")
def read_pad(node: Node, reader: Reader) -> None:
    """Any axes; constants, reflect, edge and wrap; negative amounts crop."""
    arranged = reader.arrange(reader.source(node))
    before, behind = _read_amounts(node, reader, arranged)
    crops = [
        range(max(0, -a), size - max(0, -b))
        for size, a, b in zip(arranged.shape, before, behind, strict=True)
    ]
    if any(len(crop) < size for crop, size in zip(crops, arranged.shape, strict=True)):
        name = f"{node.output}/cropped"
        add_slice(name, reader, arranged, crops)
        arranged = replace(arranged, tensor=name, shape=reader.shapes[name])
    amounts = tuple((max(0, a), max(0, b)) for a, b in zip(before, behind, strict=True))
    check_size(n + sum(more) for n, more in zip(arranged.shape, amounts, strict=True))
    mode = node.attributes.get("mode", "constant")
    if mode == "constant":
        value = reader.weights(node, 2)
        fill = float(node.attributes.get("value", 0.0) if value is None else value.item())
        shape = tuple(n + sum(more) for n, more in zip(arranged.shape, amounts, strict=True))
        layer = Pad((arranged.tensor,), node.output, amounts, fill)
        reader.add(layer, shape, arranged.view(shape))
        return
    modes = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    if mode not in modes:
        raise UnsupportedNodeError(f"mode {mode}", f"use constant, {', '.join(modes)}")
    axes = [axis for axis, more in enumerate(amounts) if any(more)]
    tensor, shape = arranged.tensor, arranged.shape
    for axis in axes:
        numbers = np.arange(shape[axis])
        if mode == "reflect" and max(amounts[axis]) >= len(numbers):
            raise UnsupportedNodeError(f"{max(amounts[axis])} reflected of {len(numbers)}")
        indices = np.pad(numbers, amounts[axis], mode=mode)
        shape = (*shape[:axis], len(indices), *shape[axis + 1 :])
        name = node.output if axis == axes[-1] else f"{node.output}/{axis}"
        gather = Gather((tensor,), name, axis, tuple(int(index) for index in indices))
        reader.add(gather, shape, arranged.view(shape))
        tensor = name
    if not axes:
        reader.alias(node, Source(tensor, arranged.view(shape)))


def add_slice(name: str, reader: Reader, arranged: Arranged, ranges: Sequence[range]) -> None:
    """Adds a Slice, as the ONNX tensor `name`; of a Gather, as of a channel shuffle, a Gather."""
    shape = tuple(len(taken) for taken in ranges)
    view = arranged.view(shape)
    if shape == arranged.shape and all(taken.step > 0 for taken in ranges):
        reader.sources[name] = Source(arranged.tensor, view)
        return
    gather = next((layer for layer in reader.layers if layer.output == arranged.tensor), None)
    if isinstance(gather, Gather) and _keeps_others(gather, arranged, ranges):
        chosen = tuple(gather.indices[index] for index in ranges[gather.axis])
        reader.add(Gather(gather.inputs, name, gather.axis, chosen), shape, view)
        return
    reader.add(Slice((arranged.tensor,), name, tuple(ranges)), shape, view)


def _keeps_others(gather: Gather, arranged: Arranged, ranges: Sequence[range]) -> bool:
    """Whether a slice of what was gathered takes all of the other axes: then it is gathered so."""
    return all(
        axis == gather.axis or ranges[axis] == range(size)
        for axis, size in enumerate(arranged.shape)
    )


def _read_amounts(node: Node, reader: Reader, arranged: Arranged) -> tuple[list[int], list[int]]:
    """How much to pad before and behind each stored axis."""
    given = reader.constant(node, 1)
    pads = list(node.attributes.get("pads", ())) if given is None else given.ravel().tolist()
    axes = reader.constant(node, 3)
    listed = list(range(arranged.rank)) if axes is None else axes.ravel().tolist()
    if len(pads) != 2 * len(listed):
        raise UnsupportedNodeError(f"{len(pads)} paddings for {len(listed)} axes")
    before, behind = [0] * len(arranged.shape), [0] * len(arranged.shape)
    for k, axis in enumerate(listed):
        at = arranged.axis(int(axis))
        before[at], behind[at] = int(pads[k]), int(pads[k + len(listed)])
    if before[0] or behind[0]:
        raise UnsupportedNodeError(f"padding {pads} of the batch", "pad other axes")
    return before, behind
