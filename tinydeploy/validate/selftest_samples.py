"""Inputs of the data set that become part of the firmware's self-test."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tinydeploy.errors import UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.project.selftest import selftest_crc
from tinydeploy.validate.prove import Expectation

Array = NDArray[Any]


def choose_samples(graph: Graph, samples: Array | None, count: int) -> Array | None:
    """The first `count` samples [count, *shape]; None for 0.

    Raises:
        UsageError: There are not so many, or the model's outputs depend on what came before.
    """
    if count == 0:
        return None
    if graph.state_bytes:
        raise UsageError(
            "--vectors: the model keeps state from one inference to the next",
            "Leave --vectors out: the self-test then runs random bytes.",
        )
    there = 0 if samples is None else len(samples)
    if samples is None or there < count:
        raise UsageError(
            f"--vectors {count}: the data set has {there} inputs",
            "Float nets bring one, with --data; a .tflite has none.",
        )
    return samples[:count]


def extend_crc(expectation: Expectation, count: int) -> int:
    """CRC-32 that the self-test finds with the first `count` samples behind its random bytes."""
    answers = [answer[number] for number in range(count) for answer in expectation.sample_answers]
    return selftest_crc((values.tobytes() for values in answers), expectation.selftest_crc)
