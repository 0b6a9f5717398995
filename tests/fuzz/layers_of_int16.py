"""A layer of random graphs: to int16, one or two operators there, and back to int8."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from builders import Handle

if TYPE_CHECKING:
    from graph_maker import GraphMaker

_ONE = 1 / 32768
_SCALES = (0.001, 2.0**-12, 0.0173, 0.00037)


def wide(m: GraphMaker, x: Handle) -> Handle:
    y = _activation(m, x.shape, m.pick(_SCALES))
    m.builder.writer.add_op("QUANTIZE", [x.id], [y.id], {})
    for _ in range(m.number(1, 2)):
        y = _apply(m, y)
    back = m.builder.activation(y.shape, m.scale(), m.zero())
    m.builder.writer.add_op("QUANTIZE", [y.id], [back.id], {})
    return back


def _activation(m: GraphMaker, shape: tuple[int, ...], scale: float) -> Handle:
    name, scale = f"wide{m.builder.rng.integers(1 << 30)}", float(np.float32(scale))
    tensor = m.builder.writer.add_tensor(name, shape, "int16", scales=[scale], zero_points=[0])
    return Handle(tensor, tuple(shape), scale, 0)


def _apply(m: GraphMaker, x: Handle) -> Handle:
    kinds = ["ADD", "SUB", "MUL", "MAXIMUM", "RELU", "RELU6", "TANH", "LOGISTIC", "SOFTMAX"]
    kinds += ["LEAKY_RELU", "ABS", "REDUCE_MAX", "REDUCE_MIN"]
    kinds += ["TRANSPOSE", "REVERSE_V2", "FULLY_CONNECTED", "MEAN"]
    kinds += ["BATCH_MATMUL"] if len(x.shape) > 1 else []
    if len(x.shape) == 4:
        kinds += ["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D"]
        kinds += ["RESIZE_BILINEAR", "TRANSPOSE_CONV"]
    builtin = m.pick(kinds)
    options: dict[str, object] = {}
    shape, scale, inputs = x.shape, m.pick(_SCALES), [x.id]
    if builtin in ("ADD", "SUB", "MUL", "MAXIMUM"):
        sizes = [n if m.flag() else 1 for n in x.shape]
        values = m.builder.rng.integers(-(2**15), 2**15, sizes).astype(np.int16)
        inputs.append(m.builder.constant(values, x.scale))
        scale = {"MUL": max(scale, 2 * x.scale**2), "MAXIMUM": x.scale}.get(builtin, scale)
        options = {"PotScaleInt16": False} if builtin in ("ADD", "SUB") else {}
    elif builtin in ("TANH", "LOGISTIC", "SOFTMAX"):
        scale, options = _ONE, {"Beta": 1.0} if builtin == "SOFTMAX" else {}
    elif builtin in ("LEAKY_RELU", "ABS"):
        options = {"Alpha": m.pick((0.1, 0.0, 1.7))} if builtin == "LEAKY_RELU" else {}
    elif builtin == "TRANSPOSE":
        order = [0, *range(len(x.shape) - 1, 0, -1)]
        shape, scale = tuple(x.shape[d] for d in order), x.scale
        inputs.append(m.numbers(order))
    elif builtin == "REVERSE_V2":
        inputs, scale = [x.id, m.numbers([len(x.shape) - 1])], x.scale
    elif builtin in ("MEAN", "REDUCE_MAX", "REDUCE_MIN"):
        scale = scale if builtin == "MEAN" else x.scale
        options, shape = {"KeepDims": True}, (*x.shape[:-1], 1)
        inputs.append(m.numbers([len(x.shape) - 1]))
    elif builtin == "BATCH_MATMUL":
        columns, turned = m.number(1, 4), m.flag()
        size = (columns, x.shape[-1]) if turned else (x.shape[-1], columns)
        values = m.builder.rng.integers(-(2**15), 2**15, size).astype(np.int16)
        inputs.append(m.builder.constant(values, 0.001))
        shape, scale = (*x.shape[:-1], columns), x.scale * 10 * math.sqrt(x.shape[-1])
        options = {"AdjY": turned}
    elif builtin == "RESIZE_BILINEAR":
        height, width = (n * m.pick((1, 2)) for n in x.shape[1:3])
        shape, scale = (1, height, width, x.shape[3]), x.scale
        inputs.append(m.numbers([height, width]))
        options = {"HalfPixelCenters": m.flag()}
    elif builtin == "MAX_POOL_2D":
        scale = x.scale
        options = {"FilterHeight": 2, "FilterWidth": 3, "StrideH": 1, "StrideW": 1}
        options["Padding"] = "SAME"
    else:
        shape, scale, options = _add_weights(m, builtin, x, inputs) or (shape, scale, options)
    output = _activation(m, shape, scale)
    m.builder.writer.add_op(builtin, inputs, [output.id], options)
    return output


def _add_weights(
    m: GraphMaker, builtin: str, x: Handle, inputs: list[int]
) -> tuple[tuple[int, ...], float, dict[str, object]] | None:
    """Puts weights and a bias behind the inputs; None for an operator without any."""
    if builtin not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"):
        return None
    depth, units = x.shape[-1], m.number(1, 5)
    kernel = m.pair(1, 3)
    axis, size = 0, (units, *kernel, depth)
    shape: tuple[int, ...] = (*x.shape[:-1], units)
    options: dict[str, object] = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
    options |= {"DilationHFactor": 1, "DilationWFactor": 1}
    if builtin == "DEPTHWISE_CONV_2D":
        axis, size, shape = 3, (1, *kernel, depth), x.shape
        options |= {"DepthMultiplier": 1}
    elif builtin == "FULLY_CONNECTED":
        size, shape, options = (units, depth), (math.prod(x.shape[:-1]), units), {}
    elif builtin == "TRANSPOSE_CONV":
        stride = m.pick((1, 2))
        shape = (1, *(n * stride for n in x.shape[1:3]), units)
        options = {"Padding": "SAME", "StrideH": stride, "StrideW": stride}
        inputs.insert(0, m.numbers(shape))
    rng, writer = m.builder.rng, m.builder.writer
    values = rng.integers(-127, 128, size).astype(np.int8)
    scales = rng.uniform(0.002, 0.02, size[axis] if m.flag() else 1).astype(np.float32)
    name = f"w{rng.integers(1 << 30)}"
    weights = writer.add_tensor(name, size, "int8", scales=scales, axis=axis, data=values)
    inputs.insert(1, weights)  # in front of a TRANSPOSE_CONV's input, behind others
    bias = rng.integers(-(10**6), 10**6, size[axis]).astype(np.int64)
    products = scales * np.float32(x.scale)
    inputs.append(
        writer.add_tensor(f"{name}/bias", bias.shape, "int64", scales=products, data=bias)
    )
    return shape, float(x.scale * scales.mean() * 200 * math.sqrt(values[0].size)), options
