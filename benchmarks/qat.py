"""`python -m benchmarks.qat`: what quantization-aware training gives back, for docs/training.md.

A net learns faint digits (see `faint_digits`), with several seeds, and is trained on by the method
qat, and once more without rounding: the same steps, rate, pictures and teacher. All three are
quantized as `tinydeploy build` does it by default, and run in LiteRT's reference kernels on 5000
test pictures. What is kept in the folder is not trained again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.__main__ import place_tables
from benchmarks.faint_digits import SIDE, write_faint_digits
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import LabeledInputs
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.train.checkpoint import (
    Checkpoint,
    load_checkpoint_model,
    make_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tinydeploy.train.data.load import load_training_data
from tinydeploy.train.data.training_data import TrainingData
from tinydeploy.train.loop import Run
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.quantization_aware import train_on
from tinydeploy.train.train_net import TrainRequest, train_net
from tinydeploy.validate.quality import (
    Quality,
    dequantize_outputs,
    measure_quality,
    quantize_inputs,
)
from tinydeploy.validate.reference import run_reference

_MODEL = "etinynet-0.5-2220"
_FLOAT = {"steps": 6000, "batch": 64, "learning_rate": 4e-3, "warmup": 200}
_FURTHER = {"steps": 1500, "batch": 64, "learning_rate": 1e-2}


class Case(NamedTuple):
    """A net as trained, as trained on without rounding, and as trained on by qat."""

    before: Quality
    control: Quality
    after: Quality


def measure_case(seed: int, folder: Path) -> Case:
    """Trains and measures one seed; see the module's text."""
    numbers = folder / "faint.npz"
    request = TrainRequest(
        "supervised",
        _MODEL,
        str(numbers),
        size=SIDE,
        gray=True,
        seed=seed,
        augmentation="none",
        changes=_FLOAT,
    )
    trained = train_net(request, folder / f"float-{seed}").checkpoint
    assert trained is not None
    start = read_checkpoint(trained)
    data = load_training_data(str(numbers), size=SIDE, gray=True, preprocessing=start.preprocessing)
    control, after = (
        _train_on(start, data, seed, folder / f"{name}-{seed}", rounded=rounded)
        for name, rounded in (("control", False), ("qat", True))
    )
    return Case(*(_measure(path, data) for path in (trained, control, after)))


def _train_on(
    start: Checkpoint, data: TrainingData, seed: int, folder: Path, *, rounded: bool
) -> Path:
    run = Run(data.preprocessing, data.valid, seed, folder / "stages")
    job = Job(data, start.make_net, run, changes=_FURTHER, augmentation="none")
    net = train_on(job, rounded=rounded)
    write_checkpoint(folder / "model.pt", make_checkpoint(start.name, start.net, net, data, {}))
    return folder / "model.pt"


def _measure(checkpoint: Path, data: TrainingData) -> Quality:
    """Float and int8 on all test pictures: a checkpoint keeps but some."""
    model = load_checkpoint_model(checkpoint)
    test = LabeledInputs(data.preprocessing.normalize(data.valid.pixels), data.valid.classes)
    tflite = quantize_model(model).tflite
    graph = read_graph(tflite, model.name)
    said = run_reference(tflite, [quantize_inputs(graph, test.inputs)]).outputs[0]
    outputs = run_onnx(model.onnx, test.inputs)
    return measure_quality(outputs, dequantize_outputs(graph, said), test.classes)


def show_table(found: Sequence[Case]) -> str:
    """One line per seed, and their means."""
    rows = np.array([[value for quality in case for value in _numbers(quality)] for case in found])
    head = ["seed", "float, %", "int8, %", "lost, points", "control: float, %", "int8, %"]
    head += ["QAT: float, %", "int8, %", "gained by control, points", "gained by QAT, points"]
    head += ["SNR, dB: before", "control", "QAT"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name, row in [*((str(seed), row) for seed, row in enumerate(rows)), ("mean", rows.mean(0))]:
        real, int8, snr, control, control8, control_snr, qat, qat8, qat_snr = row
        accuracies = (real, int8, real - int8, control, control8, qat, qat8)
        gains = (control8 - int8, qat8 - int8)
        lines.append(
            [
                name,
                *(f"{value:.2f}" for value in (*accuracies, *gains)),
                *(f"{value:.1f}" for value in (snr, control_snr, qat_snr)),
            ]
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _numbers(quality: Quality) -> tuple[float, float, float]:
    assert quality.fidelity is not None
    assert quality.float_accuracy is not None
    assert quality.int8_accuracy is not None
    return 100 * quality.float_accuracy, 100 * quality.int8_accuracy, quality.fidelity.snr_db


def main() -> int:
    """Trains, measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.qat", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-qat"))
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    if not (arguments.folder / "faint.npz").exists():
        write_faint_digits(arguments.folder / "faint.npz")
    found = []
    for seed in range(arguments.seeds):
        found.append(measure_case(seed, arguments.folder))
        sys.stderr.write(show_table(found).splitlines()[-2] + "\n")
    table = show_table(found)
    sys.stdout.write(table)
    if arguments.write is not None:
        text = place_tables(arguments.write.read_text("utf-8"), {"qat": table})
        arguments.write.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
