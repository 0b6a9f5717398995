"""TinyNPU's arithmetic a second time, op by op on NHWC tensors: no program, no memory, no blocks.

It is the definition in the plainest words, in 64-bit integers and float32, and shares nothing with
the simulator and the compiler but the numbers of `affine`. Whatever both make must be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.mean import Mean
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.ops.sub import Sub
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.npu.affine import (
    Affine,
    convolution_affine,
    element_affine,
    mean_affine,
    sum_affine,
)

Int8 = NDArray[np.int8]
Values = Mapping[int, Int8]


def run_arithmetic(graph: Graph, image: Int8, wanted: tuple[int, ...]) -> dict[int, Int8]:
    """Computes tensors of a graph as TinyNPU's arithmetic defines them.

    Args:
        graph: As read, or fused.
        image: int8, of the input's shape.
        wanted: Tensor ids.

    Returns:
        Each of them, int8, of its shape in the graph.

    Raises:
        UnsupportedModelError: One of them needs an op that the arithmetic does not define.
    """
    values = {graph.inputs[0]: image.reshape(graph.tensors[graph.inputs[0]].shape)}
    needed = set(wanted)
    for op in reversed(graph.ops):
        if needed & set(op.outputs):
            needed |= set(op.inputs)
    for op in graph.ops:
        if needed & set(op.outputs):
            compute = _COMPUTE.get(type(op))
            if compute is None:
                raise UnsupportedModelError(f"TinyNPU's arithmetic does not define {op.kind}")
            (result,) = op.outputs
            values[result] = compute(graph, op, values).reshape(graph.tensors[result].shape)
    return {tensor: values[tensor] for tensor in wanted}


def normalize(total: NDArray[np.float32], affine: Affine) -> Int8:
    """Rounded to nearest even and saturated; `total` is the scaled sum without the offset."""
    bounded: NDArray[np.float32] = np.clip(np.rint(total + affine.offset), affine.low, affine.high)
    return bounded.astype(np.int8)


def _scale(sums: NDArray[np.int64], affine: Affine) -> Int8:
    return normalize(sums.astype(np.float32) * affine.scale, affine)


def _windows(image: NDArray[Any], kernel: tuple[int, int], stride: tuple[int, int]) -> NDArray[Any]:
    """[h, w, c] to [rows, columns, c, kernel h, kernel w]."""
    windows: NDArray[Any] = np.lib.stride_tricks.sliding_window_view(image, kernel, axis=(0, 1))
    return windows[:: stride[0], :: stride[1]]


def _pad(image: NDArray[Any], padding: tuple[int, int, int, int], value: int) -> NDArray[Any]:
    top, left, bottom, right = padding
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=value)


def _pool(op: MaxPool2D, image: Int8) -> Int8:
    windows = _windows(_pad(image, op.padding, -128), op.kernel, op.stride)
    pooled: Int8 = np.clip(windows.max(axis=(3, 4)), op.low, op.high)
    return pooled


def _convolution(graph: Graph, op: Convolution, values: Values) -> Int8:
    image = values[op.inputs[0]][0].astype(np.int64) - op.input_zero_point
    windows = _windows(_pad(image, op.padding, 0), op.kernel, op.stride)
    weights = op.weights.astype(np.int64)
    if isinstance(op, Conv2D):
        sums = np.einsum("yxcij,oijc->yxo", windows, weights, optimize=True)
    else:
        repeated = np.repeat(windows, weights.shape[3] // image.shape[2], axis=2)
        sums = np.einsum("yxcij,ijc->yxc", repeated, weights[0])
    made = _scale(sums, convolution_affine(op))
    return made if op.pool is None else _pool(op.pool, made)


def _fully_connected(graph: Graph, op: FullyConnected, values: Values) -> Int8:
    vector = values[op.inputs[0]].ravel().astype(np.int64) - op.input_zero_point
    return _scale(op.weights.astype(np.int64) @ vector, convolution_affine(op))


def _mean(graph: Graph, op: Mean | AveragePool2D, values: Values) -> Int8:
    bounds = (op.low, op.high) if isinstance(op, AveragePool2D) else (-128, 127)
    sums: NDArray[np.int64] = values[op.inputs[0]][0].astype(np.int64).sum(axis=(0, 1))
    return _scale(sums, mean_affine(graph, op.inputs[0], op.outputs[0], *bounds))


def _sum(graph: Graph, op: ScaledSum, values: Values) -> Int8:
    if op.constant is not None:
        return _elements(graph, op, values)
    affine = sum_affine(graph, op)
    first, other = (values[tensor].astype(np.float32) for tensor in op.inputs)
    return normalize(first * affine.scale[0] + other * affine.scale[1], affine)


def _elements(graph: Graph, op: ScaledSum | Mul | Lookup, values: Values) -> Int8:
    affine = element_affine(graph, op)
    if affine is None:
        raise UnsupportedModelError(f"TinyNPU's arithmetic does not define this {op.kind}")
    rows = values[op.inputs[0]].reshape(graph.tensors[op.outputs[0]].rows)
    return normalize(rows.astype(np.float32) * affine.scale, affine)


def _max_pool(graph: Graph, op: MaxPool2D, values: Values) -> Int8:
    return _pool(op, values[op.inputs[0]][0])


def _reshape(graph: Graph, op: Reshape, values: Values) -> Int8:
    return values[op.inputs[0]]


def _padding(graph: Graph, op: Pad, values: Values) -> Int8:
    return _pad(values[op.inputs[0]][0], op.padding, op.value)


def _operands(op: Maximum | Minimum, values: Values) -> list[Int8]:
    found = [values[tensor] for tensor in op.inputs]
    return found if op.constant is None else [*found, op.constant]


def _minimum(graph: Graph, op: Minimum, values: Values) -> Int8:
    return np.minimum(*_operands(op, values))


def _maximum(graph: Graph, op: Maximum, values: Values) -> Int8:
    return np.maximum(*_operands(op, values))


_COMPUTE: Final[Mapping[type[Op], Callable[[Graph, Any, Values], Int8]]] = {
    Conv2D: _convolution,
    DepthwiseConv2D: _convolution,
    FullyConnected: _fully_connected,
    Mean: _mean,
    AveragePool2D: _mean,
    Add: _sum,
    Sub: _sum,
    Mul: _elements,
    Lookup: _elements,
    MaxPool2D: _max_pool,
    Reshape: _reshape,
    Pad: _padding,
    Maximum: _maximum,
    Minimum: _minimum,
}
