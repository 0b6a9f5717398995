"""ONNX Resize: where its places are those of TFLite's operators, or whole pixels anyway."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import Array, Gather, Pair, Resize
from tinydeploy.quantize.onnx_reader import (
    Arranged,
    Node,
    Reader,
    UnsupportedNodeError,
    check_size,
    reads_op,
)
from tinydeploy.quantize.resize_places import bilinear_weights, nearest_places

# Largest difference between a pixel's weights by ONNX and by TFLite.
_TOLERANCE = 1e-3

# (align_corners, half_pixel) of TFLite's operators.
_MODES = ((False, True), (False, False), (True, False))


@reads_op("Resize", becomes="RESIZE_NEAREST_NEIGHBOR RESIZE_BILINEAR GATHER")
def read_resize(node: Node, reader: Reader) -> None:
    """Nearest in all modes; linear with half_pixel, align_corners or asymmetric coordinates."""
    source = reader.picture(node)
    size, scales = _read_size(node, reader, source)
    inputs = source.shape[1], source.shape[2]
    check_size((*size, source.shape[3]))
    check_size(map(max, inputs, size))  # of the places between both
    attributes = node.attributes
    coordinates = attributes.get("coordinate_transformation_mode", "half_pixel")
    mode = attributes.get("mode", "nearest")
    if attributes.get("antialias", 0) or mode not in ("nearest", "linear"):
        raise UnsupportedNodeError(
            f"mode {mode}, antialias {attributes.get('antialias', 0)}",
            "use mode nearest or linear without antialias",
        )
    places = [_find_places(coordinates, inputs[i], size[i], scales[i]) for i in (0, 1)]
    shape = (1, *size, source.shape[3])
    if size == inputs and all(np.allclose(p, np.arange(len(p))) for p in places):
        reader.sources[node.output] = reader.source(node)
        return
    if mode == "linear":
        wanted = [_interpolate(p, n) for p, n in zip(places, inputs, strict=True)]
        for align, half in _MODES:
            made = [bilinear_weights(n, o, align, half) for n, o in zip(inputs, size, strict=True)]
            if all(np.abs(a - b).max() < _TOLERANCE for a, b in zip(wanted, made, strict=True)):
                layer = Resize((source.tensor,), node.output, "RESIZE_BILINEAR", align, half)
                reader.add(layer, shape, source.view(shape))
                return
        raise UnsupportedNodeError(
            f"linear from {list(inputs)} to {list(size)} with {coordinates} coordinates, which "
            "TFLite does not have",
            "export with half_pixel, align_corners or asymmetric coordinates and whole sizes",
        )
    rounding = attributes.get("nearest_mode", "round_prefer_floor")
    chosen = [_round(p, rounding, n) for p, n in zip(places, inputs, strict=True)]
    for align, half in _MODES:
        made = [nearest_places(n, o, align, half) for n, o in zip(inputs, size, strict=True)]
        if all(np.array_equal(a, b) for a, b in zip(chosen, made, strict=True)):
            layer = Resize((source.tensor,), node.output, "RESIZE_NEAREST_NEIGHBOR", align, half)
            reader.add(layer, shape, source.view(shape))
            return
    rows = f"{node.output}/rows"
    halfway = (1, size[0], *source.shape[2:])
    reader.add_layers(
        [Gather((source.tensor,), rows, 1, tuple(int(k) for k in chosen[0]))], {rows: halfway}
    )
    columns = Gather((rows,), node.output, 2, tuple(int(k) for k in chosen[1]))
    reader.add(columns, shape, source.view(shape))


def _read_size(node: Node, reader: Reader, source: Arranged) -> tuple[Pair, tuple[float, float]]:
    """The output's height and width, and by how much each grows."""
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedNodeError("keep_aspect_ratio_policy", "export with the sizes themselves")
    scales, sizes = reader.constant(node, 2), reader.constant(node, 3)
    rank = source.rank
    axes = node.attributes.get("axes", range(rank))
    listed = [int(axis) % rank for axis in axes]
    onnx_shape = [source.shape[source.axis(axis)] for axis in range(rank)]
    factors, target = [1.0] * rank, list(onnx_shape)
    if sizes is not None and sizes.size:
        for axis, size in zip(listed, sizes.ravel().tolist(), strict=True):
            target[axis], factors[axis] = int(size), size / onnx_shape[axis]
    elif scales is not None and scales.size:
        for axis, scale in zip(listed, scales.ravel().tolist(), strict=True):
            target[axis], factors[axis] = int(np.floor(onnx_shape[axis] * scale)), scale
    else:
        raise UnsupportedNodeError("neither scales nor sizes")
    if target[:2] != onnx_shape[:2] or min(target) < 1 or min(factors) <= 0:
        raise UnsupportedNodeError(f"{onnx_shape} to {target}", "resize height and width alone")
    pair = (1, *target[2:])[-2:], (1.0, *factors[2:])[-2:]
    return (pair[0][0], pair[0][1]), (pair[1][0], pair[1][1])


def _find_places(mode: str, size: int, outputs: int, scale: float) -> Array:
    """Where in the input the output's pixels lie: [outputs]."""
    x = np.arange(outputs, dtype=np.float64)
    if mode == "asymmetric":
        return x / scale
    if mode == "align_corners":
        return x * ((size - 1) / (outputs - 1)) if outputs > 1 else np.zeros(1)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and outputs > 1):
        return (x + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return np.zeros(1)
    if mode == "half_pixel_symmetric":
        adjustment = outputs / (scale * size)
        return size / 2 * (1 - adjustment) + (x + 0.5) / scale - 0.5
    raise UnsupportedNodeError(
        f"coordinates {mode}", "export with half_pixel, align_corners or asymmetric"
    )


def _round(places: Array, mode: str, size: int) -> Array:
    """Whole pixels."""
    rounded = {
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
        "floor": np.floor(places),
        "ceil": np.ceil(places),
    }
    if mode not in rounded:
        raise UnsupportedNodeError(f"nearest_mode {mode}")
    return np.clip(rounded[mode], 0, size - 1)


def _interpolate(places: Array, size: int) -> Array:
    """Weights of the input's pixels for those of the output: [outputs, size]."""
    inside = np.clip(places, 0, size - 1)
    low = np.floor(inside).astype(int)
    high = np.minimum(low + 1, size - 1)
    weights = np.zeros((len(places), size))
    rows = np.arange(len(places))
    np.add.at(weights, (rows, low), 1 - (inside - low))
    np.add.at(weights, (rows, high), inside - low)
    return weights
