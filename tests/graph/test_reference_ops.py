"""Which operators LiteRT's reference runs in int8: asked, not remembered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from litert import run_litert
from sound_operators import SOUND, X, constant, model, wide_model

from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.refused_ops import REFUSED
from tinydeploy.quantize.tflite_writer import TfliteWriter

# Inputs of operators that are not supported, where one of X is not right.
INPUTS = {
    "ATAN2": [X, X],
    "POW": [X, X],
    "CUMSUM": [X, constant(1)],
    "REVERSE_SEQUENCE": [X, constant([1])],
}
POOL = {"Padding": "SAME", "StrideH": 1, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 2}


def one_operator(builtin: str) -> bytes:
    """A model of an operator that gives what it takes: int8 of one shape and scale."""
    writer = TfliteWriter()
    tensors = INPUTS.get(builtin, [X])
    ids = [tensor.write(writer, f"in{i}") for i, tensor in enumerate(tensors)]
    out = X.write(writer, "out")
    writer.add_op(builtin, ids, [out], POOL if "POOL" in builtin else {})
    return writer.finish([i for i, t in zip(ids, tensors, strict=True) if t.data is None], [out])


def probe(models: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """What the reference does with each: "ok", "no", or "dies"."""
    for name, data in models.items():
        (folder / name).write_bytes(data)
    script = Path(__file__).with_name("probe_reference.py")
    waiting, found = list(models), {}
    while waiting:
        command = [sys.executable, str(script), *(str(folder / name) for name in waiting)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        answers = done.stdout.split()
        answers += ["dies"] if len(answers) < len(waiting) else []
        found.update(zip(waiting, answers, strict=False))
        waiting = waiting[len(answers) :]
    return found


def test_what_is_supported_runs_in_the_reference(tmp_path: Path) -> None:
    found = probe({builtin: model(builtin) for builtin in OPS}, tmp_path)
    assert found == dict.fromkeys(OPS, "ok")


def test_what_is_supported_of_int16_runs_in_the_reference(tmp_path: Path) -> None:
    found = probe({builtin: wide_model(builtin) for builtin in WIDE_OPS}, tmp_path)
    assert found == dict.fromkeys(WIDE_OPS, "ok")


def test_what_is_said_to_have_no_kernel_has_none(tmp_path: Path) -> None:
    named = [builtin for builtin, reason in REFUSED.items() if "no int8 kernel" in reason]
    found = probe({builtin: one_operator(builtin) for builtin in named}, tmp_path)
    assert set(found.values()) <= {"no", "dies"}
    assert set(found) == set(named)


def test_a_sum_of_the_reference_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nothing needed to stand for it."""
    monkeypatch.setattr("litert.spell_sums", lambda model: model)
    x, axes = SOUND["REDUCE_MAX"][0]
    writer = TfliteWriter()
    ids = [x.write(writer, "x"), axes.write(writer, "axes")]
    y = writer.add_tensor("y", (1, 8, 8), "int8", scales=[0.5], zero_points=[0])
    writer.add_op("SUM", ids, [y], {})
    (found,) = run_litert(writer.finish(ids[:1], [y]), [np.full((1, 8, 8, 4), -1, np.int8)])
    assert not np.array_equal(found, np.full((1, 8, 8), -4))
