"""`tinydeploy graph`: a model's operators, and the layers that become of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.build_options import takes_source_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.text import format_graph
from tinydeploy.plan.picture.graph_picture import draw_graphs
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.svg import write_svg
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions


@takes_source_options
def graph(
    model: str | None,
    options: SourceOptions,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw it into a .svg or .png file."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Show a model's operators as read, and the layers that are built of them.

    Names and numbers are those of the file, which Netron shows too, and of report.json. Without
    --output it is written as text, with all attributes.
    """
    if output is not None and output.suffix not in (".svg", ".png"):
        raise UsageError(f"{output} is no .svg and no .png file", "Name it graph.svg or graph.png.")
    watch = StageView(quiet=quiet)
    source = make_source(model, watch, options)
    with watch.stage("graph"):
        before = read_graph(source.tflite, source.name)
        after = fuse_graph(before)
        watch.detail(f"{before.name}: {len(before.ops)} ops in {len(after.ops)} layers")
    if output is None:
        text = f"As read:\n{format_graph(before)}\nAs built:\n{format_graph(after)}"
        stdout.print(text, markup=False, soft_wrap=True, end="")
        return
    scene = draw_graphs(before, after)
    data = write_png(scene) if output.suffix == ".png" else write_svg(scene).encode()
    try:
        output.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
