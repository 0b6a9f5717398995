"""A line that spoils one byte in a hundred, to the real firmware in the emulated board."""

from __future__ import annotations

from pathlib import Path

import pytest
from noise_campaign import run_campaign
from noisy_line import NoisyLine

from tinydeploy.board import load_board
from tinydeploy.link.retry_timer import RetryTimer


def test_noise_costs_time_alone(tmp_path: Path) -> None:
    """`make noise` is the same with 10,000 requests and 150 KB; `pytest -rP` shows the figures."""
    small, large = run_campaign(load_board("stm32l4r9"), tmp_path, 200, 3_000, seed=2)
    print(small, large, sep="\n")  # noqa: T201
    for figures in (small, large):
        line = figures.line
        assert figures.wrong == 0
        assert figures.repeats > 10
        assert min(line.flipped, line.dropped, line.doubled) > 10
        spoilt = line.flipped + line.dropped + line.doubled
        assert 0.007 < spoilt / line.carried < 0.013


class Echo:
    """Gives back what is written."""

    def __init__(self) -> None:
        self._data = b""

    def write(self, data: bytes) -> None:
        self._data += data

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        data, self._data = self._data[:max_bytes], self._data[max_bytes:]
        return data


def test_noise_is_the_same_for_the_same_seed() -> None:
    def carry(seed: int) -> bytes:
        line = NoisyLine(Echo(), 0.05, seed)
        line.write(bytes(range(256)) * 4)
        return line.read(2000, 0)

    assert carry(1) == carry(1)
    assert carry(1) != carry(2)
    assert NoisyLine(Echo(), 0.05, 1).read(10, 0) == b""


def test_waits_follow_the_line() -> None:
    timer = RetryTimer(0.5, 8.0)
    assert timer.wait_s(0) == 0.5
    timer.learn(0.2)
    assert timer.wait_s(0) == pytest.approx(0.2 + 4 * 0.1)
    for _ in range(60):
        timer.learn(0.2)
    assert timer.wait_s(0) == pytest.approx(0.2, rel=0.01)
    waits = [timer.wait_s(attempt) for attempt in range(40)]
    assert waits[1] == pytest.approx(1.25 * waits[0])
    assert waits == sorted(waits)
    assert waits[-1] == 8.0
    for _ in range(100):
        timer.learn(0.001)
    assert timer.wait_s(0) == 0.03
    assert timer.wait_s(10_000) == 8.0
