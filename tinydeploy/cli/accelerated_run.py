"""`run` and `bench` of a build with an accelerator: a camera's pictures, stages, frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from tinydeploy.cli.attached import Attached, Where, attach_board
from tinydeploy.cli.console import stdout
from tinydeploy.cli.image import BuiltImage, read_built_model
from tinydeploy.cli.model_input import choose_picture_preprocessing, import_pictures
from tinydeploy.errors import InputFileError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.power import frame_ms
from tinydeploy.npu.preprocess import Preprocessing, pack_rgb565, plan_preprocessing
from tinydeploy.validate.accelerator import Stream, make_pictures, stream_frames
from tinydeploy.validate.wire import Spread, find_spread

STAGES = ("prepare", "link and TinyNPU", "rest")


def read_camera_picture(path: Path, graph: Graph) -> NDArray[np.uint16]:
    """What a camera would see, RGB565: the picture where the firmware cuts its part out.

    Args:
        path: A picture, brought to the part's size as the model's metadata says; or a .npy file,
            uint16 of the camera's height and width.
        graph: The model.

    Raises:
        InputFileError: The file cannot be used.
        MissingDependencyError: Pillow is not installed.
    """
    settings = plan_preprocessing(graph)
    if path.suffix == ".npy":
        return _read_array(path, settings)
    import_pictures()
    from tinydeploy.model.picture import fit_picture, read_picture

    plain: Any = {"color": "rgb", "mean": (0.0,) * 3, "std": (1.0,) * 3}  # the firmware does these
    colors = replace(choose_picture_preprocessing(graph), **plain)
    top, left, height, width = settings.crop
    part = fit_picture(read_picture(path, colors), colors, height, width)
    below, right = settings.camera[0] - top - height, settings.camera[1] - left - width
    return pack_rgb565(np.pad(part, ((top, below), (left, right), (0, 0)), mode="edge"))


def describe_stages(attached: Attached, cycles: Sequence[int]) -> str:
    """What the core's counter saw of a picture."""
    shown = (
        f"{name} {1000 * count / attached.hello.clock_hz:.3f} ms"
        for name, count in zip(STAGES, cycles, strict=True)
    )
    return ", ".join(shown)


def bench_accelerated(
    built: BuiltImage, on: Where, port: str | None, runs: int, *, as_json: bool
) -> None:
    """Measures the stages of pictures one by one, then as many frames in a row.

    Args:
        built: The build.
        on: Which board.
        port: Serial port of a real one.
        runs: Pictures, and frames.
        as_json: Print JSON.

    Raises:
        BoardLinkError: The firmware does not answer, or reports an error.
    """
    graph = read_graph(read_built_model(built), built.model)
    (picture,) = make_pictures(plan_preprocessing(graph), None, 1)
    with attach_board(built, on, port) as attached:
        profiles = [attached.client.profile([picture.tobytes()]) for _ in range(runs)]
        stream = stream_frames(attached.transport, runs)
    stages = [find_spread(cycles) for cycles in zip(*profiles, strict=True)]
    total = find_spread([sum(cycles) for cycles in profiles])
    if not as_json:
        _show(built.model, attached, on, stages, total, stream)
        return
    facts = {
        "model": built.model,
        "board": attached.board.name,
        "on": on.value,
        "unit": "cycles",
        "clock_hz": attached.hello.clock_hz,
        "build_id": attached.hello.build_id.hex(),
        "runs": runs,
        "total": asdict(total),
        "stages": [
            {"name": name} | asdict(spread) for name, spread in zip(STAGES, stages, strict=True)
        ],
        "in_a_row": asdict(stream) | {"crc": f"{stream.crc:08x}"},
    }
    typer.echo(json.dumps(facts, indent=2))


def _show(
    model: str,
    attached: Attached,
    on: Where,
    stages: Sequence[Spread],
    total: Spread,
    stream: Stream,
) -> None:
    hertz = attached.hello.clock_hz
    stdout.print(
        f"{model} on {attached.board.title} with TinyNPU ({on}), {hertz / 1e6:g} MHz: cycles of "
        f"{stream.frames} pictures, one by one",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("stage", "min", "median", "max", "ms", "share"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for name, spread in zip((*STAGES, "whole picture"), (*stages, total), strict=True):
        cells = [f"{count:,}" for count in (spread.min, spread.median, spread.max)]
        share = f"{spread.median / max(total.median, 1):.1%}"
        table.add_row(name, *cells, f"{1000 * spread.median / hertz:.3f}", share)
    stdout.print(table)
    each = 1000 * stream.cycles / stream.frames / hertz
    stdout.print(
        f"{stream.frames} in a row: {each:.3f} ms each, {1000 / each:.1f} per second; TinyNPU "
        f"{frame_ms(stream.accelerator):.3f} ms of it by its cycle model; {stream.transactions} "
        f"transactions, {stream.repeated} repeated, {stream.resets} resets",
        markup=False,
        soft_wrap=True,
    )


def _read_array(path: Path, settings: Preprocessing) -> NDArray[np.uint16]:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputFileError(f"cannot read {path}: {error}") from error
    if values.dtype != np.uint16 or values.shape != settings.camera:
        raise InputFileError(
            f"{path} holds {values.dtype} {list(values.shape)}, not uint16 {list(settings.camera)}",
            "A build with an accelerator takes a picture, or RGB565 of its camera's height and "
            "width.",
        )
    return np.asarray(values)
