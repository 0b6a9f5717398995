"""Inferences on a board that is asked over its serial line, emulated or real."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import Tensor
from tinydeploy.link.client import BoardClient

Array = NDArray[Any]


@dataclass(frozen=True)
class Spread:
    """Cycles of some runs."""

    min: int
    median: int
    max: int


@dataclass(frozen=True)
class Measurement:
    """What a board's cycle counter saw.

    Args:
        runs: Inferences that were measured.
        total: Cycles of a whole inference, in which nothing else is measured.
        layers: Of each layer, by position in Graph.ops, with what lies before it. Asking the
            counter takes some twenty cycles, which are among them.
    """

    runs: int
    total: Spread
    layers: tuple[Spread, ...]


def run_vectors(
    client: BoardClient,
    graph: Graph,
    vectors: Sequence[Array],
    tell: Callable[[int], None] = lambda number: None,
) -> list[Array]:
    """One inference for each vector.

    Args:
        client: The board.
        graph: Its model.
        vectors: One array [n, *shape] per model input.
        tell: Is told the number of each vector that is done.

    Returns:
        One array [n, *shape] per model output; of a detector its boxes besides, see `read_outputs`.
    """
    found = []
    for number in range(len(vectors[0])):
        client.infer([values[number].tobytes() for values in vectors])
        found.append(read_outputs(client, graph))
        tell(number)
    return [np.stack(parts) for parts in zip(*found, strict=True)]


def read_outputs(client: BoardClient, graph: Graph) -> list[Array]:
    """The outputs of the last inference, one array [*shape] each.

    A detector's boxes follow, int8 [bytes] as `Detector.pack` has them.
    """
    outputs = [
        to_array(client.read_output(place), graph.tensors[tensor])
        for place, tensor in enumerate(graph.outputs)
    ]
    if graph.detector is not None:
        outputs.append(np.frombuffer(client.read_output(len(graph.outputs)), np.int8))
    return outputs


def measure_board(client: BoardClient, inputs: Sequence[bytes], runs: int) -> Measurement:
    """Measures `runs` inferences as a whole, and as many layer by layer.

    Args:
        client: The board.
        inputs: The bytes of each model input, the same for all inferences.
        runs: At least 1.
    """
    totals = [client.infer(inputs) for _ in range(runs)]
    profiles = [client.profile(inputs) for _ in range(runs)]
    return Measurement(
        runs,
        find_spread(totals),
        tuple(find_spread(cycles) for cycles in zip(*profiles, strict=True)),
    )


def to_array(data: bytes, tensor: Tensor) -> Array:
    """The values of a tensor [*shape] from its bytes."""
    return np.frombuffer(data, tensor.dtype).reshape(tensor.shape)


def find_spread(cycles: Sequence[int]) -> Spread:
    """The least, the middle and the most of some runs."""
    return Spread(min(cycles), statistics.median_low(cycles), max(cycles))
