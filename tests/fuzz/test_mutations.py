"""Damaged real models, always the same ones: exact on the host, or refused by one of our errors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from builders import ModelBuilder
from mutation_case import Outcome, run_apart, try_file, warm_up
from mutations import find_tables, mutate

from tinydeploy.validate.host import compile_kernels

CASES = {"hello_world_int8": 140, "mlperf_tiny_kws_int8": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutations")
    compile_kernels(folder)
    b = ModelBuilder()
    warm_up(b.finish([b.fully_connected(b.input((4,)), 3)]), folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_damaged_models(shared_data: Path, folder: Path, name: str) -> None:
    victim = find_tables(name, (shared_data / "models" / f"{name}.tflite").read_bytes())
    ends: Counter[str] = Counter()
    for seed in range(CASES[name]):
        kind, data = mutate(victim, seed)
        outcome = try_file(data, seed, folder)
        assert outcome.good, f"seed {seed}, {kind}: {outcome.said}"
        ends[outcome.kind] += 1
    assert ends["exact"] > 0
    assert ends["refused by the reader"] > 0


def test_what_dies_is_a_bug() -> None:
    def die() -> Outcome:
        raise ZeroDivisionError

    outcome, _ = run_apart(die)
    assert not outcome.good
    assert "ZeroDivisionError" in outcome.said
