"""`python -m benchmarks.quantization`: our int8 files against those of TFLiteConverter.

Both quantize the same float weights with the same calibration inputs; both files run in LiteRT's
reference kernels on the same held-out inputs. Nets: a small one of each kind, trained on digits and
on faces, and MLPerf Tiny's float person detector, if a folder with it is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import place_tables
from benchmarks.pictures import cut_pictures
from benchmarks.tf_twin import TfTwin
from tinydeploy.errors import InternalError, TinydeployError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel, LabeledInputs, Preprocessing
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.source.float_tflite.translate import translate_tflite
from tinydeploy.train.small_nets import DATA, SMALL_NETS, load_small_model
from tinydeploy.validate.quality import (
    Quality,
    dequantize_outputs,
    measure_quality,
    quantize_inputs,
)
from tinydeploy.validate.reference import run_reference

VWW = "mlperf_tiny_vww_float.tflite"
# Of the outputs' range: more, and the twin is another network.
_MOST_ERROR = 1e-3
_CALIBRATION, _TEST = 256, 200


@dataclass(frozen=True)
class Comparison:
    """One net, quantized twice.

    Args:
        model: Its name.
        kind: What it stands for.
        samples: Number of held-out inputs.
        ours: Quality of our int8 file on them.
        theirs: Quality of TFLiteConverter's.
    """

    model: str
    kind: str
    samples: int
    ours: Quality
    theirs: Quality


def compare_converters(model: FloatModel, kind: str) -> Comparison:
    """Quantizes a model with both and measures both.

    Args:
        model: With test inputs.
        kind: What it stands for.

    Raises:
        InternalError: The TensorFlow twin is not the same network.
        TinydeployError: The model cannot be quantized.
    """
    assert model.test is not None
    outputs = run_onnx(model.onnx, model.test.inputs)
    twin = TfTwin(model.onnx)
    again = twin.run(model.test.inputs).reshape(outputs.shape)
    error = float(np.abs(again - outputs).max() / np.ptp(outputs))
    if not error <= _MOST_ERROR:
        raise InternalError(f"the twin of {model.name} differs by {error:.2g} of the output range")
    files = quantize_model(model).tflite, twin.convert(model.calibration)
    classes = model.test.classes if model.labels else None
    ours, theirs = (
        measure_quality(outputs, run_int8(tflite, model.test.inputs), classes) for tflite in files
    )
    return Comparison(model.name, kind, len(outputs), ours, theirs)


def run_int8(tflite: bytes, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Outputs, dequantized, of an int8 .tflite for inputs [n, C, ...]."""
    graph = read_graph(tflite, "model")
    found = run_reference(tflite, [quantize_inputs(graph, inputs)]).outputs[0]
    return dequantize_outputs(graph, found)


def load_person_detector(path: Path) -> FloatModel:
    """MLPerf Tiny's float person detector, with parts of real pictures.

    Nobody labelled these: classes are all 0, and labels are empty. Calibration and test come from
    different pictures.
    """
    net = translate_tflite(path.read_bytes(), "mlperf_tiny_vww")
    preprocessing = Preprocessing(mean=(0.0,) * 3, std=(255.0,) * 3)
    calibration, test = (
        preprocessing.normalize(pictures)
        for pictures in cut_pictures(net.input_shape[2], _CALIBRATION, _TEST)
    )
    return FloatModel(
        name=net.name,
        onnx=net.onnx,
        input_shape=net.input_shape,
        preprocessing=preprocessing,
        labels=(),
        calibration=calibration,
        test=LabeledInputs(test, np.zeros(len(test), np.int64)),
    )


def show_table(comparisons: Sequence[Comparison]) -> str:
    """One line per net: SNR, agreement and accuracy, ours beside theirs."""
    head = ["net", "kind", "inputs", "SNR, dB", "TFLiteConverter", "top-1 agreement, %"]
    head += ["TFLiteConverter", "accuracy, % (float)", "TFLiteConverter"]
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for c in comparisons:
        ours, theirs = c.ours.fidelity, c.theirs.fidelity
        assert ours is not None
        assert theirs is not None
        lines.append(
            [
                c.model,
                c.kind,
                str(c.samples),
                f"**{ours.snr_db:.1f}**",
                f"{theirs.snr_db:.1f}",
                _percent(ours.top1_agreement),
                _percent(theirs.top1_agreement),
                f"{_percent(c.ours.int8_accuracy)} ({_percent(c.ours.float_accuracy)})"
                if c.ours.float_accuracy is not None
                else "",
                _percent(c.theirs.int8_accuracy),
            ]
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.1f}"


def list_models(folder: Path | None, only: Sequence[str]) -> Iterator[tuple[FloatModel, str]]:
    """All nets with what they stand for; trained where they are not in the cache.

    Args:
        folder: With MLPerf Tiny's float person detector; None to leave it out.
        only: Names; empty for all.
    """
    for data in DATA:
        for net, small in SMALL_NETS.items():
            if not only or f"{net}-{data}" in only:
                sys.stderr.write(f"{net}-{data}\n")
                yield load_small_model(net, data), small.kind
    if folder is not None and (not only or VWW.removesuffix("_float.tflite") in only):
        sys.stderr.write(f"{VWW}\n")
        yield load_person_detector(folder / VWW), "depthwise"


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantization", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help=f"with {VWW}")
    parser.add_argument(
        "--model", action="append", default=[], help="only this, e.g. resnet_8-faces"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    found = []
    try:
        for model, kind in list_models(arguments.folder, arguments.model):
            found.append(compare_converters(model, kind))
            sys.stderr.write(show_table(found[-1:]).splitlines()[-1] + "\n")
    except (TinydeployError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    table = show_table(found)
    sys.stdout.write(table)
    if arguments.write is not None:
        text = arguments.write.read_text("utf-8")
        arguments.write.write_text(place_tables(text, {"converters": table}), "utf-8")
    worse = [c.model for c in found if not is_better(c)]
    if worse:
        sys.stderr.write(f"TFLiteConverter is not beaten on {', '.join(worse)}\n")
    return int(bool(worse))


def is_better(comparison: Comparison) -> bool:
    """Whether our SNR is higher."""
    ours, theirs = comparison.ours.fidelity, comparison.theirs.fidelity
    return ours is not None and theirs is not None and ours.snr_db > theirs.snr_db


if __name__ == "__main__":
    sys.exit(main())
