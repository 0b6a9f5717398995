"""`tinydeploy validate`: a board's outputs against the reference, or another runtime's, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from tinydeploy.cli.accelerated_validate import is_accelerated, validate_accelerated
from tinydeploy.cli.attached import PortOption, Where, attach_board
from tinydeploy.cli.console import stderr, stdout
from tinydeploy.cli.image import BuiltImage, find_image, read_built_model
from tinydeploy.cli.options import JsonOption
from tinydeploy.errors import InputFileError, MismatchError, UsageError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.boxes import find_boxes
from tinydeploy.validate.compare import compare_outputs
from tinydeploy.validate.explain import Explanation, explain_runtime
from tinydeploy.validate.vectors import SAMPLES_FILE, make_vectors
from tinydeploy.validate.wide_softmax import run_graph_reference
from tinydeploy.validate.wire import run_vectors

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
        RuntimeChoice | None,
        typer.Option(
            metavar="RUNTIME",
            help="litert-default (LiteRT with XNNPACK, as Python and phones run it), "
            "tflm-double-rounding (TFLite Micro's rounding of fully-connected layers), or "
            "litert-reference.",
            show_default=RuntimeChoice.DEFAULT.value,
        ),
    ] = None,
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
    on: Annotated[
        Where | None,
        typer.Option(
            metavar="WHERE",
            help="board, emulator or qemu (mps2 boards): run MODEL, a build, there and compare "
            "every output byte with LiteRT's reference kernels.",
        ),
    ] = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a board with the reference (--on), or explain another runtime (--against).

    The firmware equals LiteRT's reference kernels to the bit. --on sends inputs to a board that
    runs a build, the attached or the emulated one, and compares every byte that comes back.

    A build with an accelerator runs with the simulated TinyNPU, and is compared with TinyNPU's
    reference.

    Other runtimes round otherwise: --against runs a model as they do and names the layers that
    differ for equal inputs, and the cause.
    """
    if on is not None and against is not None:
        raise UsageError(
            "a board is compared with the reference, another runtime with the firmware",
            "Give --on or --against, not both.",
        )
    if is_accelerated(model):
        validate_accelerated(
            model, vectors, on=on, against=against, port=port, data=data, as_json=as_json
        )
        return
    if on is not None:
        _validate_board(find_image(model, None), on, port, data, vectors, as_json=as_json)
        return
    if port is not None:
        raise UsageError("--port names a board's", "Add --on board.")
    path = model / "model.tflite" if model.is_dir() else model
    tflite = cut_conversions(_read_bytes(path)).tflite
    graph = read_graph(tflite, path.parent.name if model.is_dir() else path.stem)
    inputs = make_vectors(graph, vectors) if data is None else [_read_inputs(data, graph, vectors)]
    runtime = RuntimeChoice.DEFAULT if against is None else against
    explanation = explain_runtime(graph, tflite, inputs, runtime.value)
    if as_json:
        typer.echo(json.dumps(asdict(explanation), indent=2))
    else:
        _show(explanation)


def _validate_board(
    built: BuiltImage, on: Where, port: str | None, data: Path | None, count: int, *, as_json: bool
) -> None:
    """Raises MismatchError where the board's outputs are not the reference's."""
    tflite = read_built_model(built)
    graph = read_graph(tflite, built.model)
    if data is None:
        kept = built.elf.with_name(SAMPLES_FILE)
        samples = _read_inputs(kept, graph, count) if kept.is_file() else None
        vectors = make_vectors(graph, count, samples=samples)
    else:
        vectors = [_read_inputs(data, graph, count)]
    with attach_board(built, on, port) as attached:
        expected = run_graph_reference(graph, tflite, vectors)
        with stderr.status("sending inputs") as status:
            found = run_vectors(
                attached.client,
                graph,
                vectors,
                lambda number: status.update(f"input {number + 1} of {len(vectors[0])}"),
            )
        repeats = attached.client.repeats
        test = attached.client.selftest()
    answers = (*expected.outputs, *find_boxes(graph, expected.outputs))
    comparison = compare_outputs(answers, found)
    if as_json:
        facts = {
            "model": built.model,
            "board": attached.board.name,
            "on": on.value,
            "build_id": attached.hello.build_id.hex(),
            "reference": expected.version,
            "selftest_passed": test.passed,
            "bit_exact": comparison.bit_exact,
            "requests_repeated": repeats,
        }
        typer.echo(json.dumps(facts | asdict(comparison), indent=2))
    if not comparison.bit_exact or not test.passed:
        raise MismatchError(
            f"{attached.board.title} ({on}) differs from {expected.version} in "
            f"{comparison.bytes_mismatched:,} of {comparison.bytes_compared:,} bytes; "
            f"{comparison.first_difference or 'and its self-test fails'}",
            "The same image is right in the emulated board: is the board's supply, or its clock, "
            "out of order?"
            if on is Where.BOARD
            else "Please report it with the model.",
        )
    if not as_json:
        stdout.print(
            f"{built.model} on {attached.board.title} ({on}): {comparison.vectors} inputs, "
            f"{comparison.bytes_compared:,} bytes, all equal {expected.version}; self-test ok",
            markup=False,
            soft_wrap=True,
        )
        if repeats:
            stdout.print(f"{repeats} requests had to be repeated: the line is noisy")


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
