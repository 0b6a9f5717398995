"""The driver of a build for a microcontroller with an accelerator beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board, Link
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.errors import OutputError, UnsupportedModelError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import Compiled, compile_graph
from tinydeploy.npu.link_device import CLOCK_HZ
from tinydeploy.npu.link_time import sdio_frame_ns, spi_frame_ns
from tinydeploy.npu.power import PUBLISHED_POWER, frame_energy_mj, frame_ms
from tinydeploy.npu.preprocess import plan_preprocessing
from tinydeploy.pipeline import BuildRequest, load_request_board, make_planner, open_output
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.recompute import plan_graph
from tinydeploy.project.build import Firmware, build_firmware
from tinydeploy.project.npu import AcceleratedModel, Rest, npu_project_files
from tinydeploy.project.publish import ACCELERATED_REPORT, check_target
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.size import Sizes, check_budget, read_sizes
from tinydeploy.project.toolchain import find_toolchain, kernel_level
from tinydeploy.project.write import write_project
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.source.make_source import make_source
from tinydeploy.source.source import Source, Watch
from tinydeploy.validate.accelerator import (
    SystemReference,
    SystemRun,
    make_pictures,
    run_system,
    stream_images,
)
from tinydeploy.validate.boxes import compare_boxes
from tinydeploy.validate.quality import quantize_inputs
from tinydeploy.validate.wide_softmax import run_graph_reference

_PICTURES, _PICTURES_OF_LARGE, _LARGE_MACS = 20, 3, 20_000_000
_FRAMES = 20
_SYSTEM_MW: Final = 160.0  # published, of microcontroller and accelerator together
_HOST_MW: Final = _SYSTEM_MW - PUBLISHED_POWER.active_mw


@dataclass(frozen=True)
class AcceleratedResult:
    """What a build ends in.

    Args:
        report: Everything that was measured.
        folder: The output folder; None where none was kept.
    """

    report: AcceleratedReport
    folder: Path | None


def build_accelerated(
    request: BuildRequest, watch: Watch, source: Source | None = None
) -> AcceleratedResult:
    """Builds firmware and program, and proves both together in the emulated board.

    Args:
        request: What the user asks for.
        watch: Is shown the stages.
        source: The int8 model, where it has been made before; else it is made as asked for.

    Raises:
        TinydeployError: See errors.py; its class tells the exit code.
    """
    check_request(request)
    board = load_request_board(request)
    if board.accelerator is None:
        raise UsageError(
            f"board {board.name} has no pins for an accelerator",
            "Take --board stm32l4r9, or add a table [accelerator] to the board's file.",
        )
    link = request.link or "spi"
    if link == "sdio" and board.accelerator.sdio is None:
        raise UsageError(
            f"board {board.name} has no SDIO pins for an accelerator",
            "Leave --link out, or add a table [accelerator.sdio] to the board's file.",
        )
    toolchain = find_toolchain()
    if request.output is not None:
        check_target(request.output)
    if source is None:
        planner = make_planner(request, board)
        source = make_source(request.model, watch, request.options, None, planner)

    with watch.stage("graph"):
        unfused = read_graph(source.tflite, source.name)
        graph = fuse_graph(unfused)
        watch.detail(f"{graph.name}: {len(graph.ops)} layers, {graph.macs:,} MACs")

    with watch.stage("npu"):
        compiled = compile_graph(graph)
        model = divide_model(
            graph, compiled, board, source.tflite, request.max_ram, request.optimize
        )
        watch.detail(
            f"program of {len(model.program):,} bytes, {compiled.walk.cycles:,} cycles; "
            f"{len(compiled.split.taken)} of {len(graph.ops)} layers on TinyNPU"
        )

    with watch.stage("reference"):
        reference = SystemReference(model)
        samples = None if source.samples is None else quantize_inputs(graph, source.samples)
        count = _PICTURES if graph.macs < _LARGE_MACS else _PICTURES_OF_LARGE
        pictures = make_pictures(model.preprocessing, samples, count)
        images = reference.prepare(pictures)
        expected = reference.compute(images)
        streamed = reference.compute(stream_images(images[-1], min(count, _FRAMES)))
        crc = selftest_crc(_test_outputs(reference, model))
        official = run_graph_reference(unfused, source.tflite, [images[:, None]]).outputs
        watch.detail(f"{count} pictures, TinyNPU's definition and LiteRT")

    name = f"{graph.name}-{board.name}-tinynpu" + ("-sdio" if link == "sdio" else "")
    with open_output(request, name) as (folder, target):
        with watch.stage("compile"):
            level = kernel_level(request.optimize)
            files = npu_project_files(model, board, link, selftest_crc=crc, kernel_level=level)
            write_project(folder / "firmware", files)
            firmware = build_firmware(folder / "firmware", board, toolchain)
            sizes = read_sizes(firmware.elf, board)
            max_flash = request.max_flash or board.flash_budget
            check_budget(sizes, max_flash, request.max_ram or board.ram_budget)
            watch.detail(f"flash {sizes.flash_bytes:,} bytes, RAM {sizes.ram_bytes:,} bytes")
        with watch.stage("emulate"):
            run = run_system(firmware.elf, board, pictures, expected, streamed, watch.detail, link)
            watch.detail(f"{run.pictures} pictures and {run.stream.frames} frames: bit-exact")
        report = _collect(
            model, compiled, board, link, toolchain.version, sizes, run, expected, official
        )
        _complete_folder(folder, source, model, firmware, report)
    return AcceleratedResult(report, target)


def check_request(request: BuildRequest) -> None:
    """Raises UsageError for options that a build with an accelerator does not know."""
    unknown = {
        "--input": request.input_form != "arena",
        "--io": request.float_ends,
        "--max-extra-macs": request.max_extra_macs is not None,
        "--vectors": request.vectors > 0,
        "--watchdog": request.watchdog is not None,
        "--firmware": request.mlperf,
        "--bundle": request.bundle,
        "--format": request.chosen_format != "cmake",
        "--no-emulate": not request.emulate,
        "--min-snr": request.min_snr is not None,
        "--max-drop": request.max_drop is not None,
    }
    if given := [option for option, is_given in unknown.items() if is_given]:
        raise UsageError(
            f"{given[0]} does not go with --accelerator",
            "Leave it out, or build without the accelerator.",
        )


def divide_model(
    graph: Graph,
    compiled: Compiled,
    board: Board,
    tflite: bytes,
    max_ram: int | None = None,
    optimize: Optimize = "balanced",
) -> AcceleratedModel:
    """Program and rest as the firmware has them.

    Args:
        graph: The model, fused.
        compiled: It, for the accelerator.
        board: The board.
        tflite: The model's file.
        max_ram: Limit on the rest's arena; None for the board's.
        optimize: What the rest's plan is to be good at; its results are the same.

    Raises:
        UnsupportedModelError: What stays needs the image.
        BudgetError: What stays finds no room.
    """
    split, rest = compiled.split, None
    cut = split.rest
    if cut is not None:
        if graph.inputs[0] in cut.inputs:
            raise UnsupportedModelError(
                f"of {graph.name} an operator that reads the image stays on the microcontroller",
                "Its image is gone by then; build it without --accelerator.",
            )
        planned = plan_graph(
            cut, board, None, max_ram=max_ram, optimize=optimize, input_form="arena"
        )
        check_plan(planned.graph, planned.plan, board)
        sources = generate_sources(planned.graph, planned.plan, board, tflite=tflite)
        kernels = list_kernels(planned.graph, planned.plan)
        rest = Rest(planned.graph, planned.plan, sources, kernels)
    microseconds = compiled.walk.cycles * 1_000_000 // CLOCK_HZ
    return AcceleratedModel(
        graph=graph,
        program=compiled.program.data,
        identity=compiled.program.identity,
        boundary=split.boundary,
        rest=rest,
        preprocessing=plan_preprocessing(graph),
        frame_us=20_000 + 4 * microseconds,
    )


def _test_outputs(reference: SystemReference, model: AcceleratedModel) -> list[bytes]:
    """What the firmware's self-test must find."""
    settings = model.preprocessing
    (camera,) = selftest_inputs([settings.camera_bytes])
    picture = np.frombuffer(camera, np.uint16).reshape(settings.camera)
    return [values.tobytes() for values in reference.compute(reference.prepare([picture]))]


