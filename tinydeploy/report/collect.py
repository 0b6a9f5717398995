"""Gathers what the stages found out into one report."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy import __version__
from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alternatives import Alternative
from tinydeploy.plan.input_form import count_outside_bytes
from tinydeploy.plan.plan import Plan
from tinydeploy.project.size import Sizes
from tinydeploy.report.build_report import (
    AccuracyFacts,
    BoardFacts,
    BudgetFacts,
    BuildReport,
    DetectionFacts,
    FidelityFacts,
    InferenceFacts,
    LayerFacts,
    MemoryFacts,
    ModelFacts,
    OriginFacts,
    PlaceFacts,
    PlanFacts,
    PreprocessingFacts,
    QuantizationFacts,
    RangesFacts,
    RegionFacts,
    SymbolFacts,
    TensorFacts,
    ValidationFacts,
)
from tinydeploy.report.choices import list_choices
from tinydeploy.report.layer_memory import (
    LayerMemory,
    find_makers,
    measure_flash,
    measure_layers,
)
from tinydeploy.report.ranges import list_ranges
from tinydeploy.report.versions import list_versions
from tinydeploy.validate.compare import Comparison
from tinydeploy.validate.emulator import EmulatorRun
from tinydeploy.validate.quality import Quality
from tinydeploy.validate.tensor_use import TensorUse


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the stages of a build found out.

    Args:
        origin: Where the model came from.
        tflite: The int8 file.
        graph: The graph as built.
        parameters: Weights and biases of the graph as read.
        plan: Its plan.
        plans: That plan and others to compare it with.
        board: The board.
        compiler: Name and version.
        sizes: Of the linked ELF.
        flash_budget: Bytes allowed.
        ram_budget: Bytes allowed.
        reference: Name and version of the reference interpreter.
        host: Comparison on the host.
        run: What the emulated board showed; None where it was left out.
        quality: Accuracy and fidelity.
        quantization: Of the layers of a float net; empty where an int8 file was given.
        used: What activations were seen to hold; empty where no samples were run.
        used_samples: How many samples were.
        command: The command line; empty where none asked for the build.
        firmware: What is flashed.
        seconds: By stage.
        detection: Of a detector whose test pictures' objects are known.
    """

    origin: str
    tflite: bytes
    graph: Graph
    parameters: int
    plan: Plan
    plans: Sequence[Alternative]
    board: Board
    compiler: str
    sizes: Sizes
    flash_budget: int
    ram_budget: int
    reference: str
    host: Comparison
    run: EmulatorRun | None
    quality: Quality
    quantization: Sequence[QuantizationFacts]
    used: Sequence[TensorUse]
    used_samples: int
    command: str
    firmware: bytes
    seconds: Mapping[str, float]
    detection: DetectionFacts | None = None


def collect_report(evidence: Evidence) -> BuildReport:
    """The report of a build that has passed all its checks."""
    run, board, graph = evidence.run, evidence.board, evidence.graph
    layers = measure_layers(graph, evidence.plan)
    return BuildReport(
        tinydeploy=__version__,
        model=_model_facts(evidence),
        board=BoardFacts(
            board.name, board.title, board.chip, board.cpu, board.clock_hz, board.console.baud
        ),
        compiler=evidence.compiler,
        memory=_memory_facts(evidence, layers),
        budget=BudgetFacts(
            evidence.flash_budget,
            evidence.ram_budget,
            met=evidence.sizes.flash_bytes <= evidence.flash_budget
            and evidence.sizes.ram_bytes <= evidence.ram_budget,
        ),
        inference=_inference_facts(run, board, graph.macs, evidence.plan) if run else None,
        layers=_layer_facts(evidence, layers),
        plans=tuple(_plan_facts(plan, run) for plan in evidence.plans),
        validation=ValidationFacts(
            bit_exact=evidence.host.bit_exact and (run is None or run.comparison.bit_exact),
            reference=evidence.reference,
            host=_place_facts(evidence.host),
            emulator=_place_facts(run.comparison) if run else None,
            board=None,
        ),
        accuracy=_accuracy_facts(evidence.quality),
        fidelity=_fidelity_facts(evidence.quality),
        detection=evidence.detection,
        quantization=tuple(evidence.quantization),
        ranges=RangesFacts(
            evidence.used_samples,
            list_ranges(graph, find_makers(graph, evidence.plan), evidence.tflite, evidence.used),
        ),
        origin=OriginFacts(
            command=evidence.command,
            python=platform.python_version(),
            packages=list_versions(),
            firmware_sha256=hashlib.sha256(evidence.firmware).hexdigest(),
        ),
        seconds={name: round(taken, 3) for name, taken in evidence.seconds.items()},
    )


def _model_facts(evidence: Evidence) -> ModelFacts:
    graph = evidence.graph
    return ModelFacts(
        name=graph.name,
        source=evidence.origin,
        macs=graph.macs,
        parameters=evidence.parameters,
        tflite_bytes=len(evidence.tflite),
        tflite_sha256=hashlib.sha256(evidence.tflite).hexdigest(),
        inputs=tuple(_tensor_facts(graph, tensor) for tensor in graph.inputs),
        outputs=tuple(_tensor_facts(graph, tensor) for tensor in graph.outputs),
        labels=graph.labels,
        preprocessing=None
        if graph.normalization is None
        else PreprocessingFacts(**dataclasses.asdict(graph.normalization)),
    )


