"""`tinydeploy run`: one picture through a built image, on the emulated or the attached board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from tinydeploy.cli.accelerated_run import describe_stages, read_camera_picture
from tinydeploy.cli.attached import Attached, PortOption, Where, attach_board, refuse_qemu
from tinydeploy.cli.boxes import check_drawing, draw_found, show_found
from tinydeploy.cli.console import stdout
from tinydeploy.cli.image import (
    BuiltImage,
    find_image,
    newest_build,
    read_built_model,
    read_report,
)
from tinydeploy.cli.model_input import read_model_input
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.tensor import UNQUANTIZED
from tinydeploy.validate.quality import dequantize_outputs
from tinydeploy.validate.wire import read_outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 5  # indices, of an output that holds such


def run(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A picture, or a .npy file of the int8 input.")
    ],
    build: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Output folder of a build. Default: the newest in out/."),
    ] = None,
    on: Annotated[Where, typer.Option(metavar="WHERE", help="emulator or board.")] = Where.EMULATOR,
    port: PortOption = None,
    top: Annotated[
        int, typer.Option(min=1, metavar="K", help="How many of the best classes to show.")
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Of a detector: the picture with boxes, as .png."
        ),
    ] = None,
) -> None:
    """Put one picture through a built image and show the classes it names, or the boxes it finds.

    A picture is prepared as the model's metadata says: colours, mean and std, stretched or cropped.
    Without metadata the input is taken to be the pixel minus 128, the picture stretched.

    A build with an accelerator is given a camera's picture, which its firmware cuts and resizes.
    """
    refuse_qemu(on)
    built = find_image(newest_build() if build is None else build, None)
    graph = read_graph(read_built_model(built), built.model)
    if output is not None:
        check_drawing(graph, image, output)
    read = read_camera_picture if built.accelerated else read_model_input
    values = [read(image, graph).tobytes()]
    with attach_board(built, on, port) as attached:
        if built.accelerated:
            time = describe_stages(attached, attached.client.profile(values))
        else:
            time = _describe_time(attached, built, on, attached.client.infer(values))
        outputs = read_outputs(attached.client, graph)
    beside = " with TinyNPU" if built.accelerated else ""
    stdout.print(
        f"{graph.name} on {attached.board.title}{beside} ({on}): {time}",
        markup=False,
        soft_wrap=True,
    )
    if graph.detector is None:
        _show(graph, outputs, top)
        return
    found = graph.detector.unpack(outputs[-1].tobytes())
    show_found(graph.detector, found)
    if output is not None:
        draw_found(graph, found, image, output)


def _describe_time(attached: Attached, built: BuiltImage, on: Where, cycles: int) -> str:
    """What the core's counter saw; the emulated one counts instructions, and the build estimates.

    A run that the emulated board counts is no time.
    """
    if on is Where.BOARD:
        return f"{1000 * cycles / attached.hello.clock_hz:.3f} ms, {cycles:,} cycles"
    estimate = read_report(built)["inference"]
    if estimate is None:
        return f"{cycles:,} instructions"
    return f"{cycles:,} instructions, estimated {estimate['latency_ms_estimated']:.3f} ms"


def _show(graph: Graph, outputs: list[NDArray[Any]], top: int) -> None:
    """Class scores as a table, other outputs by shape and range."""
    for place, found in enumerate(outputs):
        tensor = graph.tensors[graph.outputs[place]]
        if tensor.dtype in UNQUANTIZED:
            stdout.print(f"output {found.reshape(-1)[:_SHOWN].tolist()}", markup=False)
            continue
        values = dequantize_outputs(graph, found, place)
        if tensor.size > tensor.shape[-1] or len(outputs) > 1:
            shown = f"{tensor.name} {list(tensor.shape)}: {values.min():.4g} to {values.max():.4g}"
            stdout.print(shown, markup=False)
        else:
            stdout.print(_rank(graph, values.reshape(-1), top))


def _rank(graph: Graph, scores: NDArray[np.float64], top: int) -> Table:
    """The best classes."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("class", "label", "score"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for number in np.argsort(-scores, kind="stable")[:top]:
        label = graph.labels[number] if graph.labels else ""
        table.add_row(str(number), label, f"{scores[number]:.4g}")
    return table
