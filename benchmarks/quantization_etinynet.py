"""`python -m benchmarks.quantization_etinynet FOLDER`: EtinyNet-1.0 in int8 against float.

FOLDER holds `protocol/etinynet_crops.py`, which says what crops are calibrated on and compared, and
`etinynet/etinynet-1.0-imagenet.params`, the authors' weights. Whatever was chosen was chosen on the
development crops (--ablation); the figures are of the evaluation crops.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import place_tables
from tinydeploy.board import load_board
from tinydeploy.errors import InputFileError, TinydeployError
from tinydeploy.model.export import export_onnx
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.model.weights import load_weights, read_weights
from tinydeploy.quantize.cost import Mixing
from tinydeploy.quantize.quantize_model import (
    QuantizedModel,
    apply_recipe,
    calibrate_model,
    quantize_model,
)
from tinydeploy.quantize.recipe import EFFORTS, Effort, Recipe
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.zoo.registry import find_model

# What int16 activations cost is counted for this one.
_BOARD = "stm32h743"

Pixels = NDArray[np.uint8]
Split = Literal["all", "held out"]

# Nothing at all, then one remedy more in each line.
_NONE = Recipe(
    ranges="min-max",
    equalize=False,
    correct_bias=False,
    fit_weights=False,
    rounding="nearest",
    guard=False,
)
_CORRECTED = replace(_NONE, equalize=True, correct_bias=True)
ABLATION: Mapping[str, Recipe] = {
    "min-max ranges": _NONE,
    "percentile ranges": replace(_NONE, ranges="percentile"),
    "MSE ranges": replace(_NONE, ranges="mse"),
    "entropy ranges": replace(_NONE, ranges="entropy"),
    "min-max, equalization": replace(_NONE, equalize=True),
    "min-max, bias correction": replace(_NONE, correct_bias=True),
    "min-max, equalization, bias correction": _CORRECTED,
    "percentile, equalization, bias correction": replace(_CORRECTED, ranges="percentile"),
    "MSE, equalization, bias correction": replace(_CORRECTED, ranges="mse"),
    "the same, compensated rounding": replace(_CORRECTED, ranges="mse", rounding="compensated"),
    "the same, fitted weights": Recipe(ranges="mse", guard=False),
    "measured and guarded: `--effort normal`": EFFORTS["normal"],
}


@dataclass(frozen=True)
class Figures:
    """One int8 net against float.

    Args:
        crops: What was compared.
        effort: How it was quantized.
        mixed: Share of RAM and instructions that int16 could add.
        snr_db: Of all logits.
        top1: Per cent of crops with the same best class.
        confident_top1: The same of crops of which the float net is sure.
        wall_s: Seconds that conversion and quantization took.
        cpu_s: Seconds of CPU time, of all cores.
        peak_mb: Largest resident set of the process by then.
    """

    crops: str
    effort: Effort
    mixed: float
    snr_db: float
    top1: float
    confident_top1: float
    wall_s: float
    cpu_s: float
    peak_mb: float


class Protocol:
    """Crops and comparisons as the protocol's file defines them.

    Args:
        folder: See above.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "protocol" / "etinynet_crops.py"
        spec = importlib.util.spec_from_file_location("etinynet_crops", path)
        if spec is None or spec.loader is None or not path.exists():
            raise InputFileError(f"there is no {path}", "Name the folder of the test data.")
        self._module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._module)
        self._weights = folder / "etinynet" / "etinynet-1.0-imagenet.params"

    def calibration(self, size: int, split: Split) -> Pixels:
        """What ranges are measured on."""
        crops: Pixels = self._module.calibration_crops(size)
        return crops if split == "all" else crops[self._module.held_out_split()[0]]

    def evaluation(self, size: int, split: Split) -> Pixels:
        """What figures are reported of."""
        crops: Pixels = self._module.evaluation_crops(size)
        return crops if split == "all" else crops[self._module.held_out_split()[1]]

    def development(self, size: int) -> Pixels:
        """What remedies are compared on."""
        crops: Pixels = self._module.development_crops(size)
        return crops

    def make_model(self, size: int, calibration: Pixels) -> FloatModel:
        """EtinyNet-1.0 with the authors' weights."""
        entry = find_model("etinynet-1.0")
        net = entry.build().eval()
        weights = read_weights(self._weights)
        load_weights(net, weights, str(self._weights), entry.describe_foreign_weights)
        shape = (1, 3, size, size)
        assert entry.preprocessing is not None
        inputs = entry.preprocessing.normalize(calibration)
        onnx = export_onnx(net, shape)
        return FloatModel("etinynet", onnx, shape, entry.preprocessing, (), inputs)

    def compare(
        self, model: FloatModel, quantized: QuantizedModel, crops: Pixels
    ) -> Mapping[str, float]:
        """SNR and agreement over some crops."""
        assert model.preprocessing is not None
        exact = run_onnx(model.onnx, model.preprocessing.normalize(crops))
        found: Mapping[str, float] = self._module.agreement(
            exact, run_int8(quantized.tflite, crops)
        )
        return found


