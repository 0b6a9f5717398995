"""`tinydeploy build`: from a model to a verified firmware image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.accelerated import build_accelerated
from tinydeploy.cli.accelerated_text import show_accelerated
from tinydeploy.cli.build_options import takes_build_options
from tinydeploy.cli.console import StageView
from tinydeploy.cli.options import (
    AcceleratorOption,
    FormatChoice,
    FormatOption,
    JsonOption,
    LinkOption,
    QuietOption,
    VerboseOption,
)
from tinydeploy.cli.summary import show_result
from tinydeploy.pipeline import BuildRequest, build_image


@takes_build_options
def build(
    request: BuildRequest,
    context: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Default: out/<model>-<board>."),
    ] = None,
    chosen_format: FormatOption = FormatChoice.CMAKE,
    bundle: Annotated[
        bool,
        typer.Option("--bundle", help="Write bundle.zip too: the build and what proves it."),
    ] = False,
    accelerator: AcceleratorOption = None,
    link: LinkOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build a model into a verified firmware image for a board."""
    request = replace(
        request,
        output=output,
        chosen_format=chosen_format.value,
        bundle=bundle,
        command=context.obj or "",
        accelerator=None if accelerator is None else accelerator.value,
        link=None if link is None else link.value,
    )
    watch = StageView(quiet=quiet, verbose=verbose)
    if request.accelerator is not None:
        show_accelerated(build_accelerated(request, watch), as_json)
        return
    show_result(build_image(request, watch), as_json, verbose=verbose)
