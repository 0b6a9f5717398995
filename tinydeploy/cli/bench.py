"""`tinydeploy bench`: cycles of each layer, as the core's own counter sees them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from tinydeploy.cli.accelerated_run import bench_accelerated
from tinydeploy.cli.attached import Attached, PortOption, Where, attach_board, refuse_qemu
from tinydeploy.cli.console import stdout
from tinydeploy.cli.image import (
    find_image,
    newest_build,
    read_built_model,
    read_report,
)
from tinydeploy.cli.options import JsonOption
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.vectors import make_vectors
from tinydeploy.validate.wire import Measurement, Spread, measure_board


def bench(
    build: Annotated[
        Path | None,
        typer.Argument(
            metavar="BUILD", help="Output folder of a build. Default: the newest in out/."
        ),
    ] = None,
    on: Annotated[Where, typer.Option(metavar="WHERE", help="emulator or board.")] = Where.BOARD,
    port: PortOption = None,
    runs: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="Inferences to measure.")
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Measure the cycles of each layer on the board that runs a build.

    The counter is the core's own (DWT). The emulated board has none that counts time: there it
    counts instructions, which are the same in every run.

    Of a build with an accelerator: the stages of pictures one by one, and frames in a row.
    """
    refuse_qemu(on)
    built = find_image(newest_build() if build is None else build, None)
    if built.accelerated:
        bench_accelerated(built, on, port, runs, as_json=as_json)
        return
    graph = read_graph(read_built_model(built), built.model)
    layers = {layer["index"]: layer for layer in read_report(built)["layers"]}
    inputs = [values[0].tobytes() for values in make_vectors(graph, 1)]
    with attach_board(built, on, port) as attached:
        measured = measure_board(attached.client, inputs, runs)
    if as_json:
        typer.echo(json.dumps(_to_facts(built.model, attached, on, measured, layers), indent=2))
    else:
        _show(built.model, attached, on, measured, layers)


def _to_facts(
    model: str, attached: Attached, on: Where, measured: Measurement, layers: dict[int, Any]
) -> dict[str, Any]:
    return {
        "model": model,
        "board": attached.board.name,
        "on": on.value,
        "unit": _unit(on),
        "clock_hz": attached.hello.clock_hz,
        "build_id": attached.hello.build_id.hex(),
        "runs": measured.runs,
        "total": asdict(measured.total),
        "layers": [
            {"index": index, "op": layers[index]["op"], "name": layers[index]["name"]}
            | asdict(spread)
            for index, spread in enumerate(measured.layers)
            if index in layers
        ],
    }


def _show(
    model: str, attached: Attached, on: Where, measured: Measurement, layers: dict[int, Any]
) -> None:
    hertz, unit = attached.hello.clock_hz, _unit(on)
    stdout.print(
        f"{model} on {attached.board.title} ({on}), {hertz / 1e6:g} MHz: "
        f"{unit} of {measured.runs} inference{'' if measured.runs == 1 else 's'}",
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("layer", "operator", "min", "median", "max", "share"):
        table.add_column(column, justify="left" if column == "operator" else "right")
    whole = measured.total.median
    for index, spread in enumerate(measured.layers):
        if index in layers:
            _add_row(table, str(index), layers[index]["op"], spread, whole)
    _add_row(table, "", "whole inference", measured.total, whole)
    stdout.print(table)
    if on is Where.BOARD:
        stdout.print(f"median {1000 * whole / hertz:.3f} ms", markup=False)


def _add_row(table: Table, number: str, name: str, spread: Spread, whole: int) -> None:
    cells = (f"{spread.min:,}", f"{spread.median:,}", f"{spread.max:,}")
    table.add_row(number, name, *cells, f"{spread.median / max(whole, 1):.1%}")


def _unit(on: Where) -> str:
    return "cycles" if on is Where.BOARD else "instructions"
