"""The command line: one entry point, errors as one line with advice, documented exit codes.

Exit codes: 0 ok, 1 failure, 2 usage, 3 a budget missed, 4 outputs differ from the reference,
130 interrupted, 143 terminated.
"""

from __future__ import annotations

import functools
import shlex
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from tinydeploy import __version__
from tinydeploy.cli import (
    bench,
    boards,
    boards_new,
    build,
    check,
    doctor,
    emulate,
    flash,
    graph,
    inspect,
    monitor,
    npu,
    ops,
    plan,
    report,
    run,
    train,
    train_benchmark,
    train_detection,
    validate,
    zoo,
    zoo_compare,
)
from tinydeploy.cli.console import show_error, stderr
from tinydeploy.errors import OutputError, TinydeployError

_debug = False
_EPILOG = "Exit codes: 0 ok, 1 failure, 2 usage, 3 a budget missed, 4 differs from the reference."


class _Commands(TyperGroup):
    """The commands; what is wrong with an option is said without pydantic's preamble."""

    def invoke(self, ctx: Any) -> Any:  # of click, or of the copy of it that typer has
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="tinydeploy",
    cls=_Commands,
    help="From a trained compact neural network to verified firmware on a microcontroller.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _guard(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with our errors and Ctrl-C turned into a line on stderr and an exit code."""

    @functools.wraps(command)
    def guarded(*args: object, **options: object) -> None:
        try:
            command(*args, **options)
        except TinydeployError as error:
            raise _exit_with(error) from error
        except KeyboardInterrupt as error:
            stderr.print("[bold red]interrupted:[/] nothing was written")
            raise typer.Exit(130) from error
        except BrokenPipeError:  # whoever read our output has enough of it
            raise
        except OSError as error:
            where = "" if error.filename is None else f": {error.filename}"
            hint = "Is a disk full, or a folder for temporary files (TMPDIR) missing?"
            raise _exit_with(OutputError(f"{error.strerror or error}{where}", hint)) from error

    return guarded


def _exit_with(error: TinydeployError) -> typer.Exit:
    if _debug:
        stderr.print_exception()
    show_error(error)
    return typer.Exit(error.exit_code)


for _name, _command in (
    ("build", build.build),
    ("check", check.check),
    ("plan", plan.plan),
    ("graph", graph.graph),
    ("report", report.report),
    ("inspect", inspect.inspect),
    ("run", run.run),
    ("emulate", emulate.emulate),
    ("flash", flash.flash),
    ("validate", validate.validate),
    ("bench", bench.bench),
    ("monitor", monitor.monitor),
    ("ops", ops.ops),
    ("doctor", doctor.doctor),
):
    app.command(_name)(_guard(_command))

_boards = typer.Typer(rich_markup_mode="rich")
_boards.callback(invoke_without_command=True)(_guard(boards.boards))
_boards.command("new")(_guard(boards_new.new))
_boards.command("check")(_guard(boards_new.check))
app.add_typer(_boards, name="boards")

_train = typer.Typer(rich_markup_mode="rich")
_train.callback(invoke_without_command=True)(_guard(train.train))
_train.command("benchmark")(_guard(train_benchmark.benchmark))
_train.command("detection")(_guard(train_detection.detection))
app.add_typer(_train, name="train")

_zoo = typer.Typer(rich_markup_mode="rich")
_zoo.callback(invoke_without_command=True)(_guard(zoo.zoo))
_zoo.command("compare")(_guard(zoo_compare.compare))
app.add_typer(_zoo, name="zoo")

_npu = typer.Typer(
    rich_markup_mode="rich", no_args_is_help=True, help="Programs of the TinyNPU accelerator."
)
_npu.command("compile")(_guard(npu.compile_))
_npu.command("asm")(_guard(npu.asm))
_npu.command("disasm")(_guard(npu.disasm))
_npu.command("run")(_guard(npu.run))
app.add_typer(_npu, name="npu")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"tinydeploy {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    del version, debug  # --debug is taken out of the arguments by main, wherever it stands


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its code; --debug may stand anywhere.

    The context's `obj` is the command line as a shell takes it.
    """
    global _debug
    words = sys.argv[1:] if arguments is None else arguments
    _debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    app(args=words, prog_name="tinydeploy", obj=shlex.join(["tinydeploy", *words]))
    sys.exit(0)
