"""`tinydeploy zoo compare`: which nets fit a board, at which resolution, in how much time."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView
from tinydeploy.cli.options import BoardOption, OptimizeChoice, OptimizeOption, QuietOption
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.svg import write_svg

if TYPE_CHECKING:
    from tinydeploy.compare.place import Placement
    from tinydeploy.zoo.registry import ModelEntry


class TableChoice(StrEnum):
    """Values of --format."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


def compare(
    board: BoardOption,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NETS]",
            show_default=False,
            help="Names from `tinydeploy zoo`; left out: all that take pictures.",
        ),
    ] = None,
    resolution: Annotated[
        str, typer.Option(metavar="SIZES", help="Heights of square inputs.")
    ] = "96,128,160,224",
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Build what fits, prove it bit-exact, and count instructions in the emulated "
            "board; else they are estimated.",
        ),
    ] = False,
    optimize: OptimizeOption = OptimizeChoice.BALANCED,
    table: Annotated[
        TableChoice,
        typer.Option("--format", metavar="FORMAT", help="text, markdown, csv or json."),
    ] = TableChoice.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the table there."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw published accuracy against latency and RAM into a .svg or .png file.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Compare nets on a board: flash, RAM, instructions, latency; which fit, or why not.

    Weights are random: nothing here depends on them. What was found is kept, so that the second
    call is fast.
    """
    if picture is not None and picture.suffix not in (".svg", ".png"):
        raise UsageError(f"{picture} is no .svg and no .png file", "Name it zoo.svg or zoo.png.")
    chip = load_board(board)
    from tinydeploy.compare.place import parse_sizes, place_net
    from tinydeploy.compare.scatter import draw_scatter, pick_points
    from tinydeploy.compare.tables import show_markdown, show_text, write_csv, write_json
    from tinydeploy.zoo.counts import CountBook

    sizes = parse_sizes(resolution)
    book, view = CountBook(), StageView(quiet=quiet)
    found: list[Placement] = []
    for entry in _pick_nets(names):
        with view.stage("place"):
            placed = [
                place_net(
                    entry,
                    size,
                    chip,
                    book,
                    optimize=optimize.value,
                    measure=StageView(quiet=True) if measure else None,
                )
                for size in _pick_sizes(entry, sizes)
            ]
            found += dict.fromkeys(placed)
            fitting = [f"{each.height}" for each in placed if each.fits]
            view.detail(f"{entry.name}: {'fits at ' + ', '.join(fitting) if fitting else 'no'}")
    book.save()
    if picture is not None and not pick_points(found):
        raise UsageError(
            "no net with a published accuracy fits, so there is nothing to draw",
            "Name smaller resolutions, or other nets.",
        )
    writers = {
        TableChoice.TEXT: lambda: show_text(chip.title, found) + "\n",
        TableChoice.MARKDOWN: lambda: show_markdown(chip.title, found),
        TableChoice.CSV: lambda: write_csv(found),
        TableChoice.JSON: lambda: write_json(chip.name, found),
    }
    text = writers[table]()
    if output is None:
        typer.echo(text, nl=False)
    else:
        _write(output, text.encode())
    if picture is not None:
        scene = draw_scatter(chip.title, found)
        png = picture.suffix == ".png"
        _write(picture, write_png(scene) if png else write_svg(scene).encode())


def _pick_nets(names: list[str] | None) -> list[ModelEntry]:
    from tinydeploy.zoo.registry import find_model, list_models

    if names:
        return [find_model(name) for name in dict.fromkeys(names)]
    return [entry for entry in list_models() if entry.preprocessing is not None]


def _pick_sizes(entry: ModelEntry, sizes: tuple[int, ...]) -> tuple[int | None, ...]:
    """Nets for small inputs, or for none of pictures, keep theirs."""
    own = entry.input_shape[2:]
    small = entry.preprocessing is None or max(own) <= min(sizes)
    return (None,) if small else sizes


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
