"""`python -m benchmarks.mixed`: what int16 activations give small nets, and what they cost.

Each net is quantized with several shares of `--mixed`; SNR is that of held-out inputs in LiteRT's
reference kernels, instructions and arena those of a build that is proven bit-exact.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.__main__ import place_tables
from benchmarks.measure import measure_model
from benchmarks.quantization import run_int8
from tinydeploy.board import load_board
from tinydeploy.errors import TinydeployError
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.cost import Mixing
from tinydeploy.quantize.quantize_model import apply_recipe, calibrate_model
from tinydeploy.quantize.recipe import EFFORTS
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.train.small_nets import load_small_model
from tinydeploy.validate.fidelity import measure_fidelity

NETS = ("resnet_8-digits", "squeezenet-digits", "mobilenet_v2-faces")
SHARES = (0.0, 0.15, 0.5, 10.0)


@dataclass(frozen=True)
class Figures:
    """One net with one share.

    Args:
        model: Its name.
        share: What int16 may add.
        layers: Number of layers that got it.
        snr_db: Of held-out inputs.
        instructions: Of one inference, exact.
        arena: Bytes.
    """

    model: str
    share: float
    layers: int
    snr_db: float
    instructions: int
    arena: int


def measure(model: FloatModel, shares: Sequence[float], board: str) -> Iterator[Figures]:
    """Quantizes a model with test inputs once for each share, and builds each file."""
    assert model.test is not None
    recipe = EFFORTS["normal"]
    calibrated = calibrate_model(model, recipe.samples)
    exact = run_onnx(model.onnx, model.test.inputs)
    planner = BoardPlanner(load_board(board))
    for share in shares:
        quantized = apply_recipe(calibrated, recipe, Mixing(share, planner) if share else None)
        outputs = run_int8(quantized.tflite, model.test.inputs)
        with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
            path = Path(folder) / "net_int8.tflite"
            path.write_bytes(quantized.tflite)
            built = measure_model(path, board)
        layers = 0 if quantized.mixed is None else len(quantized.mixed.layers)
        snr = measure_fidelity(exact, outputs, classes=True).snr_db
        yield Figures(model.name, share, layers, snr, built.instructions, built.arena)


def show_table(figures: Sequence[Figures]) -> str:
    """One line per net and share; changes are against the first of the net."""
    lines = [
        "| net | `--mixed` | int16 layers | SNR, dB | instructions | | arena, bytes | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    first = figures[0]
    for f in figures:
        if f.model != first.model:
            first = f
        share = f"{100 * f.share:.0f} %" if f.share else "-"
        lines.append(
            f"| {f.model} | {share} | {f.layers} | {f.snr_db:.1f} "
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
    parser.add_argument("--board", default="stm32h743")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    options = parser.parse_args()
    figures: list[Figures] = []
    try:
        for name in options.model or NETS:
            for found in measure(load_small_model(*name.split("-")), SHARES, options.board):
                figures.append(found)
                sys.stderr.write(show_table(figures).splitlines()[-1] + "\n")
    except TinydeployError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    table = show_table(figures)
    sys.stdout.write(table)
    if options.write is not None:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(place_tables(text, {"mixed": table}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
