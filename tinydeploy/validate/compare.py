"""Bit-for-bit comparison with the reference, and the name of the first layer that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph

Array = NDArray[Any]


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing one place (host, emulator, board) with the reference.

    Args:
        vectors: Input vectors whose outputs were compared.
        bytes_compared: Output bytes, and bytes of intermediate tensors.
        bytes_mismatched: How many of them are of elements that differ.
        tensors_compared: Intermediate tensors compared, on one vector.
        first_difference: Sentence that names the first difference; None where there is none.
    """

    vectors: int
    bytes_compared: int
    bytes_mismatched: int
    tensors_compared: int
    first_difference: str | None

    @property
    def bit_exact(self) -> bool:
        """No byte differs, and there were bytes to compare."""
        return self.bytes_compared > 0 and self.bytes_mismatched == 0


def compare_outputs(expected: Sequence[Array], found: Sequence[Array]) -> Comparison:
    """Compares the outputs of n vectors, one array [n, *shape] per model output on both sides."""
    if [a.shape for a in expected] != [b.shape for b in found]:
        raise InternalError(
            f"outputs of shapes {[b.shape for b in found]}, not {[a.shape for a in expected]}"
        )
    mismatched = 0
    first: str | None = None
    for number, (exact, values) in enumerate(zip(expected, found, strict=True)):
        wrong = np.argwhere(exact != values)
        mismatched += len(wrong) * exact.itemsize
        if len(wrong) and first is None:
            place = tuple(int(i) for i in wrong[0])
            first = (
                f"output {number}, vector {place[0]}, element {list(place[1:])}: "
                f"{values[place]} instead of {exact[place]}"
            )
    return Comparison(len(expected[0]), sum(a.nbytes for a in expected), mismatched, 0, first)


def compare_tensors(
    graph: Graph, expected: Mapping[int, Array], found: Mapping[int, Array]
) -> Comparison:
    """Compares intermediate tensors of one vector, in the order in which the graph makes them."""
    compared = mismatched = tensors = 0
    first: str | None = None
    for position, op in enumerate(graph.ops):
        for tensor_id in op.outputs:
            if tensor_id not in found or tensor_id not in expected:
                continue
            exact = expected[tensor_id].reshape(-1)
            values = found[tensor_id].reshape(-1)
            if exact.shape != values.shape:
                raise InternalError(
                    f"tensor {tensor_id} has {values.size} elements, not {exact.size}"
                )
            wrong = np.flatnonzero(exact != values)
            compared, mismatched, tensors = (
                compared + exact.nbytes,
                mismatched + len(wrong) * exact.itemsize,
                tensors + 1,
            )
            if len(wrong) and first is None:
                tensor = graph.tensors[tensor_id]
                first = (
                    f"layer {position} ({op.kind}, operator {op.index} of the file, tensor "
                    f"'{tensor.name}' {list(tensor.shape)}): {len(wrong)} of {exact.size} "
                    f"elements differ, "
                    f"the first at {int(wrong[0])}: {values[wrong[0]]} instead of {exact[wrong[0]]}"
                )
    return Comparison(1 if tensors else 0, compared, mismatched, tensors, first)


def add_comparisons(outputs: Comparison, *tensors: Comparison) -> Comparison:
    """The outputs of all vectors and the tensors of one, as one figure.

    Where a layer differs, it is what the sentence names.
    """
    parts = (*tensors, outputs)
    return Comparison(
        outputs.vectors,
        sum(part.bytes_compared for part in parts),
        sum(part.bytes_mismatched for part in parts),
        sum(part.tensors_compared for part in parts),
        next((part.first_difference for part in parts if part.first_difference), None),
    )