def _collect(
    model: AcceleratedModel,
    compiled: Compiled,
    board: Board,
    link: Link,
    compiler: str,
    sizes: Sizes,
    run: SystemRun,
    expected: tuple[NDArray[Any], ...],
    official: tuple[NDArray[Any], ...],
) -> AcceleratedReport:
    raw = expected[: len(official)]  # a detector's boxes follow
    ours = np.concatenate([values.reshape(len(values), -1) for values in raw], axis=1)
    theirs = np.concatenate([values.reshape(len(values), -1) for values in official], axis=1)
    graph, ms = model.graph, 1e3 / run.clock_hz
    classes = (
        len(official) == 1 and ours.shape[1] > 1 and len(graph.tensors[graph.outputs[0]].shape) == 2
    )
    boxes = None if graph.detector is None else compare_boxes(graph.detector, expected, official)
    prepare, link, rest = (cycles * ms for cycles in run.stages)
    frame = run.stream.cycles / run.stream.frames * ms
    accelerator = frame_ms(run.stream.accelerator)
    image_bytes = int(np.prod(model.preprocessing.size))
    spi = spi_frame_ns(image_bytes, model.result_bytes) / 1e6
    sdio = sdio_frame_ns(image_bytes, model.result_bytes) / 1e6
    # Over SDIO the core's own work stays: what a frame takes beyond its time on the wires.
    own = max(frame - max(spi, accelerator), 0.0)
    return AcceleratedReport(
        model=graph.name,
        board=board.name,
        board_title=board.title,
        compiler=compiler,
        accelerator="TinyNPU",
        link=link,
        macs=graph.macs,
        accelerator_macs=sum(op.macs(graph) for op in compiled.split.taken),
        split=[(share.op.kind, share.reason) for share in compiled.split.shares],
        program_bytes=len(model.program),
        image_bytes=image_bytes,
        result_bytes=model.result_bytes,
        camera=model.preprocessing.camera,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        pictures=run.pictures,
        bytes_compared=run.bytes_compared,
        litert_bytes_equal=float(np.mean(ours == theirs)),
        litert_largest_difference=int(np.abs(ours.astype(int) - theirs.astype(int)).max()),
        litert_top1=float(np.mean(ours.argmax(1) == theirs.argmax(1))) if classes else None,
        boxes=boxes.found if boxes else None,
        litert_boxes=boxes.others if boxes else None,
        same_boxes=boxes.same if boxes else None,
        prepare_ms=round(prepare, 4),
        link_and_compute_ms=round(link, 4),
        rest_ms=round(rest, 4),
        accelerator_ms=round(accelerator, 4),
        frame_ms=round(frame, 4),
        frames_per_second=round(1e3 / frame, 1),
        spi_ms=round(spi, 4),
        sdio_ms=round(sdio, 4),
        sdio_frames_per_second=round(1e3 / (own + max(sdio, accelerator)), 1),
        energy_mj=round(
            _HOST_MW * frame / 1e3 + frame_energy_mj(run.stream.accelerator, 1e3 / frame), 4
        ),
    )


def _complete_folder(
    folder: Path,
    source: Source,
    model: AcceleratedModel,
    firmware: Firmware,
    report: AcceleratedReport,
) -> None:
    """Puts beside the project what people look for; the project's own build folder goes."""
    try:
        (folder / "model.tflite").write_bytes(source.tflite)
        (folder / "program.tnpu").write_bytes(model.program)
        for image in (firmware.elf, firmware.bin, firmware.hex):
            shutil.copyfile(image, folder / image.name)
        shutil.rmtree(firmware.elf.parent)
        (folder / ACCELERATED_REPORT).write_text(report.to_json(), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the results: {error.strerror or error}") from error
