"""`tinydeploy check`: build, measure, compare with budgets, leave nothing behind."""

from __future__ import annotations

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


def check(
    board: BoardOption,
    model: ModelArgument = None,
    weights: WeightsOption = None,
    data: DataOption = None,
    optimize: OptimizeOption = OptimizeChoice.BALANCED,
    mean: MeanOption = None,
    std: StdOption = None,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    min_snr: MinSnrOption = None,
    max_drop: MaxDropOption = None,
    no_emulate: Annotated[
        bool, typer.Option("--no-emulate", help="Leave the emulated board out: quicker.")
    ] = False,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Check a model against its budgets, for CI: exit code 0, or 3 if one is missed.

    Builds and proves as `build` does and leaves nothing behind.
    """
    request = BuildRequest(
        board=board,
        model=model,
        weights=weights,
        data=data,
        optimize=optimize.value,
        mean=parse_numbers("--mean", mean),
        std=parse_numbers("--std", std),
        max_ram=None if max_ram is None else parse_bytes(max_ram),
        max_flash=None if max_flash is None else parse_bytes(max_flash),
        min_snr=min_snr,
        max_drop=max_drop,
        emulate=not no_emulate,
        keep=False,
    )
    result = build_image(request, StageView(quiet=quiet))
    if as_json:
        stdout.print(result.report.to_json(), end="", soft_wrap=True, markup=False)
    else:
        show_summary(result.report, None)