def _tensor_facts(graph: Graph, tensor_id: int) -> TensorFacts:
    tensor = graph.tensors[tensor_id]
    return TensorFacts(tensor.name, tensor.shape, *tensor.affine)


def _memory_facts(evidence: Evidence, layers: LayerMemory) -> MemoryFacts:
    sizes, run = evidence.sizes, evidence.run
    addresses = {memory.name: memory.address for memory in evidence.board.memories}
    regions = tuple(
        RegionFacts(
            name=use.name,
            address=addresses[use.name],
            size=use.total,
            used_bytes=use.used,
            arena_bytes=use.arena_bytes,
            arena_touched_bytes=run.arena_touched.get(use.name) if run else None,
        )
        for use in sizes.memories
    )
    return MemoryFacts(
        flash_bytes=sizes.flash_bytes,
        code_bytes=sizes.code_bytes,
        weights_bytes=sizes.weights_bytes,
        constants_bytes=sizes.constants_bytes,
        ram_bytes=sizes.ram_bytes,
        arena_bytes=sizes.arena_bytes,
        arena_planned_bytes=evidence.plan.arena_bytes,
        arena_lower_bound_bytes=evidence.plan.lower_bound_bytes,
        scratch_bytes=max((s.size for s in evidence.plan.scratch.values()), default=0),
        static_bytes=sizes.static_bytes,
        stack_reserved_bytes=sizes.stack_bytes,
        stack_high_water_bytes=run.stack_high_water if run else None,
        regions=regions,
        input_form=evidence.plan.input_form,
        input_bytes=count_outside_bytes(evidence.graph, evidence.plan),
        peak=layers.peak,
        timeline=layers.timeline,
        symbols=tuple(
            SymbolFacts(symbol.name, symbol.kind, symbol.memory, symbol.size)
            for symbol in sizes.symbols
        ),
    )


def _inference_facts(run: EmulatorRun, board: Board, macs: int, plan: Plan) -> InferenceFacts:
    return InferenceFacts(
        core=board.cpu,
        instructions=run.instructions,
        instructions_per_mac=round(run.instructions / macs, 4) if macs else None,
        cycles_estimated=run.cycles_estimated,
        latency_ms_estimated=round(1000 * run.cycles_estimated / board.clock_hz, 4),
        longest_push_instructions=run.longest_call if plan.input_form == "rows" else None,
        detection_instructions=run.detection_instructions,
    )


def _layer_facts(evidence: Evidence, memory: LayerMemory) -> tuple[LayerFacts, ...]:
    graph, plan, run = evidence.graph, evidence.plan, evidence.run
    makers = find_makers(graph, plan)
    flash = measure_flash(graph, evidence.sizes.symbols)
    facts = []
    for position in sorted({step.op for step in plan.calls}):
        op = graph.ops[position]
        output = graph.tensors[op.outputs[0]]
        kernel = plan.kernels[position]
        facts.append(
            LayerFacts(
                index=position,
                name=output.name,
                op=op.kind,
                kernel=kernel.stem,
                output_shape=output.shape,
                macs=op.macs(graph),
                scratch_bytes=kernel.scratch_bytes,
                instructions=run.layer_instructions.get(position) if run else None,
                cycles_estimated=run.layer_cycles.get(position) if run else None,
                choices=list_choices(graph, op, kernel, evidence.board),
                inputs=tuple(makers[tensor] for tensor in op.inputs),
                input_shapes=tuple(graph.tensors[tensor].shape for tensor in op.inputs),
                flash_bytes=flash[position].all if position in flash else 0,
                weights_bytes=flash[position].weights if position in flash else 0,
                held_bytes=memory.held.get(position, 0),
                live_bytes=memory.live[position],
            )
        )
    return tuple(facts)


def _plan_facts(plan: Alternative, run: EmulatorRun | None) -> PlanFacts:
    return PlanFacts(
        name=plan.name,
        arena_bytes=plan.arena_bytes,
        input_bytes=plan.input_bytes,
        lower_bound_bytes=plan.lower_bound_bytes,
        instructions_estimated=plan.instructions,
        instructions=run.instructions if run and plan.chosen else None,
        cycles_estimated=plan.cycles,
        extra_macs=plan.extra_macs,
        chosen=plan.chosen,
    )


def _place_facts(comparison: Comparison) -> PlaceFacts:
    return PlaceFacts(
        comparison.vectors,
        comparison.bytes_compared,
        comparison.bytes_mismatched,
        comparison.tensors_compared,
        comparison.first_difference,
    )


def _accuracy_facts(quality: Quality) -> AccuracyFacts | None:
    if quality.float_accuracy is None or quality.int8_accuracy is None or quality.fidelity is None:
        return None
    return AccuracyFacts(
        quality.float_accuracy,
        quality.int8_accuracy,
        quality.fidelity.samples,
        quality.classes,
        quality.confusion,
    )


def _fidelity_facts(quality: Quality) -> FidelityFacts | None:
    fidelity = quality.fidelity
    if fidelity is None:
        return None
    return FidelityFacts(**dataclasses.asdict(fidelity))