def run_int8(tflite: bytes, crops: Pixels) -> NDArray[np.float64]:
    """Logits by LiteRT's default kernels; they differ from its reference kernels by 0.1 dB."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite, num_threads=2)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    outputs = []
    for crop in crops:  # the input's int8 is the pixel minus 128
        pixels = (crop.astype(np.int16) - 128).astype(np.int8)[None]
        interpreter.set_tensor(source["index"], pixels)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(target["index"])[0].astype(np.float64))
    scale, zero_point = target["quantization"]
    return np.asarray((np.stack(outputs) - zero_point) * scale)


def measure(folder: Path, size: int, split: Split, effort: Effort, mixed: float = 0.0) -> Figures:
    """Quantizes and compares on evaluation crops."""
    protocol = Protocol(folder)
    crops = protocol.calibration(size, split)
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    model = protocol.make_model(size, crops)
    mixing = Mixing(mixed, BoardPlanner(load_board(_BOARD))) if mixed else None
    quantized = quantize_model(model, EFFORTS[effort], mixing=mixing, progress=_show)
    after = resource.getrusage(resource.RUSAGE_SELF)
    wall = time.perf_counter() - wall
    found = protocol.compare(model, quantized, protocol.evaluation(size, split))
    return Figures(
        f"{size}x{size}" + ("" if split == "all" else ", other pictures"),
        effort,
        mixed,
        found["snr_db"],
        found["top1_percent"],
        found["confident_top1_percent"],
        wall,
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        after.ru_maxrss / 1024,
    )


def ablate(protocol: Protocol, size: int) -> str:
    """What each remedy gives, on development crops."""
    model = protocol.make_model(size, protocol.calibration(size, "all"))
    crops = protocol.development(size)
    calibrated = calibrate_model(model, EFFORTS["normal"].samples)
    lines = ["| remedies | SNR | top-1 as float | confident |", "|---|---|---|---|"]
    for name, recipe in ABLATION.items():
        found = protocol.compare(model, apply_recipe(calibrated, recipe), crops)
        lines.append(
            f"| {name} | {found['snr_db']:.1f} dB | {found['top1_percent']:.1f} % "
            f"| {found['confident_top1_percent']:.1f} % |"
        )
        sys.stderr.write(lines[-1] + "\n")
    return "\n".join(lines) + "\n"


def show_figures(figures: list[Figures]) -> str:
    """The table of docs/quantization.md."""
    lines = [
        "| crops | `--effort` | SNR | top-1 as float | confident | CPU | wall | peak memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.crops} | {_describe(f)} | {f.snr_db:.1f} dB | {f.top1:.1f} % "
        f"| {f.confident_top1:.1f} % | {f.cpu_s:.0f} s | {f.wall_s:.0f} s | {f.peak_mb:,.0f} MB |"
        for f in figures
    ]
    return "\n".join(lines) + "\n"


def _describe(figures: Figures) -> str:
    if not figures.mixed:
        return figures.effort
    return f"{figures.effort}, `--mixed {100 * figures.mixed:.0f}%`"


def _show(step: str, part: float) -> None:
    if part in (0, 1):
        sys.stderr.write(f"  {step} {100 * part:.0f} %\n")


CASES: Mapping[str, tuple[int, Split, Effort, float]] = {
    "224": (224, "all", "normal", 0.0),
    "held-out": (224, "held out", "normal", 0.0),
    "160": (160, "all", "normal", 0.0),
    "128": (128, "all", "normal", 0.0),
    "low": (224, "all", "low", 0.0),
    "high": (224, "all", "high", 0.0),
    "mixed": (224, "all", "normal", 0.15),
    "128-mixed": (128, "all", "normal", 0.15),
}


def measure_cases(folder: Path, cases: Iterable[str]) -> list[Figures]:
    """Measures each case in a process of its own, as the peak of a process's memory never falls."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes=1, maxtasksperchild=1) as pool:
        return [pool.apply(measure, (folder, *CASES[case])) for case in cases]


def main() -> int:
    """Prints the tables, or puts them into the documentation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantization_etinynet")
    parser.add_argument("folder", type=Path, help="the test data, see docs/testing.md")
    parser.add_argument("--case", choices=CASES, action="append", help="only this one")
    parser.add_argument("--ablation", type=int, metavar="SIZE", help="compare remedies instead")
    parser.add_argument("--write", type=Path, help="put the tables into this file")
    options = parser.parse_args()
    try:
        if options.ablation:
            tables = {"remedies": ablate(Protocol(options.folder), options.ablation)}
        else:
            tables = {
                "etinynet": show_figures(measure_cases(options.folder, options.case or CASES))
            }
    except TinydeployError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for table in tables.values():
        sys.stdout.write(table)
    if options.write is not None:
        text = options.write.read_text(encoding="utf-8")
        options.write.write_text(place_tables(text, tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
