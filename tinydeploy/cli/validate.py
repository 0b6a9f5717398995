"""`tinydeploy validate`: how other runtimes' outputs differ from the firmware's, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from tinydeploy.cli.console import stdout
from tinydeploy.cli.options import JsonOption
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.explain import Explanation, explain_runtime
from tinydeploy.validate.vectors import make_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 12  # layers


class RuntimeChoice(StrEnum):
    """Values of --against; the same words as tinydeploy.validate.explain.Runtime."""

    DEFAULT = "litert-default"
    TFLM = "tflm-double-rounding"
    REFERENCE = "litert-reference"


def validate(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A .tflite file, or the output folder of a build."),
    ],
    against: Annotated[
        RuntimeChoice,
        typer.Option(
            metavar="RUNTIME",
            help="litert-default (LiteRT with XNNPACK, as Python and phones run it), "
            "tflm-double-rounding (TFLite Micro's rounding of fully-connected layers), or "
            "litert-reference.",
        ),
    ] = RuntimeChoice.DEFAULT,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .npy file of quantized inputs [n, *shape of the input]. Default: random ones.",
        ),
    ] = None,
    vectors: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="How many inputs.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Explain how another runtime's outputs differ from the firmware's.

    The firmware equals LiteRT's reference kernels to the bit. Other runtimes round otherwise: this
    runs a model as they do and names the layers that differ for equal inputs, and the cause.
    """
    path = model / "model.tflite" if model.is_dir() else model
    tflite = cut_conversions(_read_bytes(path)).tflite
    graph = read_graph(tflite, path.parent.name if model.is_dir() else path.stem)
    inputs = make_vectors(graph, vectors) if data is None else [_read_inputs(data, graph, vectors)]
    explanation = explain_runtime(graph, tflite, inputs, against.value)
    if as_json:
        typer.echo(json.dumps(asdict(explanation), indent=2))
    else:
        _show(explanation)


def _read_bytes(path: Path) -> bytes:
    if path.suffix != ".tflite":
        raise UsageError(
            f"{path} is no .tflite file",
            "Build the model first; the output folder, which holds model.tflite, can be named.",
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}", "Is the path right?"
        ) from error


def _read_inputs(path: Path, graph: Graph, most: int) -> NDArray[Any]:
    """At most so many quantized inputs of a model with one input."""
    if len(graph.inputs) != 1:
        raise UsageError(
            f"the model has {len(graph.inputs)} inputs, and --data gives one",
            "Leave --data out: random inputs are used.",
        )
    tensor = graph.tensors[graph.inputs[0]]
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputFileError(f"cannot read {path}: {error}", "Save it with numpy.save.") from error
    if values.dtype != tensor.dtype or values.shape[1:] != tensor.shape[1:] or not len(values):
        raise InputFileError(
            f"{path} holds {values.dtype} {list(values.shape)}, the model takes "
            f"{tensor.dtype} [n, {', '.join(map(str, tensor.shape[1:]))}]",
            "Quantize the inputs with the scale and zero point of the model's input.",
        )
    return np.asarray(values[:most].reshape(-1, *tensor.shape))


def _show(found: Explanation) -> None:
    if not found.differing:
        outputs = "equal the firmware's"
    else:
        outputs = f"differ from the firmware's in {found.differing:,}, by {found.largest} at most"
    stdout.print(
        f"{found.runtime} ({found.version}): of {found.elements:,} outputs for {found.vectors} "
        f"inputs, {'all ' if not found.differing else ''}{outputs}",
        soft_wrap=True,
    )
    if not found.layers:
        stdout.print("no layer differs for equal inputs")
        return
    first = found.layers[0]
    stdout.print(
        f"the first layer that differs: {first.layer}, {first.kind} '{first.tensor}': {first.why}",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("layer", "operator", "elements", "differing", "by at most"):
        table.add_column(column, justify="left" if column == "operator" else "right")
    for layer in found.layers[:_SHOWN]:
        table.add_row(
            str(layer.layer), layer.kind, f"{layer.elements:,}", f"{layer.differing:,}",
            str(layer.largest),
        )  # fmt: skip
    stdout.print(table)
    if len(found.layers) > _SHOWN:
        stdout.print(f"and {len(found.layers) - _SHOWN} more layers")
    causes = dict.fromkeys((layer.kind, layer.why) for layer in found.layers)
    for kind, why in causes:
        stdout.print(f"{kind}: {why}", markup=False, soft_wrap=True)
