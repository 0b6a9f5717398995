"""Input vectors for comparisons: random bytes, extremes, and real samples where there are any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.graph import Graph

Int8 = NDArray[np.int8]


def make_vectors(
    graph: Graph, count: int, *, samples: Int8 | None = None, seed: int = 0
) -> list[Int8]:
    """`count` input vectors, one int8 array [count, *shape] per model input.

    Half come from `samples` where given, and stand first. The others are random: uniform bytes and,
    in turn, a narrow band round the zero point, which reaches other branches of the arithmetic than
    noise at full scale; three of them are all -128, all 127 and all zero point.

    Args:
        graph: Its inputs give the shapes.
        count: Number of vectors, at least 1.
        samples: Real inputs [n, *shape] of a model with one input; None where there are none.
        seed: Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    real = [] if samples is None or len(graph.inputs) != 1 else list(samples[: (count + 1) // 2])
    made: list[Int8] = []
    for tensor_id in graph.inputs:
        tensor = graph.tensors[tensor_id]
        zero = tensor.quantization.zero_point if tensor.quantization else 0
        fills = {4: -128, 5: 127, 6: zero}
        vectors: list[Int8] = [sample.reshape(tensor.shape) for sample in real]
        for number in range(count - len(real)):
            if number in fills:
                vectors.append(np.full(tensor.shape, fills[number], dtype=np.int8))
            elif number % 2:
                narrow = zero + rng.normal(0, 16, tensor.shape)
                vectors.append(np.clip(np.rint(narrow), -128, 127).astype(np.int8))
            else:
                vectors.append(rng.integers(-128, 128, tensor.shape, dtype=np.int8))
        made.append(np.stack(vectors[:count]))
    return made


def select_vectors(vectors: Sequence[Int8], count: int) -> list[Int8]:
    """The first `count` of each input's vectors."""
    return [values[:count] for values in vectors]
