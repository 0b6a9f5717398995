"""`tinydeploy report`: the page of a build, made again from its report.json."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.console import stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.errors import OutputError
from tinydeploy.report.page.page import write_page
from tinydeploy.report.read_report import find_report, read_report


def report(
    build: Annotated[
        Path,
        typer.Argument(metavar="BUILD", help="The folder of a build, or its report.json."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Default: report.html beside the report.json."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Write a build's report as one HTML file: memory over time, layers, symbols, quantization.

    Each build writes it beside its report.json already.
    """
    file = find_report(build)
    page = write_page(read_report(file))
    target = output or file.with_name("report.html")
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}", "Choose another with --output."
        ) from error
    if not quiet:
        stdout.print(str(target), markup=False, soft_wrap=True)
    if show:
        webbrowser.open(target.resolve().as_uri())
