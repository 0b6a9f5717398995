"""Input vectors for comparisons: random bytes, extremes, and real samples where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.graph import Graph

Array = NDArray[Any]

SAMPLES_FILE: Final = "samples.npy"
"""In a build's folder: real inputs [n, *shape without the batch], where it had any."""


def make_vectors(
    graph: Graph, count: int, *, samples: Array | None = None, seed: int = 0
) -> list[Array]:
    """`count` input vectors, one int8 array [count, *shape] per model input.

    Half come from `samples` where given, and stand first. The others are random: uniform bytes and,
    in turn, a narrow band round the zero point, which reaches other branches of the arithmetic than
    noise at full scale; three of them are all -128, all 127 (of int16: -32768, 32767) and all zero
    point.

    Args:
        graph: Its inputs give the shapes.
        count: Number of vectors, at least 1.
        samples: Real inputs [n, *shape] of a model with one input; None where there are none.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    real = [] if samples is None or len(graph.inputs) != 1 else list(samples[: (count + 1) // 2])
    made: list[Array] = []
    for tensor_id in graph.inputs:
        tensor = graph.tensors[tensor_id]
        zero = tensor.quantization.zero_point if tensor.quantization else 0
        low, high = np.iinfo(tensor.dtype).min, np.iinfo(tensor.dtype).max
        fills = {4: low, 5: high, 6: zero}
        vectors: list[Array] = [sample.reshape(tensor.shape) for sample in real]
        for number in range(count - len(real)):
            if number in fills:
                vectors.append(np.full(tensor.shape, fills[number], tensor.dtype))
            elif number % 2:
                narrow = zero + rng.normal(0, (high + 1) / 8, tensor.shape)
                vectors.append(np.clip(np.rint(narrow), low, high).astype(tensor.dtype))
            else:
                vectors.append(rng.integers(low, high + 1, tensor.shape, dtype=tensor.dtype))
        made.append(np.stack(vectors[:count]))
    return made


def select_vectors(vectors: Sequence[Array], count: int) -> list[Array]:
    """The first `count` of each input's vectors."""
    return [values[:count] for values in vectors]
