"""What each layer of a build takes of RAM and of flash, and what is live at the peak."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.occupancy import Occupant, find_occupants
from tinydeploy.plan.peak import describe_peak, find_peak, measure_live
from tinydeploy.plan.plan import FEED, Plan
from tinydeploy.project.size import Symbol
from tinydeploy.report.build_report import HeldFacts, PeakFacts

# Sections of variables: they take no flash.
_IN_RAM = (".bss", ".stack", ".td_arena", ".td_input")


@dataclass(frozen=True)
class LayerMemory:
    """Memory by layer, by position in Graph.ops.

    Args:
        held: Most bytes of a layer's outputs at one time.
        live: Most bytes of all arenas while a layer runs.
        peak: The moment at which most is live.
    """

    held: Mapping[int, int]
    live: Mapping[int, int]
    peak: PeakFacts


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
    return LayerMemory(held, live, _peak_facts(graph, plan, occupants, makers))


def find_makers(graph: Graph, plan: Plan) -> Mapping[int, int]:
    """The layer that makes each stored tensor, through ops that only rename; -1 for the input."""
    called = {step.op for step in plan.calls}
    makers = dict.fromkeys(graph.inputs, FEED)
    for position, op in enumerate(graph.ops):
        maker = position if position in called else makers[op.inputs[0]]
        makers.update(dict.fromkeys(op.outputs, maker))
    return makers


def measure_flash(graph: Graph, symbols: Sequence[Symbol]) -> Mapping[int, int]:
    """Bytes of flash linked for each layer alone, by position in Graph.ops."""
    pattern = re.compile(rf"{re.escape(graph.name)}_layer(\d+)(_\w+)?")
    sizes: dict[int, int] = {}
    for symbol in symbols:
        match = pattern.fullmatch(symbol.name)
        if match is not None and not symbol.section.startswith(_IN_RAM):
            sizes[int(match[1])] = sizes.get(int(match[1]), 0) + symbol.size
    return sizes


def _peak_facts(
    graph: Graph, plan: Plan, occupants: Sequence[Occupant], makers: Mapping[int, int]
) -> PeakFacts:
    peak = find_peak(plan, occupants)
    inside = 0 < peak.moment <= len(plan.steps)
    layer = plan.steps[peak.moment - 1].op if inside else FEED
    held = []
    for occupant, size in peak.held:
        if occupant.tensor is not None:
            name = graph.tensors[occupant.tensor].name
            held.append(HeldFacts(makers[occupant.tensor], name, scratch=False, bytes=size))
        elif occupant.op is not None:
            name = graph.tensors[graph.ops[occupant.op].outputs[0]].name
            held.append(HeldFacts(occupant.op, name, scratch=True, bytes=size))
    text = describe_peak(graph, plan, peak)
    return PeakFacts(peak.size, None if layer == FEED else layer, text, tuple(held))
