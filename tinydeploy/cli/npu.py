"""`tinydeploy npu`: programs of TinyNPU, compiled, assembled, shown and run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from tinydeploy.cli.build_options import takes_source_options
from tinydeploy.cli.console import StageView, stdout
from tinydeploy.cli.options import QuietOption
from tinydeploy.errors import InputFileError, OutputError, ProgramError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.assembler import MAX_TEXT, assemble
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.disassembler import disassemble
from tinydeploy.npu.explain import describe_split, explain_split
from tinydeploy.npu.isa import MEMORY_BYTES
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.power import frame_energy_mj, frame_ms
from tinydeploy.npu.program import Program, parse_program
from tinydeploy.npu.walk import Walk, walk_frame
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.validate.cut_rest import cut_rest

_ProgramArgument = Annotated[
    Path, typer.Argument(metavar="PROGRAM", help="A program as compile and asm write them.")
]
_OutputOption = typer.Option("--output", "-o", metavar="FILE")


@takes_source_options
def compile_(
    model: str | None,
    options: SourceOptions,
    output: Annotated[Path, _OutputOption] = Path("model.npu"),
    rest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what stays on the microcontroller as a .tflite."),
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the split and its figures as JSON."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Compile a model for TinyNPU, as much of it as the accelerator can do and has memory for.

    Prints what runs where and why, and what a frame takes.
    """
    watch = StageView(quiet=quiet)
    source = make_source(model, watch, options)
    with watch.stage("graph"):
        graph = fuse_graph(read_graph(source.tflite, source.name))
    with watch.stage("compile"):
        compiled = compile_graph(graph)
    stays = compiled.split.rest
    if rest is not None and stays is None:
        raise UsageError(
            "nothing of the model stays on the microcontroller, so there is nothing for --rest",
            "A program does all of it: leave --rest out. Nothing was written.",
        )
    _write(output, compiled.program.data)
    if rest is not None and stays is not None:
        _write(rest, cut_rest(source.tflite, stays))
    if as_json is not None:
        _write(as_json, (json.dumps(describe_split(compiled), indent=2) + "\n").encode())
    stdout.print(explain_split(compiled), markup=False, soft_wrap=True)


def asm(
    text: Annotated[Path, typer.Argument(metavar="TEXT", help="A program as text.")],
    output: Annotated[Path, _OutputOption] = Path("model.npu"),
) -> None:
    """Assemble a program from text, and check the way of a frame through it."""
    data = _read(text, MAX_TEXT)
    try:
        program = assemble(data.decode("utf-8"))
        walk = walk_frame(program)
    except UnicodeDecodeError as error:
        raise InputFileError(f"{text} is no text", "It is to be UTF-8.") from error
    except ProgramError as error:
        raise ProgramError(f"{text}: {error.message}", error.hint) from error
    _write(output, program.data)
    stdout.print(_describe(program, walk), markup=False, soft_wrap=True)


def disasm(
    program: _ProgramArgument,
    output: Annotated[Path | None, _OutputOption] = None,
    code: Annotated[
        bool, typer.Option("--code", help="Instructions only, without constants.")
    ] = False,
) -> None:
    """Show a program as text; asm makes the same bytes of it again."""
    text = disassemble(_read_program(program))
    if code:
        text = text.partition(".constants\n")[0]
    if output is not None:
        _write(output, text.encode())
    else:
        typer.echo(text, nl=False)


def run(
    program: _ProgramArgument,
    image: Annotated[
        Path | None,
        typer.Argument(metavar="[IMAGES]", help="int8 inputs as .npy; default: one of zeros."),
    ] = None,
    output: Annotated[Path | None, _OutputOption] = None,
    fps: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Frames per second, for energy with idle times."),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Show when each instruction starts and ends.")
    ] = False,
) -> None:
    """Run a program in the simulator, over one image or several.

    Cycles, time and energy are the model's (docs/tinynpu.md). The results, int8, one frame after
    the other, go to --output as .npy.
    """
    loaded = _read_program(program)
    images = _read_images(image, loaded)
    walk = walk_frame(loaded)
    energy = frame_energy_mj(walk.cycles, fps)
    machine = Machine()
    machine.load(loaded.data)
    frames = [machine.run(values.tobytes()) for values in images]
    results = np.stack([np.frombuffer(frame.outputs, np.int8) for frame in frames])
    if output is not None:
        _save(output, results)
    if timeline:
        for step in walk.steps:
            line = f"{step.start:>10,} {step.finish:>10,}  {step.number:>4} {step.instruction}"
            stdout.print(line, markup=False, soft_wrap=True)
    shown = "" if fps is None else f" at {fps:g} frames per second, with idle times"
    stdout.print(_describe(loaded, walk), markup=False, soft_wrap=True)
    stdout.print(f"energy per frame: {energy:.4f} mJ{shown}", markup=False, soft_wrap=True)
    for number, row in enumerate(results[:4]):
        values = " ".join(map(str, row[:16])) + (" ..." if row.size > 16 else "")
        stdout.print(f"results of image {number}: {values}", markup=False, soft_wrap=True)


def _describe(program: Program, walk: Walk) -> str:
    ms = frame_ms(walk.cycles)
    return (
        f"{program.instruction_count} instructions, {program.static_bytes:,} bytes of "
        f"{MEMORY_BYTES:,} constant, identity 0x{program.identity:08x}; a frame takes "
        f"{walk.cycles:,} cycles, {ms:.3f} ms, and {program.image_bytes:,} bytes become "
        f"{program.output_bytes:,}"
    )


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) > most:
        raise InputFileError(f"{path} has more than {most:,} bytes", "Is it the right file?")
    return data


def _read_program(path: Path) -> Program:
    try:
        return parse_program(_read(path, 2 * MEMORY_BYTES))
    except ProgramError as error:
        raise ProgramError(f"{path}: {error.message}", error.hint) from error


def _read_images(path: Path | None, program: Program) -> NDArray[np.int8]:
    if path is None:
        return np.zeros((1, program.image_bytes), np.int8)
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputFileError(f"cannot read {path}: {error}", "Give a .npy file.") from error
    if not isinstance(values, np.ndarray) or values.dtype != np.int8:
        raise InputFileError(f"{path} does not hold int8", "Quantize the inputs as the model does.")
    if values.size == 0 or values.size % program.image_bytes:
        raise InputFileError(
            f"{path} holds {values.size} values, the program takes images of {program.image_bytes}",
            "Give one image or several, int8 [n, h, w, c].",
        )
    return values.reshape(-1, program.image_bytes)


def _write(path: Path, data: bytes) -> None:
    _guard(path, lambda: path.write_bytes(data))


def _save(path: Path, values: NDArray[np.int8]) -> None:
    if path.suffix != ".npy":
        raise UsageError(f"{path} is no .npy file", "Name it results.npy.")
    _guard(path, lambda: np.save(path, values))


def _guard(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
