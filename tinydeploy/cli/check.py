"""`tinydeploy check`: build, measure, compare with budgets, leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tinydeploy.check.config import NAME, load_config
from tinydeploy.check.results import CheckResult
from tinydeploy.check.run import check_targets, pick_targets
from tinydeploy.check.write_json import write_json
from tinydeploy.check.write_junit import write_junit
from tinydeploy.check.write_markdown import write_markdown
from tinydeploy.check.write_sarif import write_sarif
from tinydeploy.check.write_text import write_text
from tinydeploy.cli.build_options import takes_optional_build_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.options import JsonOption, QuietOption, VerboseOption
from tinydeploy.cli.summary import show_result
from tinydeploy.cli.target_view import TargetView
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.pipeline import BuildRequest, build_image

_PANEL = "Options for the targets of tinydeploy.toml"


def _file_option(what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        metavar="FILE", rich_help_panel=_PANEL, help=f"Write the outcome as {what} too."
    )
    return option


@takes_optional_build_options
def check(
    request: BuildRequest | None,
    no_emulate: Annotated[
        bool, typer.Option("--no-emulate", help="Leave the emulated board out: quicker.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=_PANEL, help=f"The file. Default: ./{NAME}."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", rich_help_panel=_PANEL, help="Check this target; may be repeated."
        ),
    ] = None,
    update_baseline: Annotated[
        bool,
        typer.Option(
            "--update-baseline",
            rich_help_panel=_PANEL,
            help="Write what was measured into tinydeploy.baseline.json, to be committed.",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, rich_help_panel=_PANEL, help="Builds at one time. Default: cores."
        ),
    ] = None,
    json_file: Annotated[Path | None, _file_option("JSON")] = None,
    junit: Annotated[Path | None, _file_option("JUnit XML")] = None,
    sarif: Annotated[Path | None, _file_option("SARIF 2.1.0")] = None,
    markdown: Annotated[Path | None, _file_option("Markdown for a pull request")] = None,
) -> None:
    """Check budgets, for CI: exit code 0, or 3 if one is missed.

    Without a model and a board: all targets of tinydeploy.toml, which docs/ci.md explains. With
    them: that one model. Builds and proves as `build` does and leaves nothing behind.
    """
    writers: tuple[tuple[Path | None, Callable[[CheckResult], str]], ...] = (
        (json_file, write_json),
        (junit, write_junit),
        (sarif, write_sarif),
        (markdown, write_markdown),
    )
    files = {path: write for path, write in writers if path is not None}
    if request is not None:
        if files or config or only or update_baseline or jobs:
            raise UsageError(
                "of the options for tinydeploy.toml none goes with a model and --board",
                "Leave --board out to check the file's targets, or the option.",
            )
        request = replace(request, emulate=not no_emulate, keep=False)
        watch = StageView(quiet=quiet, verbose=verbose)
        show_result(build_image(request, watch), as_json, verbose=verbose)
        return
    if update_baseline and no_emulate:
        raise UsageError(
            "--update-baseline needs the emulated board: it counts instructions and stack",
            "Leave --no-emulate out.",
        )
    read = load_config(config or Path(NAME))
    targets = pick_targets(read, only or ())
    with TargetView(len(targets), quiet=quiet, verbose=verbose) as view:
        outcome = check_targets(
            read,
            targets,
            emulate=not no_emulate,
            update_baseline=update_baseline,
            jobs=jobs,
            progress=view.progress,
            done=view.done,
        )
    if as_json:
        typer.echo(write_json(outcome), nl=False)
    else:
        _show(write_text(outcome))
    for path, write in files.items():
        _write(path, write(outcome))
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _show(content: str) -> None:
    text = Text(content)
    text.highlight_regex(r"(?m)^✓", "green")
    text.highlight_regex(r"(?m)^ *✗", "red")
    text.highlight_regex(r"(?m)^[✓✗] [^:]+:", "bold")
    stdout.print(text, soft_wrap=True)
