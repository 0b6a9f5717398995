"""Gathers what a build with an accelerator found out into one report."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy import __version__
from tinydeploy.board import Board, Link
from tinydeploy.detection.objects import Objects
from tinydeploy.npu.compiler import Compiled
from tinydeploy.npu.link_time import WIRES
from tinydeploy.npu.power import PUBLISHED_POWER, frame_energy_mj, frame_ms
from tinydeploy.project.npu import AcceleratedModel
from tinydeploy.project.size import Sizes
from tinydeploy.report.accelerated_evidence import (
    Answers,
    collect_classified,
    collect_detected,
    compare_quality,
    names_classes,
)
from tinydeploy.report.accelerated_facts import (
    describe_host_memory,
    describe_program,
    list_placed_layers,
)
from tinydeploy.report.accelerated_report import (
    AcceleratedReport,
    ClassifiedPictureFacts,
    ComparedPictureFacts,
    EnergyFacts,
    StreamFacts,
)
from tinydeploy.report.build_report import BudgetFacts, OriginFacts
from tinydeploy.report.versions import list_versions
from tinydeploy.validate.accelerator import SystemRun
from tinydeploy.validate.boxes import compare_boxes

_SYSTEM_MW: Final = 160.0  # published, of microcontroller and accelerator together
_HOST_MW: Final = _SYSTEM_MW - PUBLISHED_POWER.active_mw


@dataclass(frozen=True, eq=False)
class AcceleratedEvidence:
    """What the stages of a build with an accelerator found out.

    Args:
        origin: Where the model came from.
        tflite: The int8 file.
        model: Both parts of it.
        compiled: It, for the accelerator.
        board: The board.
        link: How it reaches the accelerator.
        compiler: Name and version.
        sizes: Of the linked ELF.
        budget: Bytes allowed, of flash and of RAM.
        run: What the emulated board showed.
        images: Inputs of the net that the firmware made of its pictures, int8 [n, h, w, c].
        shown: How many of them, the first ones, show test samples; the others are noise.
        answers: To these images.
        tested: Answers to test samples; None where nobody knows what is right.
        classes: The right class of each sample; None where there are no labels.
        scenes: What each sample of a detector shows; None where that is not known.
        command: The command line; empty where none asked for the build.
        firmware: What is flashed.
    """

    origin: str
    tflite: bytes
    model: AcceleratedModel
    compiled: Compiled
    board: Board
    link: Link
    compiler: str
    sizes: Sizes
    budget: tuple[int, int]
    run: SystemRun
    images: NDArray[np.int8]
    shown: int
    answers: Answers
    tested: Answers | None
    classes: NDArray[np.int64] | None
    scenes: Sequence[Objects] | None
    command: str
    firmware: bytes


def collect_accelerated(
    evidence: AcceleratedEvidence,
) -> tuple[AcceleratedReport, Mapping[str, bytes]]:
    """The report of a build that has passed all its checks, and the PNG files that it names.

    Raises:
        MissingDependencyError: What computes mAP is not installed.
    """
    run, model, compiled = evidence.run, evidence.model, evidence.compiled
    graph, sizes, board, ms = model.graph, evidence.sizes, evidence.board, 1e3 / run.clock_hz
    official = evidence.answers.litert
    raw = evidence.answers.tinynpu[: len(official)]  # a detector's boxes follow
    ours, theirs = _join(raw), _join(official)
    same_class = np.mean(ours.argmax(1) == theirs.argmax(1)) if names_classes(graph) else None
    boxes = None if graph.detector is None else compare_boxes(graph.detector, raw, official)
    prepare, link, rest = (cycles * ms for cycles in run.stages)
    frame = run.stream.cycles / run.stream.frames * ms
    accelerator = frame_ms(run.stream.accelerator)
    image_bytes = int(np.prod(model.preprocessing.size))
    name, frame_ns = WIRES[evidence.link]
    classified, detected, files = _show_pictures(evidence)
    max_flash, max_ram = evidence.budget
    report = AcceleratedReport(
        model=graph.name,
        board=board.name,
        board_title=board.title,
        compiler=evidence.compiler,
        accelerator="TinyNPU",
        link=evidence.link,
        macs=graph.macs,
        accelerator_macs=sum(op.macs(graph) for op in compiled.split.taken),
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
        litert_top1=None if same_class is None else float(same_class),
        boxes=boxes.found if boxes else None,
        litert_boxes=boxes.others if boxes else None,
        same_boxes=boxes.same if boxes else None,
        prepare_ms=round(prepare, 4),
        link_and_compute_ms=round(link, 4),
        rest_ms=round(rest, 4),
        accelerator_ms=round(accelerator, 4),
        frame_ms=round(frame, 4),
        frames_per_second=round(1e3 / frame, 1),
        wires=name,
        wires_ms=round(frame_ns(image_bytes, model.result_bytes) / 1e6, 4),
        energy_mj=round(
            _HOST_MW * frame / 1e3 + frame_energy_mj(run.stream.accelerator, 1e3 / frame), 4
        ),
        layers=list_placed_layers(compiled),
        program=describe_program(compiled),
        host_memory=describe_host_memory(sizes, board, len(model.program)),
        budget=BudgetFacts(
            max_flash,
            max_ram,
            met=sizes.flash_bytes <= max_flash and sizes.ram_bytes <= max_ram,
        ),
        stream=StreamFacts(
            run.stream.frames, run.stream.transactions, run.stream.repeated, run.stream.resets
        ),
        energy=EnergyFacts(_HOST_MW, PUBLISHED_POWER.active_mw, PUBLISHED_POWER.idle_mw),
        quality=None
        if evidence.tested is None
        else compare_quality(graph, evidence.tested, evidence.classes, evidence.scenes),
        classified=classified,
        detected=detected,
        tflite_sha256=hashlib.sha256(evidence.tflite).hexdigest(),
        source=evidence.origin,
        tinydeploy=__version__,
        origin=OriginFacts(
            command=evidence.command,
            python=platform.python_version(),
            packages=list_versions(),
            firmware_sha256=hashlib.sha256(evidence.firmware).hexdigest(),
        ),
    )
    return report, files


def _join(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """All outputs of each input as one row."""
    return np.concatenate([values.reshape(len(values), -1) for values in outputs], axis=1)


def _show_pictures(
    evidence: AcceleratedEvidence,
) -> tuple[
    tuple[ClassifiedPictureFacts, ...], tuple[ComparedPictureFacts, ...], Mapping[str, bytes]
]:
    """Those that show samples, where the net names classes or finds objects."""
    graph, images = evidence.model.graph, evidence.images[: evidence.shown]
    if not evidence.shown:
        return (), (), {}
    if graph.detector is not None:
        detected, files = collect_detected(graph, images, evidence.answers, evidence.scenes)
        return (), detected, files
    if names_classes(graph):
        classified, files = collect_classified(graph, images, evidence.answers, evidence.classes)
        return classified, (), files
    return (), (), {}
