"""`python -m benchmarks.qat`: what quantization-aware training gives back, for docs/training.md.

A narrow net is trained on all labels of the digits, with several seeds; then trained on by the
method qat. Both checkpoints are quantized by `tinydeploy build`'s quantization, and their int8
files run in LiteRT's reference kernels on the 449 test pictures. What is kept in the folder is not
trained again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.__main__ import place_tables
from tinydeploy.graph.read import read_graph
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.train.checkpoint import load_checkpoint_model
from tinydeploy.train.train_net import TrainRequest, train_net
from tinydeploy.validate.quality import (
    Quality,
    dequantize_outputs,
    measure_quality,
    quantize_inputs,
)
from tinydeploy.validate.reference import run_reference

_SIZE = 16


def measure_case(model: str, steps: int, seed: int, folder: Path) -> tuple[Quality, Quality]:
    """A net as trained, and as trained on by qat; each float beside its int8 file."""
    trained = train_net(
        TrainRequest(
            "supervised",
            model,
            "digits",
            size=_SIZE,
            seed=seed,
            changes={"steps": steps},
        ),
        folder / f"{model}-{steps}-{seed}",
    )
    tuned = train_net(
        TrainRequest(
            "qat",
            model,
            "digits",
            size=_SIZE,
            seed=seed,
            weights=trained.checkpoint,
        ),
        folder / f"{model}-{steps}-{seed}-qat",
    )
    assert trained.checkpoint is not None
    assert tuned.checkpoint is not None
    return _measure(trained.checkpoint), _measure(tuned.checkpoint)


def _measure(checkpoint: Path) -> Quality:
    model = load_checkpoint_model(checkpoint)
    assert model.test is not None
    tflite = quantize_model(model).tflite
    graph = read_graph(tflite, model.name)
    said = run_reference(tflite, [quantize_inputs(graph, model.test.inputs)]).outputs[0]
    outputs = run_onnx(model.onnx, model.test.inputs)
    return measure_quality(outputs, dequantize_outputs(graph, said), model.test.classes)


def show_table(found: Sequence[tuple[Quality, Quality]]) -> str:
    """One line per seed, and their means."""
    rows = np.array([[*_numbers(before), *_numbers(after)] for before, after in found])
    head = ["seed", "float, %", "int8, %", "SNR, dB", "QAT: float, %", "int8, %", "SNR, dB"]
    head += ["loss of int8, points", "int8 gained, points"]
    lines = [head, ["---", *["---:"] * 8]]
    for name, row in [*((str(seed), row) for seed, row in enumerate(rows)), ("mean", rows.mean(0))]:
        lost, back = row[0] - row[1], row[4] - row[1]
        lines.append([name, *(f"{value:.1f}" for value in (*row, lost, back))])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _numbers(quality: Quality) -> tuple[float, float, float]:
    assert quality.fidelity is not None
    assert quality.float_accuracy is not None
    assert quality.int8_accuracy is not None
    return 100 * quality.float_accuracy, 100 * quality.int8_accuracy, quality.fidelity.snr_db


def main() -> int:
    """Trains, measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.qat", description=__doc__)
    parser.add_argument("--model", default="etinynet-0.125-2220")
    parser.add_argument("--steps", type=int, default=400, help="of the float net")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-qat"))
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    found = []
    for seed in range(arguments.seeds):
        found.append(measure_case(arguments.model, arguments.steps, seed, arguments.folder))
        sys.stderr.write(show_table(found[-1:]).splitlines()[-1] + "\n")
    table = show_table(found)
    sys.stdout.write(table)
    if arguments.write is not None:
        text = place_tables(arguments.write.read_text("utf-8"), {"qat": table})
        arguments.write.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
