"""`tinydeploy build`: from a model to a verified firmware image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.options import (
    BoardOption,
    DataOption,
    JsonOption,
    MaxDropOption,
    MaxFlashOption,
    MaxRamOption,
    MeanOption,
    MinSnrOption,
    ModelArgument,
    OptimizeChoice,
    OptimizeOption,
    StdOption,
    WeightsOption,
    parse_bytes,
    parse_numbers,
)
from tinydeploy.cli.summary import show_summary
from tinydeploy.pipeline import BuildRequest, build_image


def build(
    board: BoardOption,
    model: ModelArgument = None,
    weights: WeightsOption = None,
    data: DataOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Default: out/<model>-<board>."),
    ] = None,
    optimize: OptimizeOption = OptimizeChoice.BALANCED,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    min_snr: MinSnrOption = None,
    max_drop: MaxDropOption = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Build a model into a verified firmware image for a board."""
    request = BuildRequest(
        board=board,
        model=model,
        weights=weights,
        data=data,
        mean=parse_numbers("--mean", mean),
        std=parse_numbers("--std", std),
        output=output,
        optimize=optimize.value,
        max_ram=None if max_ram is None else parse_bytes(max_ram),
        max_flash=None if max_flash is None else parse_bytes(max_flash),
        min_snr=min_snr,
        max_drop=max_drop,
    )
    result = build_image(request, StageView(quiet=quiet))
    if as_json:
        stdout.print(result.report.to_json(), end="", soft_wrap=True, markup=False)
    else:
        show_summary(result.report, result.folder)
