"""The firmware's self-test: its input, and the CRC that its output must have.

docs/protocol.md defines both.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.graph import Graph

SEED = 0x2545F491


def make_selftest_inputs(graph: Graph) -> list[NDArray[np.int8]]:
    """The input of the self-test, one int8 array [1, *shape] per model input.

    Bytes are `state >> 24` of xorshift32 with shifts 13, 17, 5 (Marsaglia, 2003), input by input.
    """
    state = SEED
    inputs = []
    for tensor in graph.inputs:
        shape = graph.tensors[tensor].shape
        values = bytearray()
        for _ in range(graph.tensors[tensor].size):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            values.append(state >> 24)
        inputs.append(np.frombuffer(bytes(values), dtype=np.int8).reshape(1, *shape))
    return inputs


def compute_output_crc(outputs: Sequence[NDArray[np.int8]]) -> int:
    """CRC-32 over all bytes of the outputs, output by output."""
    crc = 0
    for values in outputs:
        crc = zlib.crc32(np.ascontiguousarray(values).tobytes(), crc)
    return crc
