"""The driver: from what the user names to a verified image, one readable sequence of stages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from tinydeploy.board import Board, Link, load_board, with_baud, with_watchdog
from tinydeploy.bundle.make_bundle import BUNDLE, write_bundle
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.errors import (
    InputFileError,
    OutputError,
    UnsupportedModelError,
    UsageError,
)
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alternatives import describe_chosen, list_alternatives
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.check_recomputation import check_recomputation
from tinydeploy.plan.extra_macs import count_extra_macs
from tinydeploy.plan.flash import place_weights
from tinydeploy.plan.input_form import check_float_ends, check_input_form
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.picture.layout import draw_scene
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.svg import write_svg
from tinydeploy.plan.plan import InputForm, Plan, PlannedGraph
from tinydeploy.plan.recompute import check_share, plan_graph
from tinydeploy.project.build import Firmware
from tinydeploy.project.formats.handover import Handover
from tinydeploy.project.formats.make import Format, check_format, format_files
from tinydeploy.project.hot_code import build_project, rank_hot_sources
from tinydeploy.project.mlperf import check_form, find_task
from tinydeploy.project.publish import check_target, publish_folder
from tinydeploy.project.size import check_arenas, check_budget, read_sizes
from tinydeploy.project.toolchain import find_toolchain, kernel_level
from tinydeploy.project.write import project_files, write_project
from tinydeploy.report.build_report import BuildReport, DetectionFacts, QuantizationFacts
from tinydeploy.report.collect import Evidence, collect_report
from tinydeploy.report.detection_facts import DetectionEvidence, collect_detection
from tinydeploy.report.page.page import write_page
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source, Watch
from tinydeploy.source.zoo_size import check_zoo_size
from tinydeploy.validate.emulator import EmulatorRun, run_emulator
from tinydeploy.validate.prove import EMULATED_VECTORS, Array, expect_outputs, prove_host
from tinydeploy.validate.quality import (
    Quality,
    add_precision,
    check_measurable,
    check_quality,
    dequantize_outputs,
    measure_outputs,
    quantize_inputs,
    read_pixels,
)
from tinydeploy.validate.selftest_samples import choose_samples, extend_crc
from tinydeploy.validate.tensor_use import TensorUse, measure_use
from tinydeploy.validate.tflm_arena import find_tflm_tree, measure_tflm_arena
from tinydeploy.validate.vectors import SAMPLES_FILE
from tinydeploy.validate.verdict import judge_proof
from tinydeploy.validate.wide_softmax import leave_out_wide_softmaxes

# Random vectors for the host where there are no samples; few for nets that take long.
_HOST_VECTORS, _HOST_VECTORS_OF_LARGE = 44, 4
_LARGE_MACS = 20_000_000
# Samples, at most, that histograms of activations are counted over.
_COUNTED, _COUNTED_OF_LARGE = 50, 4


@dataclass(frozen=True)
class BuildRequest:
    """What the user asks for.

    Args:
        board: Name of the board.
        model: See `make_source`.
        options: What is to be known of the model besides.
        output: Folder to make; None for out/<model>-<board>.
        optimize: What kernels are chosen for.
        input_form: How the firmware is given its input.
        float_ends: The model's API takes and gives real values too.
        max_ram: RAM budget in bytes; None for the board's.
        max_flash: Flash budget in bytes; None for the board's.
        max_extra_macs: Share of the model's MACs that may be executed again where that saves RAM:
            0.1 for 10 %; None to compute nothing again.
        min_snr: Least SNR in dB of the int8 outputs; None for no limit.
        max_drop: Most points of accuracy that int8 may lose; None for no limit.
        baud: Speed of the console; None for the board's.
        vectors: Inputs from the data set that the firmware's self-test runs.
        watchdog: Seconds that a layer's call may take before the chip is reset; None: any time.
        mlperf: The firmware answers MLPerf Tiny's runner, too.
        chosen_format: What the output folder holds besides the firmware project, in a subfolder of
            that name; "cmake" for nothing.
        accelerator: "tinynpu" for a TinyNPU beside the board, see accelerated.py; None for none.
        link: How that is linked, "spi" or "sdio"; None for "spi".
        emulate: Run the image in the emulated board.
        keep: Leave an output folder behind; False for a mere check.
        bundle: Put a proof bundle into it, too.
        command: The command line that asks for it, for the report; empty where there is none.
    """

    board: str
    model: str | None = None
    options: SourceOptions = field(default_factory=SourceOptions)
    output: Path | None = None
    optimize: Optimize = "balanced"
    input_form: InputForm = "arena"
    float_ends: bool = False
    max_ram: int | None = None
    max_flash: int | None = None
    max_extra_macs: float | None = None
    min_snr: float | None = None
    max_drop: float | None = None
    baud: int | None = None
    vectors: int = 0
    watchdog: float | None = None
    mlperf: bool = False
    chosen_format: Format = "cmake"
    accelerator: str | None = None
    link: Link | None = None
    emulate: bool = True
    keep: bool = True
    bundle: bool = False
    command: str = ""


@dataclass(frozen=True)
class BuildResult:
    """What a build ends in.

    Args:
        report: Everything that was measured.
        folder: The output folder; None where none was kept.
        chosen_format: What it holds besides the firmware project, see BuildRequest.
    """

    report: BuildReport
    folder: Path | None
    chosen_format: Format = "cmake"


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """A model with a plan.

    Args:
        source: The int8 model.
        unfused: The graph as read.
        fused: The graph of the layers.
        graph: The graph as built: with `max_extra_macs`, expansions may be fused, too.
        board: The board.
        plan: Its plan.
        far: Memories of weights that do not lie in flash with the code, by position in Graph.ops.
    """

    source: Source
    unfused: Graph
    fused: Graph
    graph: Graph
    board: Board
    plan: Plan
    far: Mapping[int, str]


def make_planner(request: BuildRequest, board: Board) -> BoardPlanner:
    """Plans files as the build would."""
    return BoardPlanner(
        board, request.optimize, request.input_form, request.max_ram, request.max_extra_macs
    )


def plan_model(request: BuildRequest, watch: Watch, source: Source | None = None) -> PlannedModel:
    """Everything up to a checked plan.

    Args:
        request: What the user asks for.
        watch: Is shown the stages.
        source: The int8 model, where it has been made before; else it is made as asked for.

    Raises:
        TinydeployError: See errors.py; its class tells the exit code.
    """
    board = load_request_board(request)
    if request.max_extra_macs is not None:
        check_share(request.max_extra_macs)
    if source is None:
        check_zoo_size(request.model, board, request.max_flash or board.flash_budget)
        judge = partial(check_measurable, min_snr=request.min_snr, max_drop=request.max_drop)
        planner = make_planner(request, board)
        source = make_source(request.model, watch, request.options, judge, planner)

    with watch.stage("graph"):
        try:
            unfused = read_graph(source.tflite, source.name)
        except InputFileError as error:
            raise InputFileError(f"{source.origin}: {error.message}", error.hint) from error
        fused = fuse_graph(unfused)
        watch.detail(
            f"{fused.name}: {len(unfused.ops)} ops in {len(fused.ops)} layers, {fused.macs:,} MACs"
        )

    with watch.stage("plan"):
        check_input_form(fused, request.input_form)
        if request.mlperf:
            check_form(request.input_form)
            find_task(fused)
        check_float_ends(request.input_form, float_ends=request.float_ends)
        max_flash = request.max_flash or board.flash_budget
        far = place_weights(fused, board, max_flash)
        planned = plan_graph(
            fused,
            board,
            request.max_extra_macs,
            max_ram=request.max_ram,
            optimize=request.optimize,
            input_form=request.input_form,
        )
        graph, plan = planned.graph, planned.plan
        check_plan(graph, plan, board)
        if graph is not fused:
            check_recomputation(fused, graph, plan, request.max_extra_macs or 0.0)
            far = place_weights(graph, board, max_flash)
        if not plan.calls:
            raise UnsupportedModelError(
                "the model computes nothing: its operators only rename their inputs",
                "Give one with a layer in it.",
            )
        places = ", ".join(f"{arena.size:,} bytes in {arena.memory}" for arena in plan.arenas)
        watch.detail(f"arena of {places}; lower bound {plan.lower_bound_bytes:,}")
        if request.max_extra_macs is not None:
            watch.detail(_describe_recomputation(graph, fused, plan))
    return PlannedModel(source, unfused, fused, graph, board, plan, far)


def build_image(request: BuildRequest, watch: Watch, source: Source | None = None) -> BuildResult:
    """Builds, compiles, emulates and proves an image, and puts it into its folder.

    Nothing appears at the output folder before everything has passed; what stood there stays until
    then.

    Args:
        request: What the user asks for.
        watch: Is shown the stages.
        source: See `plan_model`.

    Raises:
        TinydeployError: See errors.py; its class tells the exit code.
    """
    if request.link is not None:
        raise UsageError(
            f"--link {request.link} says how an accelerator is linked, and none is asked for",
            "Add --accelerator tinynpu, or leave --link out.",
        )
    board = load_request_board(request)
    toolchain = replace(find_toolchain(), kernel_level=kernel_level(request.optimize))
    max_flash = board.flash_budget if request.max_flash is None else request.max_flash
    max_ram = board.ram_budget if request.max_ram is None else request.max_ram
    if request.output is not None:
        check_target(request.output)
    tree = find_tflm_tree() if request.chosen_format == "tflm" else None

    model = plan_model(request, watch, source)
    source, unfused, graph, plan = model.source, model.unfused, model.graph, model.plan
    check_format(request.chosen_format, source.tflite)

    with watch.stage("reference"):
        samples = None if source.samples is None else quantize_inputs(graph, source.samples)
        extra = _HOST_VECTORS if graph.macs < _LARGE_MACS else _HOST_VECTORS_OF_LARGE
        vectors = choose_samples(graph, samples, request.vectors)
        expectation = expect_outputs(unfused, source.tflite, samples, extra)
        watch.detail(f"{len(expectation.outputs[0])} vectors, {expectation.reference}")

    with watch.stage("code"):
        sources = generate_sources(
            graph, plan, board, tflite=source.tflite, float_ends=request.float_ends
        )
        kernels = list_kernels(graph, plan)
        crc = expectation.selftest_crc
        whole_crc = extend_crc(expectation, request.vectors)
        watch.detail(f"{len(sources)} files, {len(kernels)} kernels")

        def make_files(hot: Sequence[str]) -> Mapping[str, bytes]:
            return project_files(
                graph,
                plan,
                sources,
                kernels,
                board,
                selftest_crc=whole_crc,
                hot=hot,
                kernel_level=toolchain.kernel_level,
                far=model.far,
                mlperf=find_task(graph) if request.mlperf else None,
                vectors=vectors,
            )

    with open_output(request, f"{graph.name}-{board.name}") as (folder, target):
        with watch.stage("compile"):
            hot = rank_hot_sources(kernels, graph.name)
            firmware = build_project(folder / "firmware", board, toolchain, hot, make_files)
            sizes = read_sizes(firmware.elf, board)
            check_arenas(sizes, plan)
            watch.detail(f"flash {sizes.flash_bytes:,} bytes, RAM {sizes.ram_bytes:,} bytes")
            for warning in firmware.warnings:
                watch.note(warning)
            check_budget(sizes, max_flash, max_ram)

        run: EmulatorRun | None = None
        if request.emulate:
            with watch.stage("emulate"):
                run = run_emulator(firmware.elf, board, graph, plan, expectation, watch.detail)
                watch.detail(f"{run.instructions:,} instructions, {run.comparison.vectors} vectors")

        with watch.stage("validate"):
            host = prove_host(unfused, graph, plan, sources, board, expectation)
            watch.detail(judge_proof(host, None if run is None else run.comparison))

        with watch.stage("quality"):
            outputs = [
                dequantize_outputs(graph, output, place)
                for place, output in enumerate(expectation.sample_outputs)
            ]
            quality = measure_outputs(source.float_outputs, outputs, source.classes)
            raw = expectation.sample_outputs
            if graph.detector is not None and source.scenes is not None:
                quality = add_precision(
                    quality, graph.detector, source.float_outputs, raw, source.scenes
                )
            check_quality(quality, request.min_snr, request.max_drop)
            watch.detail(quality.describe())
            counted = samples if request.keep else None
            if counted is not None:
                most = _COUNTED if graph.macs < _LARGE_MACS else _COUNTED_OF_LARGE
                counted = counted[:: -(-len(counted) // most)]
            used = _count_values(unfused, source.tflite, counted)

        with watch.stage("compare"):
            # Of large nets each plan takes long: `tinydeploy plan` compares them.
            planned = PlannedGraph(graph, plan)
            if request.keep and graph.macs < _LARGE_MACS:
                plans = list_alternatives(model.fused, board, planned, request.optimize)
            else:
                plans = (describe_chosen(model.fused, board, planned),)
            watch.detail(f"{len(plans)} plan{'' if len(plans) == 1 else 's'}")

        detection, pictures = _collect_detection(source, graph, samples, raw, quality)
        report = collect_report(
            Evidence(
                origin=source.origin,
                tflite=source.tflite,
                graph=graph,
                parameters=unfused.parameters,
                plan=plan,
                plans=plans,
                board=board,
                compiler=toolchain.version,
                sizes=sizes,
                flash_budget=max_flash,
                ram_budget=max_ram,
                reference=expectation.reference,
                host=host,
                run=run,
                quality=quality,
                quantization=[QuantizationFacts(**asdict(layer)) for layer in source.layers],
                used=used,
                used_samples=0 if counted is None else len(counted),
                command=request.command,
                firmware=firmware.bin.read_bytes(),
                seconds=watch.seconds,
                detection=detection,
            )
        )
        _complete_folder(folder, model, firmware, report, pictures, samples)
        handover = Handover(
            graph=graph,
            plan=plan,
            board=board,
            sources=sources,
            kernels=kernels,
            tflite=source.tflite,
            selftest_crc=crc,
            selftest_outputs=expectation.selftest_outputs,
            stack_bytes=None if run is None else run.stack_high_water,
        )
        if tree is not None:
            with watch.stage("tflm"):
                files = format_files("tflm", handover)
                arena = measure_tflm_arena(handover.name, files, tree, board.cpu)
                handover = replace(handover, tflm_arena_bytes=arena)
                watch.detail(f"TensorFlow Lite Micro needs an arena of {arena:,} bytes")
        write_project(folder / request.chosen_format, format_files(request.chosen_format, handover))
        if request.bundle:
            with watch.stage("bundle"):
                compared = EMULATED_VECTORS if run is None else run.comparison.vectors
                tensors = (expectation.vectors, expectation.outputs)
                inputs, outputs = ([values[:compared] for values in each] for each in tensors)
                size = write_bundle(folder, source.tflite, report, vars(request), inputs, outputs)
                watch.detail(f"{BUNDLE}: {size:,} bytes")
    return BuildResult(report, target, request.chosen_format)


def _count_values(unfused: Graph, tflite: bytes, samples: Array | None) -> tuple[TensorUse, ...]:
    """What activations hold for samples, for the report."""
    if samples is None:
        return ()
    return measure_use(leave_out_wide_softmaxes(unfused, tflite), [samples])


def load_request_board(request: BuildRequest) -> Board:
    """The board as the request has it."""
    board = load_board(request.board)
    if request.watchdog is not None:
        board = with_watchdog(board, request.watchdog)
    return board if request.baud is None else with_baud(board, request.baud)


@contextmanager
def open_output(request: BuildRequest, name: str) -> Iterator[tuple[Path, Path | None]]:
    """The folder to build in, and where it will be found; None where it is thrown away."""
    if request.keep:
        target = request.output or Path("out") / name
        with publish_folder(target) as folder:
            yield folder, target
    else:
        with tempfile.TemporaryDirectory(prefix="tinydeploy-") as temporary:
            yield Path(temporary), None


def _complete_folder(
    folder: Path,
    model: PlannedModel,
    firmware: Firmware,
    report: BuildReport,
    pictures: Mapping[str, bytes],
    samples: Array | None,
) -> None:
    """Puts beside the project what people look for; the project's own build folder goes."""
    scene = draw_scene(model.graph, model.plan)
    try:
        (folder / "model.tflite").write_bytes(model.source.tflite)
        if samples is not None and len(model.graph.inputs) == 1:
            shape = model.graph.tensors[model.graph.inputs[0]].shape[1:]
            np.save(folder / SAMPLES_FILE, samples[: EMULATED_VECTORS // 2].reshape(-1, *shape))
        (folder / "plan.svg").write_text(write_svg(scene), encoding="utf-8")
        (folder / "plan.png").write_bytes(write_png(scene))
        for image in (firmware.elf, firmware.bin, firmware.hex):
            shutil.copyfile(image, folder / image.name)
        shutil.rmtree(firmware.elf.parent)
        write_project(folder, pictures)
        (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
        (folder / "report.html").write_text(write_page(report, pictures), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the results: {error.strerror or error}") from error


def _collect_detection(
    source: Source, graph: Graph, samples: Array | None, outputs: Sequence[Array], quality: Quality
) -> tuple[DetectionFacts | None, Mapping[str, bytes]]:
    """What the report tells of a detector, and pictures of it."""
    if graph.detector is None or source.scenes is None or quality.int8_precision is None:
        return None, {}
    assert samples is not None  # there are none without scenes
    return collect_detection(
        DetectionEvidence(
            detector=graph.detector,
            pixels=read_pixels(graph, samples),
            scenes=source.scenes,
            float_outputs=source.float_outputs,
            int8_outputs=outputs,
            float_precision=quality.float_precision,
            int8_precision=quality.int8_precision,
        )
    )


def _describe_recomputation(graph: Graph, fused: Graph, plan: Plan) -> str:
    if graph is fused:
        return "computing expansions again needs no less RAM: all are stored"
    extra = count_extra_macs(graph, plan.kernels, plan.calls)
    count = len(fused.ops) - len(graph.ops)
    return f"{count} tensors are not stored, for {extra:,} more MACs ({extra / graph.macs:.1%})"
