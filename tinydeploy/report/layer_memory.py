"""What each layer of a build takes of RAM and of flash, and what is live at the peak."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.occupancy import Occupant, find_occupants
from tinydeploy.plan.peak import Peak, describe_peak, find_peak, measure_live
from tinydeploy.plan.plan import FEED, Plan
from tinydeploy.plan.timeline import find_groups
from tinydeploy.project.size import Symbol
from tinydeploy.report.build_report import (
    GroupFacts,
    HeldFacts,
    OccupantFacts,
    PeakFacts,
    TimelineFacts,
)

# Sections of variables: they take no flash.
_IN_RAM = (".bss", ".stack", ".td_arena", ".td_input")


@dataclass(frozen=True)
class LayerMemory:
    """Memory by layer, by position in Graph.ops.

    Args:
        held: Most bytes of a layer's outputs at one time.
        live: Most bytes of all arenas while a layer runs.
        peak: The moment at which most is live.
        timeline: What lies where and when.
    """

    held: Mapping[int, int]
    live: Mapping[int, int]
    peak: PeakFacts
    timeline: TimelineFacts


@dataclass(frozen=True)
class LayerFlash:
    """Bytes of flash of one layer alone: all of them, and those of its weights."""

    all: int
    weights: int


def measure_layers(graph: Graph, plan: Plan) -> LayerMemory:
    """Reads back from a plan what its layers hold."""
    occupants = find_occupants(graph, plan)
    makers = find_makers(graph, plan)
    held: dict[int, int] = {}
    for occupant in occupants:
        if occupant.tensor is not None:
            maker = makers[occupant.tensor]
            held[maker] = max(held.get(maker, 0), occupant.most_bytes)
    live: dict[int, int] = {}
    sizes = measure_live(plan, occupants)
    for step, size in zip(plan.steps, sizes[1:], strict=False):  # the last is reading the outputs
        live[step.op] = max(live.get(step.op, 0), size)
    peak = find_peak(plan, occupants)
    return LayerMemory(
        held,
        live,
        _peak_facts(graph, plan, peak, makers),
        _timeline_facts(graph, plan, occupants, peak, makers),
    )


def find_makers(graph: Graph, plan: Plan) -> Mapping[int, int]:
    """The layer that makes each stored tensor, through ops that only rename; -1 for the input."""
    called = {step.op for step in plan.calls}
    makers = dict.fromkeys(graph.inputs, FEED)
    for position, op in enumerate(graph.ops):
        maker = position if position in called else makers[op.inputs[0]]
        makers.update(dict.fromkeys(op.outputs, maker))
    return makers


def measure_flash(graph: Graph, symbols: Sequence[Symbol]) -> Mapping[int, LayerFlash]:
    """Bytes of flash linked for each layer alone, by position in Graph.ops."""
    pattern = re.compile(rf"{re.escape(graph.name)}_layer(\d+)(_\w+)?")
    sizes: dict[int, LayerFlash] = {}
    for symbol in symbols:
        match = pattern.fullmatch(symbol.name)
        if match is not None and not symbol.section.startswith(_IN_RAM):
            before = sizes.get(int(match[1]), LayerFlash(0, 0))
            weights = symbol.size if symbol.is_weights else 0
            sizes[int(match[1])] = LayerFlash(before.all + symbol.size, before.weights + weights)
    return sizes


def _peak_facts(graph: Graph, plan: Plan, peak: Peak, makers: Mapping[int, int]) -> PeakFacts:
    inside = 0 < peak.moment <= len(plan.steps)
    layer = plan.steps[peak.moment - 1].op if inside else FEED
    held = tuple(
        HeldFacts(
            *_name_occupant(graph, occupant, makers), scratch=occupant.tensor is None, bytes=size
        )
        for occupant, size in peak.held
    )
    text = describe_peak(graph, plan, peak)
    return PeakFacts(peak.size, None if layer == FEED else layer, text, held)


def _timeline_facts(
    graph: Graph,
    plan: Plan,
    occupants: Sequence[Occupant],
    peak: Peak,
    makers: Mapping[int, int],
) -> TimelineFacts:
    found = []
    for occupant in occupants:
        layer, name = _name_occupant(graph, occupant, makers)
        found.append(
            OccupantFacts(
                memory=occupant.memory,
                layer=layer,
                name=name,
                shape=() if occupant.tensor is None else graph.tensors[occupant.tensor].shape,
                scratch=occupant.tensor is None,
                bytes=occupant.most_bytes,
                rectangles=tuple((r.begin, r.end, r.birth, r.death) for r in occupant.rectangles),
            )
        )
    groups = tuple(GroupFacts(g.begin, g.end, g.ops) for g in find_groups(plan))
    return TimelineFacts(len(plan.steps) + 2, peak.moment, groups, tuple(found))


def _name_occupant(graph: Graph, occupant: Occupant, makers: Mapping[int, int]) -> tuple[int, str]:
    """The layer that made a tensor and the tensor's name, or of scratch the layer's own."""
    if occupant.tensor is not None:
        return makers[occupant.tensor], graph.tensors[occupant.tensor].name
    assert occupant.op is not None
    return occupant.op, graph.tensors[graph.ops[occupant.op].outputs[0]].name
