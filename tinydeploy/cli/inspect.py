"""`tinydeploy inspect`: where a model loses accuracy to quantization, and what would help."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from tinydeploy.cli.build_options import takes_source_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.inspect_text import show_inspection, show_use
from tinydeploy.cli.options import JsonOption, QuietOption
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.graph.read import read_graph
from tinydeploy.report.build_report import to_json
from tinydeploy.source.int8_inputs import load_int8_inputs
from tinydeploy.source.make_source import is_float_tflite, make_source, run_float
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source
from tinydeploy.validate.quality import dequantize_outputs, measure_outputs, quantize_inputs
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.tensor_use import measure_use

if TYPE_CHECKING:
    from tinydeploy.model.float_model import FloatModel

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
    from tinydeploy.quantize.inspect_model import inspect_model

    if source.model is None:
        raise UsageError(
            f"{source.origin} brings its own scales: there is nothing to choose",
            "Build it, and inspect the .tflite in the build's folder, with --data.",
        )
    model, inputs, classes = _hold_back(source.model)
    outputs = run_float(model, inputs)

    def measure(tflite: bytes) -> float:
        graph = read_graph(tflite, source.name)
        run = run_reference(tflite, [quantize_inputs(graph, inputs)], resolver="AUTO")
        found = [dequantize_outputs(graph, each, k) for k, each in enumerate(run.outputs)]
        quality = measure_outputs(outputs, found, classes)
        assert quality.fidelity is not None
        return quality.fidelity.snr_db

    with watch.stage("inspect"):
        found = inspect_model(model, measure if remedies else None, watch.detail)
        snr_db = measure(source.tflite)
        watch.detail(f"{len(found.layers) - 1} layers, {found.samples} inputs")
    content = {"model": source.name, "snr_db": snr_db, "inputs": len(inputs), **asdict(found)}
    return content, show_inspection(source.name, found, snr_db, len(inputs), layers)


def _hold_back(
    model: FloatModel,
) -> tuple[FloatModel, NDArray[np.float32], NDArray[np.int64] | None]:
    """The model to inspect, and inputs to measure with that it is not calibrated on.

    The test inputs where there are some, else every fourth calibration input.
    """
    if model.test is not None:
        inputs, classes = model.test
        return model, _pick(inputs, _MOST_INPUTS), _pick(classes, _MOST_INPUTS)
    held = np.arange(len(model.calibration)) % 4 == 3
    if not held.any():
        return model, model.calibration, None
    inputs = _pick(model.calibration[held], _MOST_INPUTS)
    return replace(model, calibration=model.calibration[~held]), inputs, None


def _pick(values: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many, evenly spread."""
    return values[:: max(1, -(-len(values) // most))]
