"""`tinydeploy report`: the page of a build, made again from its report.json, or of two builds."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.check.compare import compare_builds
from tinydeploy.check.compare_page import write_comparison_page
from tinydeploy.check.compare_text import write_comparison
from tinydeploy.cli.console import stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.page.accelerated_page import write_accelerated_page
from tinydeploy.report.page.page import write_page
from tinydeploy.report.read_report import find_report, read_pictures, read_report


def report(
    build: Annotated[
        Path,
        typer.Argument(metavar="BUILD", help="The folder of a build, or its report.json."),
    ],
    other: Annotated[
        Path | None,
        typer.Argument(
            metavar="NEW",
            show_default=False,
            help="A later build, to be compared with the first. Both may be folders of builds.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The HTML file. Default: report.html beside the report.json; of two builds none.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Write a build's report as one HTML file: memory over time, layers, symbols, quantization.

    Each build writes it beside its report.json already.

    Of two builds: show what differs, by resource and by layer; --output writes that as HTML.
    """
    if other is None:
        file = find_report(build)
        _write(output or file.with_name("report.html"), _make_page(file), show, quiet)
        return
    if show and output is None:
        raise UsageError("--open of two builds needs a file", "Name it: --output compare.html")
    comparison = compare_builds(build, other)
    stdout.print(write_comparison(comparison), markup=False, soft_wrap=True)
    if output is not None:
        _write(output, write_comparison_page(comparison), show, quiet)


def _make_page(file: Path) -> str:
    report = read_report(file)
    pictures = read_pictures(file, report)
    if isinstance(report, AcceleratedReport):
        return write_accelerated_page(report, pictures)
    return write_page(report, pictures)


def _write(target: Path, page: str, show: bool, quiet: bool) -> None:
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
