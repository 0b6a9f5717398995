"""The driver of a build for a microcontroller with an accelerator beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.errors import OutputError, UnsupportedModelError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import Compiled, compile_graph
from tinydeploy.npu.link_device import CLOCK_HZ
from tinydeploy.npu.preprocess import plan_preprocessing
from tinydeploy.pipeline import BuildRequest, load_request_board, make_planner, open_output
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.recompute import plan_graph
from tinydeploy.project.build import Firmware, build_firmware
from tinydeploy.project.npu import AcceleratedModel, Rest, npu_project_files
from tinydeploy.project.publish import ACCELERATED_REPORT, check_target
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.size import check_budget, read_sizes
from tinydeploy.project.toolchain import find_toolchain, kernel_level
from tinydeploy.project.write import write_project
from tinydeploy.report.accelerated_evidence import Answers
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.collect_accelerated import AcceleratedEvidence, collect_accelerated
from tinydeploy.report.page.accelerated_page import write_accelerated_page
from tinydeploy.source.make_source import make_source
from tinydeploy.source.source import Source, Watch
from tinydeploy.validate.accelerator import (
    SystemReference,
    count_samples,
    make_pictures,
    run_system,
    stream_images,
)
from tinydeploy.validate.quality import quantize_inputs
from tinydeploy.validate.wide_softmax import run_graph_reference

Array = NDArray[Any]

_PICTURES, _PICTURES_OF_LARGE, _LARGE_MACS = 20, 3, 20_000_000
_FRAMES = 20
_TESTED_MACS = 20_000_000_000  # of all test samples together


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
    max_flash = request.max_flash or board.flash_budget
    max_ram = request.max_ram or board.ram_budget
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
        streamed = reference.compute(stream_images(images[-1], _FRAMES))
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
            check_budget(sizes, max_flash, max_ram)
            watch.detail(f"flash {sizes.flash_bytes:,} bytes, RAM {sizes.ram_bytes:,} bytes")
        with watch.stage("emulate"):
            run = run_system(firmware.elf, board, pictures, expected, streamed, watch.detail, link)
            watch.detail(f"{run.pictures} pictures and {run.stream.frames} frames: bit-exact")
        with watch.stage("quality"):
            tested = _answer_samples(source, unfused, reference, samples, graph.macs)
            watch.detail(
                "no test samples of which the answer is known"
                if tested is None
                else f"{len(tested.litert[0])} test samples"
            )
        evidence = AcceleratedEvidence(
            origin=source.origin,
            tflite=source.tflite,
            model=model,
            compiled=compiled,
            board=board,
            link=link,
            compiler=toolchain.version,
            sizes=sizes,
            budget=(max_flash, max_ram),
            run=run,
            images=images,
            shown=0 if samples is None else min(len(samples), count_samples(count)),
            answers=Answers(None, official, expected),
            tested=tested,
            classes=source.classes,
            scenes=source.scenes,
            command=request.command,
            firmware=firmware.bin.read_bytes(),
        )
        report, shown = collect_accelerated(evidence)
        _complete_folder(folder, source, model, firmware, report, shown)
    return AcceleratedResult(report, target)


def _answer_samples(
    source: Source, unfused: Graph, reference: SystemReference, samples: Array | None, macs: int
) -> Answers | None:
    """What float net, LiteRT and TinyNPU say of test samples, of large nets of the first ones.

    None where nobody knows what is right.
    """
    if samples is None or (source.classes is None and source.scenes is None):
        return None
    count = max(1, min(len(samples), _TESTED_MACS // macs))
    tested, exact = samples[:count], source.float_outputs
    return Answers(
        None if exact is None else [output[:count] for output in exact],
        run_graph_reference(unfused, source.tflite, [tested]).outputs,
        reference.compute(tested.reshape(-1, *tested.shape[-3:])),
    )


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


def _complete_folder(
    folder: Path,
    source: Source,
    model: AcceleratedModel,
    firmware: Firmware,
    report: AcceleratedReport,
    pictures: Mapping[str, bytes],
) -> None:
    """Puts beside the project what people look for; the project's own build folder goes."""
    try:
        (folder / "model.tflite").write_bytes(source.tflite)
        (folder / "program.tnpu").write_bytes(model.program)
        for image in (firmware.elf, firmware.bin, firmware.hex):
            shutil.copyfile(image, folder / image.name)
        shutil.rmtree(firmware.elf.parent)
        write_project(folder, pictures)
        (folder / ACCELERATED_REPORT).write_text(report.to_json(), encoding="utf-8")
        page = write_accelerated_page(report, pictures)
        (folder / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the results: {error.strerror or error}") from error
