"""`tinydeploy check`: build, measure, compare with budgets, leave nothing behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tinydeploy.cli.build_options import takes_build_options
from tinydeploy.cli.console import StageView
from tinydeploy.cli.options import JsonOption, QuietOption
from tinydeploy.cli.summary import show_result
from tinydeploy.pipeline import BuildRequest, build_image


@takes_build_options
def check(
    request: BuildRequest,
    no_emulate: Annotated[
        bool, typer.Option("--no-emulate", help="Leave the emulated board out: quicker.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check a model against its budgets, for CI: exit code 0, or 3 if one is missed.

    Builds and proves as `build` does and leaves nothing behind.
    """
    request = replace(request, emulate=not no_emulate, keep=False)
    show_result(build_image(request, StageView(quiet=quiet)), as_json)
