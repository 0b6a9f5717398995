"""Operators that move numbers, and those over windows and axes that compute but little."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.emitter import Emitter
from tinydeploy.quantize.network import (
    Concat,
    Gather,
    MaxPool,
    Mean,
    Pad,
    Pool,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Transpose,
)


def emit_pool(emitter: Emitter, pool: Pool) -> None:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""
    builtin = "MAX_POOL_2D" if isinstance(pool, MaxPool) else "AVERAGE_POOL_2D"
    options: dict[str, str | int] = {
        "Padding": "SAME" if any(pool.padding) else "VALID",
        "StrideH": pool.stride[0],
        "StrideW": pool.stride[1],
        "FilterHeight": pool.kernel[0],
        "FilterWidth": pool.kernel[1],
    }
    emitter.add(builtin, pool, options=options)


def emit_mean(emitter: Emitter, layer: Mean) -> None:
    """MEAN."""
    axes = emitter.add_integers(f"{layer.output}/axes", layer.axes)
    ranks = [len(emitter.network.shapes[name]) for name in (layer.output, *layer.inputs)]
    emitter.add("MEAN", layer, axes, options={"KeepDims": ranks[0] == ranks[1]})


def emit_pad(emitter: Emitter, layer: Pad) -> None:
    """PAD with zeros, PADV2 with other values."""
    amounts = emitter.add_integers(f"{layer.output}/paddings", layer.amounts)
    if layer.value == 0:
        emitter.add("PAD", layer, amounts)
        return
    parameters = emitter.parameters[layer.output]
    values = parameters.quantize(np.array([layer.value]))
    value = emitter.add_constant(f"{layer.output}/value", values, parameters)
    emitter.add("PADV2", layer, amounts, value)


def emit_reshape(emitter: Emitter, layer: Reshape) -> None:
    """RESHAPE."""
    shape = emitter.network.shapes[layer.output]
    sizes = emitter.add_integers(f"{layer.output}/shape", shape)
    emitter.add("RESHAPE", layer, sizes, options={"NewShape": shape})


def emit_transpose(emitter: Emitter, layer: Transpose) -> None:
    """TRANSPOSE."""
    emitter.add("TRANSPOSE", layer, emitter.add_integers(f"{layer.output}/order", layer.order))


def emit_concat(emitter: Emitter, layer: Concat) -> None:
    """CONCATENATION."""
    emitter.add("CONCATENATION", layer, options={"Axis": layer.axis})


def emit_slice(emitter: Emitter, layer: Slice) -> None:
    """SLICE, or STRIDED_SLICE where steps are not 1."""
    begins = emitter.add_integers(f"{layer.output}/begin", [r.start for r in layer.ranges])
    if all(r.step == 1 for r in layer.ranges):
        sizes = emitter.add_integers(f"{layer.output}/size", [len(r) for r in layer.ranges])
        emitter.add("SLICE", layer, begins, sizes)
        return
    # An end below 0 would count from behind: masked, the slice goes on to the first element.
    ends = emitter.add_integers(f"{layer.output}/end", [r.stop for r in layer.ranges])
    steps = emitter.add_integers(f"{layer.output}/steps", [r.step for r in layer.ranges])
    mask = sum(1 << axis for axis, r in enumerate(layer.ranges) if r.stop < 0)
    emitter.add("STRIDED_SLICE", layer, begins, ends, steps, options={"EndMask": mask})


def emit_gather(emitter: Emitter, layer: Gather) -> None:
    """GATHER."""
    indices = emitter.add_integers(f"{layer.output}/indices", layer.indices)
    emitter.add("GATHER", layer, indices, options={"Axis": layer.axis})


def emit_resize(emitter: Emitter, layer: Resize) -> None:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR."""
    size = emitter.add_integers(f"{layer.output}/size", emitter.network.shapes[layer.output][1:3])
    options = {"AlignCorners": layer.align_corners, "HalfPixelCenters": layer.half_pixel}
    emitter.add(layer.kind, layer, size, options=options)


def emit_softmax(emitter: Emitter, layer: Softmax) -> None:
    """SOFTMAX."""
    emitter.add("SOFTMAX", layer, options={"Beta": 1.0})
