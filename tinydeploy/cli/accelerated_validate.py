"""`tinydeploy validate` of a build with an accelerator: emulated, a TinyNPU beside the board."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tinydeploy.accelerated import divide_model
from tinydeploy.cli.attached import Where
from tinydeploy.cli.console import stderr, stdout
from tinydeploy.cli.image import BuiltImage, find_image, load_built_board, read_built_model
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.project.npu import AcceleratedModel
from tinydeploy.project.publish import ACCELERATED_REPORT
from tinydeploy.validate.accelerator import (
    SystemReference,
    make_pictures,
    run_system,
    stream_images,
)


def is_accelerated(path: Path) -> bool:
    """Whether a build's folder, or the image in it, is one with an accelerator."""
    folder = path if path.is_dir() else path.parent
    named = path.is_dir() or path.name == "firmware.elf"
    return named and (folder / ACCELERATED_REPORT).is_file()


def validate_accelerated(
    image: Path,
    count: int,
    *,
    on: Where | None,
    against: str | None,
    port: str | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Puts pictures through firmware and simulated TinyNPU, one by one and in a row.

    Raises:
        UsageError: Something else is asked for; only the emulated board has a TinyNPU.
        MismatchError: A byte differs from TinyNPU's reference.
    """
    if against is not None:
        raise UsageError(
            f"{image} is a build with an accelerator, whose arithmetic is TinyNPU's own",
            f"Its agreement with LiteRT is in {ACCELERATED_REPORT}; name the model.tflite in it to "
            "compare runtimes of the model alone.",
        )
    if on in (Where.BOARD, Where.QEMU) or port is not None:
        raise UsageError(
            f"{image} is a build with an accelerator, which is validated in the emulated board",
            "Use --on emulator. On a real board its self-test runs at every start.",
        )
    if data is not None:
        raise UsageError(
            "--data gives inputs of the net, and this build takes pictures of a camera",
            "Leave --data out: random pictures are used.",
        )
    built = find_image(image, None)
    board = load_built_board(built)
    model = _read_model(built)
    reference = SystemReference(model)
    pictures = make_pictures(model.preprocessing, None, count)
    with stderr.status("computing the reference") as status:
        images = reference.prepare(pictures)
        expected = reference.compute(images)
        streamed = reference.compute(stream_images(images[-1], count))
        run = run_system(built.elf, board, pictures, expected, streamed, status.update, built.link)
    if as_json:
        facts = {
            "model": built.model,
            "board": board.name,
            "on": Where.EMULATOR.value,
            "reference": "TinyNPU",
            "selftest_passed": True,
            "bit_exact": True,
            "vectors": run.pictures,
            "frames_in_a_row": run.stream.frames,
            "bytes_compared": run.bytes_compared,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    stdout.print(
        f"{built.model} on {board.title} with TinyNPU (emulator): {run.pictures} pictures, "
        f"{run.bytes_compared:,} bytes, and {run.stream.frames} frames in a row, all equal "
        "TinyNPU's reference; self-test ok",
        markup=False,
        soft_wrap=True,
    )


def _read_model(built: BuiltImage) -> AcceleratedModel:
    """Both parts, from the model beside the image.

    Raises:
        InputFileError: The program beside it is not what this version makes of the model.
    """
    tflite = read_built_model(built)
    graph = fuse_graph(read_graph(tflite, built.model))
    model = divide_model(graph, compile_graph(graph), load_built_board(built), tflite)
    program = built.elf.with_name("program.tnpu")
    if not program.is_file() or program.read_bytes() != model.program:
        raise InputFileError(
            f"{program} is not what this version of tinydeploy makes of the model beside it",
            "Build again.",
        )
    return model
