"""`tinydeploy plan`: how a model would lie in a board's memory, without building anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.build_options import takes_build_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.cli.summary import list_plans
from tinydeploy.codegen.generate import list_kernels
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.pipeline import BuildRequest, PlannedModel, plan_model
from tinydeploy.plan.alternatives import list_alternatives
from tinydeploy.plan.draw import draw_plan, list_layers
from tinydeploy.plan.flash import estimate_flash
from tinydeploy.plan.picture.layout import draw_scene
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.svg import write_svg
from tinydeploy.plan.plan import PlannedGraph


@takes_build_options
def plan(
    request: BuildRequest,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw the plan into a .svg or .png file."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Plan a model's memory and show it: what lies where and when, layer by layer.

    Prints a picture of the arena over time, the layers, and what other forms of the input would
    need. Instructions and flash are estimates; `build` counts them.
    """
    if picture is not None and picture.suffix not in (".svg", ".png"):
        raise UsageError(f"{picture} is no .svg and no .png file", "Name it plan.svg or plan.png.")
    if picture is not None and not picture.parent.is_dir():  # planning may take a minute
        raise OutputError(f"cannot write {picture}: there is no folder {picture.parent}")
    watch = StageView(quiet=quiet)
    model = plan_model(request, watch)
    graph, found = model.graph, model.plan
    with watch.stage("compare"):
        planned = PlannedGraph(graph, found)
        others = list_alternatives(model.fused, model.board, planned, request.optimize)
        watch.detail(f"{len(others)} plans")
        flash = describe_flash(model, request.max_flash)
    text = "\n\n".join(
        [draw_plan(graph, found), list_layers(graph, found), f"{list_plans(others)}\n{flash}"]
    )
    stdout.print(text, markup=False, soft_wrap=True)
    if picture is not None:
        scene = draw_scene(graph, found)
        data = write_png(scene) if picture.suffix == ".png" else write_svg(scene).encode()
        try:
            picture.write_bytes(data)
        except OSError as error:
            raise OutputError(f"cannot write {picture}: {error.strerror or error}") from error


def describe_flash(model: PlannedModel, max_flash: int | None) -> str:
    """A line: the flash that an image would take, estimated, of what it may take."""
    kernels = len(list_kernels(model.graph, model.plan))
    found = estimate_flash(model.graph, model.board, max_flash, kernels)
    limit = max_flash or model.board.flash_budget
    return (
        f"  flash: about {_round(found.image)} of {limit:,} bytes; "
        f"constants {_round(found.constants)}, code {_round(found.image - found.constants)}"
    )


def _round(count: int) -> str:
    """Three digits: an estimate has no more."""
    return f"{float(f'{count:.3g}'):,.0f}"
