"""`python -m benchmarks.mixed`: what int16 activations give small nets, and what they cost.

Each net is quantized without and with `--mixed 15%`; SNR is that of held-out inputs in LiteRT's
reference kernels, instructions and arena those of a build that is proven bit-exact. `--etinynet`
measures EtinyNet-1.0 instead, as benchmarks/quantization_etinynet.py does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.__main__ import place_tables
from benchmarks.measure import measure_model
from benchmarks.quantization import run_int8
from benchmarks.quantization_etinynet import Pixels, Protocol
from tinydeploy.board import load_board
from tinydeploy.errors import TinydeployError
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.cost import Mixing
from tinydeploy.quantize.quantize_model import QuantizedModel, apply_recipe, calibrate_model
from tinydeploy.quantize.recipe import EFFORTS
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.train.small_nets import load_small_model
from tinydeploy.validate.fidelity import measure_fidelity

SIZES = (128, 224)
NETS = ("resnet_8-digits", "squeezenet-digits", "mobilenet_v2-faces")
SHARES = (0.0, 0.15)


@dataclass(frozen=True)
class Figures:
    """One net with one share.

    Args:
        model: Its name.
        share: What int16 may add.
        layers: Number of layers that got it.
        snr_db: Of held-out inputs.
        top1: Per cent of them with the best class of the float net.
        instructions: Of one inference, exact.
        arena: Bytes.
    """

    model: str
    share: float
    layers: int
    snr_db: float
    top1: float
    instructions: int
    arena: int


@dataclass(frozen=True)
class Job:
    """A float net and how int8 is compared with it.

    Args:
        model: With calibration inputs.
        shares: What int16 may add, once for each line.
        compare: SNR, and per cent of agreement of the best class.
    """

    model: FloatModel
    shares: Sequence[float]
    compare: Callable[[QuantizedModel], tuple[float, float]]


def list_small_nets(names: Iterable[str]) -> Iterator[Job]:
    """Nets trained on digits or faces, on inputs that are not calibrated on."""
    for name in names:
        net, data = name.split("-")
        model = load_small_model(net, data)
        yield Job(model, SHARES, partial(_compare_small, model))


def _compare_small(model: FloatModel, quantized: QuantizedModel) -> tuple[float, float]:
    assert model.test is not None
    exact = run_onnx(model.onnx, model.test.inputs)
    outputs = run_int8(quantized.tflite, model.test.inputs)
    found = measure_fidelity(exact, outputs, classes=True)
    assert found.top1_agreement is not None
    return found.snr_db, 100 * found.top1_agreement


def list_etinynets(folder: Path) -> Iterator[Job]:
    """EtinyNet-1.0, on evaluation crops."""
    protocol = Protocol(folder)
    for size in SIZES:
        model = protocol.make_model(size, protocol.calibration(size, "all"))
        model = replace(model, name=f"etinynet-1.0 {size}x{size}")
        crops = protocol.evaluation(size, "all")
        yield Job(model, SHARES, partial(_compare_crops, protocol, model, crops))


def _compare_crops(
    protocol: Protocol, model: FloatModel, crops: Pixels, quantized: QuantizedModel
) -> tuple[float, float]:
    found = protocol.compare(model, quantized, crops)
    return found["snr_db"], found["top1_percent"]


def measure(job: Job, board: str) -> Iterator[Figures]:
    """Quantizes a model once for each share, and builds each file."""
    recipe = EFFORTS["normal"]
    calibrated = calibrate_model(job.model, recipe.samples)
    planner = BoardPlanner(load_board(board))
    for share in job.shares:
        quantized = apply_recipe(calibrated, recipe, Mixing(share, planner) if share else None)
        with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
            path = Path(folder) / "net_int8.tflite"
            path.write_bytes(quantized.tflite)
            built = measure_model(path, board)
        layers = 0 if quantized.mixed is None else len(quantized.mixed.layers)
        yield Figures(
            job.model.name,
            share,
            layers,
            *job.compare(quantized),
            built.instructions,
            built.arena,
        )


def show_table(figures: Sequence[Figures]) -> str:
    """One line per net and share; changes are against the first of the net."""
    lines = [
        "| net | `--mixed` | int16 layers | SNR, dB | top-1 as float, % | instructions | | arena "
        "| |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    first = figures[0]
    for f in figures:
        if f.model != first.model:
            first = f
        share = f"{100 * f.share:.0f} %" if f.share else "-"
        lines.append(
            f"| {f.model} | {share} | {f.layers} | {f.snr_db:.1f} | {f.top1:.1f} "
            f"| {f.instructions:,} | {_change(f.instructions, first.instructions)} "
            f"| {f.arena:,} | {_change(f.arena, first.arena)} |"
        )
    return "\n".join(lines) + "\n"


def _change(value: int, before: int) -> str:
    return "" if value == before else f"{100 * (value / before - 1):+.1f} %"


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed", description=__doc__)
    parser.add_argument("--model", action="append", help="e.g. resnet_8-faces")
    parser.add_argument("--etinynet", type=Path, metavar="FOLDER", help="the test data")
    parser.add_argument("--board", default="stm32h743")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    options = parser.parse_args()
    figures: list[Figures] = []
    try:
        small = list_small_nets(options.model or NETS)
        for job in list_etinynets(options.etinynet) if options.etinynet else small:
            for found in measure(job, options.board):
                figures.append(found)
                sys.stderr.write(show_table(figures).splitlines()[-1] + "\n")
    except TinydeployError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    table = show_table(figures)
    name = "mixed etinynet" if options.etinynet else "mixed"
    sys.stdout.write(table)
    if options.write is not None:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(place_tables(text, {name: table}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
