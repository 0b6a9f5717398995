"""ONNX QuantizeLinear and DequantizeLinear: the scales that a quantized model brings along."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.network import Requantize
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import require_constant

_ADVICE = "quantize activations and weights to int8 or uint8, weights symmetrically"


@reads_op("QuantizeLinear", becomes="QUANTIZE")
def read_quantize(node: Node, reader: Reader) -> None:
    """Its scale and zero point become those of the tensor; int8 or uint8, one for all elements."""
    scale, zero_point = _read_scales(node, reader)
    if node.inputs[0] in reader.constants:
        reader.constants[node.output] = _quantize_constant(node, reader, scale, zero_point)
        return
    if scale.size != 1 or zero_point.dtype not in (np.int8, np.uint8):
        raise UnsupportedNodeError(f"{zero_point.dtype} with {scale.size} scales", _ADVICE)
    offset = int(zero_point.item()) - (128 if zero_point.dtype == np.uint8 else 0)
    given = float(np.float32(scale.item())), offset
    source = reader.source(node)
    if reader.given.setdefault(source.tensor, given) == given:
        reader.alias(node, source)
        return
    reader.add_like(Requantize((source.tensor,), node.output), source)
    reader.given[node.output] = given


@reads_op("DequantizeLinear")
def read_dequantize(node: Node, reader: Reader) -> None:
    """Of weights, the weights; of an activation, nothing: all is int8 anyway."""
    if node.inputs[0] not in reader.constants:
        reader.alias(node, reader.source(node))
        return
    scale, zero_point = _read_scales(node, reader)
    values = reader.constants[node.inputs[0]]
    if values.dtype not in (np.int8, np.uint8, np.int32):
        raise UnsupportedNodeError(f"weights of {values.dtype}", _ADVICE)
    axis = _spread_axis(node, scale, values.ndim)
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    offsets = zero_point.astype(np.float64).reshape(shape if zero_point.size > 1 else [1])
    real = (values.astype(np.float64) - offsets) * scale.reshape(shape if scale.size > 1 else [1])
    # float64 keeps the products exact: divided by the scale they are whole numbers again.
    reader.constants[node.output] = real.reshape(values.shape)
    center = 128 if values.dtype == np.uint8 else 0
    if values.dtype != np.int32 and (zero_point == center).all():
        reader.weight_scales[node.output] = scale.ravel(), axis


def _read_scales(node: Node, reader: Reader) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Scales and zero points; a zero point left out is of uint8, or of the constant's type."""
    scale = require_constant(reader.constant(node, 1)).astype(np.float32).astype(np.float64)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise UnsupportedNodeError("scales that are not positive numbers")
    zero_point = reader.constant(node, 2)
    if zero_point is None:
        known = reader.constants.get(node.inputs[0])
        kind = known.dtype if known is not None and known.dtype.kind in "iu" else np.uint8
        zero_point = np.zeros(scale.shape, kind)
    return scale, zero_point


def _spread_axis(node: Node, scale: NDArray[np.float64], rank: int) -> int:
    axis = int(node.attributes.get("axis", 1))
    if scale.ndim > 1 or (scale.size > 1 and not -rank <= axis < rank):
        raise UnsupportedNodeError(f"scales of shape {list(scale.shape)}", _ADVICE)
    return axis % rank if rank else 0


def _quantize_constant(
    node: Node, reader: Reader, scale: NDArray[np.float64], zero_point: NDArray[Any]
) -> NDArray[Any]:
    values = reader.constants[node.inputs[0]].astype(np.float64)
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[_spread_axis(node, scale, values.ndim)] = scale.size
    else:
        shape = [1]
    limits = np.iinfo(zero_point.dtype)
    q = np.rint(values / scale.reshape(shape)) + zero_point.reshape(
        shape if zero_point.size > 1 else [1]
    )
    quantized = q.reshape(values.shape).clip(limits.min, limits.max).astype(zero_point.dtype)
    return np.asarray(quantized)
