"""The ranges of a quantized model's tensors, and how their values lie in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.report.build_report import RangeFacts
from tinydeploy.validate.tensor_use import TensorUse

_PER_BIN = 4  # of the 256 numbers


def list_ranges(
    graph: Graph, makers: Mapping[int, int], tflite: bytes, used: Sequence[TensorUse]
) -> tuple[RangeFacts, ...]:
    """Ranges of the inputs, then of each operator's weights and of what it makes.

    Args:
        graph: The graph as built.
        makers: The layer that makes each stored tensor, by tensor.
        tflite: The file that it was read from.
        used: What was seen of activations; those that are not among them have no histogram.
    """
    uses = {use.tensor: use for use in used}
    found = [_activation(graph.tensors[t], -1, uses.get(t)) for t in graph.inputs]
    # Constants of operators that have been merged into the one that takes what they make.
    merged: dict[int, list[Tensor]] = {}
    for operator in parse_tflite(tflite).operators:
        inputs = [number for number in operator.inputs if number >= 0]
        constants = [tensor for number in inputs for tensor in merged.pop(number, [])]
        constants += [graph.tensors[n] for n in inputs if _is_weights(graph.tensors[n])]
        stored = [tensor for tensor in operator.outputs if tensor in makers]
        if not stored:
            merged.update(dict.fromkeys(operator.outputs[:1], constants))
            continue
        layer = makers[stored[0]]
        found += [_weights(tensor, layer) for tensor in constants]
        found += [
            _activation(graph.tensors[tensor], makers[tensor], uses.get(tensor))
            for tensor in stored
            if graph.tensors[tensor].quantization is not None
        ]
    return tuple(found)


def _is_weights(tensor: Tensor) -> bool:
    has_values = tensor.data is not None and tensor.size > 0
    return has_values and tensor.dtype == "int8" and tensor.quantization is not None


def _weights(tensor: Tensor, layer: int) -> RangeFacts:
    assert tensor.data is not None and tensor.quantization is not None
    values = tensor.data.astype(np.int64).ravel()
    return RangeFacts(
        name=tensor.name,
        layer=layer,
        weights=True,
        dtype=tensor.dtype,
        scale=max(tensor.quantization.scales),
        zero_point=tensor.quantization.zero_points[0],
        low=int(values.min()),
        high=int(values.max()),
        saturated=None,
        histogram=_sum_bins(np.bincount(values + 128, minlength=256).tolist()),
    )


def _activation(tensor: Tensor, layer: int, use: TensorUse | None) -> RangeFacts:
    scale, zero_point = tensor.affine
    return RangeFacts(
        name=tensor.name,
        layer=layer,
        weights=False,
        dtype=tensor.dtype,
        scale=scale,
        zero_point=zero_point,
        low=None if use is None else use.low,
        high=None if use is None else use.high,
        saturated=None if use is None else round(use.saturated, 6),
        histogram=() if use is None else _sum_bins(use.counts),
    )


def _sum_bins(counts: Sequence[int]) -> tuple[int, ...]:
    return tuple(sum(counts[k : k + _PER_BIN]) for k in range(0, len(counts), _PER_BIN))
