"""`tinydeploy run`: one picture through a built image, on the emulated or the attached board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from tinydeploy.board import Board, load_board
from tinydeploy.cli.console import stdout
from tinydeploy.cli.image import find_image
from tinydeploy.cli.model_input import read_model_input
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.tensor import UNQUANTIZED
from tinydeploy.link.client import BoardClient
from tinydeploy.link.transport import SerialTransport
from tinydeploy.validate.quality import dequantize_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BEST = 5


def run(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A picture, or a .npy file of the int8 input.")
    ],
    build: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output folder of a build. Default: the newest in out/."),
    ] = None,
    on: Annotated[str, typer.Option(metavar="WHERE", help="emulator or board.")] = "emulator",
    port: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="Serial port of the board, e.g. /dev/ttyACM0."),
    ] = None,
) -> None:
    """Put one picture through a built image and show the classes it names.

    A picture is prepared as the model's metadata says: colours, mean and std, stretched or cropped.
    Without metadata the input is taken to be the pixel minus 128, the picture stretched.
    """
    if on not in ("emulator", "board"):
        raise UsageError(f"cannot run on '{on}'", "Use --on emulator or --on board.")
    if on == "board" and port is None:
        raise UsageError("which serial port is the board on?", "Add --port, e.g. /dev/ttyACM0.")
    built = find_image(_newest_build() if build is None else build, None)
    board = load_board(built.board)
    data = _read_bytes(built.elf.with_name("model.tflite"))
    graph = read_graph(data, built.model)
    values = read_model_input(image, graph)
    if on == "emulator":
        with EmulatedBoard(built.elf, board) as emulated:
            outputs = _infer(BoardClient(emulated.transport), graph, values)
    else:
        with SerialTransport(str(port), board.console.baud) as line:
            outputs = _infer(BoardClient(line), graph, values)
    _show(graph, outputs, board, on)


def _newest_build() -> Path:
    reports = sorted(Path("out").glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    if not reports:
        raise UsageError(
            "there is no build in out/", "Build one, or name its folder with --build DIR."
        )
    return reports[-1].parent


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from error


def _infer(client: BoardClient, graph: Graph, values: NDArray[Any]) -> list[NDArray[Any]]:
    client.hello()
    client.infer([values.tobytes()])
    outputs = []
    for place, tensor in enumerate(graph.outputs):
        output = graph.tensors[tensor]
        found = np.frombuffer(client.read_output(place), output.dtype)
        outputs.append(found.reshape(output.shape))
    return outputs


def _show(graph: Graph, outputs: list[NDArray[Any]], board: Board, on: str) -> None:
    """Class scores as a table, other outputs by shape and range."""
    stdout.print(f"{graph.name} on {board.title} ({on})", markup=False)
    for place, found in enumerate(outputs):
        tensor = graph.tensors[graph.outputs[place]]
        if tensor.dtype in UNQUANTIZED:
            stdout.print(f"output {found.reshape(-1)[:_BEST].tolist()}", markup=False)
            continue
        values = dequantize_outputs(graph, found, place)
        if tensor.size > tensor.shape[-1] or len(outputs) > 1:
            shown = f"{tensor.name} {list(tensor.shape)}: {values.min():.4g} to {values.max():.4g}"
            stdout.print(shown, markup=False)
        else:
            stdout.print(_rank(graph, values.reshape(-1)))


def _rank(graph: Graph, scores: NDArray[np.float64]) -> Table:
    """The best classes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("class", "label", "score"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for number in np.argsort(-scores, kind="stable")[:_BEST]:
        label = graph.labels[number] if graph.labels else ""
        table.add_row(str(number), label, f"{scores[number]:.4g}")
    return table
