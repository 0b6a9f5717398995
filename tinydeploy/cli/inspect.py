"""`tinydeploy inspect`: where a model loses accuracy to quantization, and what would help."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from tinydeploy.cli.build_options import takes_source_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.inspect_text import show_inspection, show_use
from tinydeploy.cli.options import JsonOption, QuietOption
from tinydeploy.errors import InputFileError
from tinydeploy.graph.read import read_graph
from tinydeploy.report.build_report import to_json
from tinydeploy.source.int8_inputs import load_int8_inputs
from tinydeploy.source.make_source import is_float_tflite, make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source
from tinydeploy.validate.quality import dequantize_outputs, measure_quality, quantize_inputs
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.tensor_use import measure_use

# Inputs, at most, that an int8 model is run with.
_MOST_INPUTS = 200


@takes_source_options
def inspect(
    model: str | None,
    options: SourceOptions,
    remedies: Annotated[
        bool,
        typer.Option(help="Quantize the net once for each remedy, and measure what it gives."),
    ] = True,
    layers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Show the N layers that lose most.")
    ] = 12,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show where a model loses accuracy to int8, and what would help.

    Of a float net: each layer quantized alone, its weights, biases and output apart, and the noise
    that this makes at the net's output; ranges, saturation, dead channels; what each remedy gives.

    Of an int8 .tflite with --data: how much of their 256 numbers its tensors use.
    """
    watch = StageView(quiet=quiet)
    if model is not None and _is_int8(Path(model)):
        content, text = _inspect_int8(make_source(model, watch), options, layers, watch)
    else:
        source = make_source(model, watch, options)
        content, text = _inspect_float(source, layers, watch, remedies=remedies)
    if as_json:
        typer.echo(to_json(content), nl=False)
    else:
        stdout.print(text, markup=False, soft_wrap=True)


def _is_int8(path: Path) -> bool:
    if path.suffix.lower() != ".tflite":
        return False
    try:
        return not is_float_tflite(path.read_bytes())
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error


def _inspect_int8(
    source: Source, options: SourceOptions, layers: int, watch: StageView
) -> tuple[dict[str, object], str]:
    with watch.stage("run"):
        graph = read_graph(source.tflite, source.name)
        found = load_int8_inputs(graph, source.tflite, options, watch)
        inputs = found.calibration if found.test is None else found.test.inputs
        inputs = _pick(inputs, _MOST_INPUTS)
        used = measure_use(source.tflite, [quantize_inputs(graph, inputs)])
        watch.detail(f"{len(used)} tensors, {len(inputs)} inputs")
    content = {"model": source.name, "inputs": len(inputs), "tensors": [asdict(u) for u in used]}
    return content, show_use(source.name, used, len(inputs), layers)


def _inspect_float(
    source: Source, layers: int, watch: StageView, *, remedies: bool
) -> tuple[dict[str, object], str]:
    from tinydeploy.model.run_onnx import run_onnx
    from tinydeploy.quantize.inspect_model import inspect_model

    assert source.model is not None
    model, held = source.model, source.model.test
    if held is None:  # every fourth calibration input is kept back to measure with
        kept = np.arange(len(model.calibration)) % 4 == 3
        inputs, classes = _pick(model.calibration[kept], _MOST_INPUTS), None
        model = replace(model, calibration=model.calibration[~kept])
    else:
        inputs, classes = _pick(held.inputs, _MOST_INPUTS), _pick(held.classes, _MOST_INPUTS)
    if not len(inputs):
        inputs = model.calibration
    outputs = run_onnx(model.onnx, inputs)
    if outputs.ndim > 2:  # as the .tflite has them
        outputs = np.moveaxis(outputs, 1, -1)

    def measure(tflite: bytes) -> float:
        graph = read_graph(tflite, source.name)
        found = run_reference(tflite, [quantize_inputs(graph, inputs)], resolver="AUTO").outputs[0]
        quality = measure_quality(outputs, dequantize_outputs(graph, found), classes)
        assert quality.fidelity is not None
        return quality.fidelity.snr_db

    with watch.stage("inspect"):
        found = inspect_model(model, measure if remedies else None, watch.detail)
        watch.detail(f"{len(found.layers) - 1} layers, {found.samples} inputs")
    content = {
        "model": source.name,
        "snr_db": measure(source.tflite),
        "inputs": len(inputs),
        **asdict(found),
    }
    return content, show_inspection(source.name, found, measure(source.tflite), len(inputs), layers)


def _pick(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many, evenly spread."""
    return values[:: max(1, -(-len(values) // most))]
