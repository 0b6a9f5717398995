"""The tables by which a detector's outputs become boxes, as C."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.detection.postprocess import UNITS, Detector, SourceTables
from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import Plan

KERNEL = "detection/detect_s8"
"""What of firmware/kernels/ a detector needs besides its layers'."""


@dataclass(frozen=True)
class DetectionText:
    """How the outputs become boxes.

    Args:
        tables: C text, with `detect_op` at its end.
        memory: Of the scratch.
        offset: Of the scratch, in that memory's arena.
        max_detections: Boxes that are told at most.
        most_instructions: What reading boxes takes at most, see `bound_instructions`.
    """

    tables: str
    memory: str
    offset: int
    max_detections: int
    most_instructions: int


def describe_detection(graph: Graph, plan: Plan) -> DetectionText | None:
    """What the sources of a model say of its boxes; None without a detector."""
    if graph.detector is None or plan.detection is None:
        return None
    return DetectionText(
        write_tables(graph.detector),
        plan.detection.memory,
        plan.detection.offset,
        graph.detector.spec.max_detections,
        bound_instructions(graph.detector.spec),
    )


def bound_instructions(spec: DetectionSpec) -> int:
    """Instructions of a Cortex-M4 or M7 that reading boxes takes at most, whatever the outputs.

    Every anchor's logits are gone through three times at most, for the largest, for the sum and for
    the class; it may displace the worst of the candidates in their heap. Every candidate leaves the
    heap, becomes a box and is compared with all that are told. The factors are those of gcc's code,
    rounded up; tests and `python -m benchmarks.boxes` count what outputs take that are made for it.
    """
    heap = 20 * spec.max_candidates.bit_length()
    anchor = 50 + 13 * (len(spec.classes) + 1) + heap
    candidate = 150 + heap + 60 * spec.max_detections
    return spec.anchor_count * anchor + spec.max_candidates * candidate


def write_tables(detector: Detector) -> str:
    """C text of all tables, `detect_op` last."""
    names: dict[tuple[str, bytes], str] = {}  # equal tables once
    parts: list[str] = []
    sources = []
    for number, source in enumerate(detector.sources):
        fields = {"anchors": f"detect_anchors{number}"}
        parts.append(_write_anchors(fields["anchors"], source))
        tables: tuple[tuple[str, str, NDArray[np.unsignedinteger]], ...] = (
            ("uint16_t", "exponentials", source.exponentials),
            ("uint32_t", "heights", source.heights),
            ("uint32_t", "widths", source.widths),
        )
        for c_type, field, table in tables:
            key = (c_type, table.tobytes())
            if key not in names:
                names[key] = f"detect_{field}{number}"
                parts.append(format_array(c_type, names[key], table))
            fields[field] = names[key]
        fields |= {
            "height": str(source.grid[0]),
            "width": str(source.grid[1]),
            "stride": str(source.stride),
            "anchor_count": str(len(source.sides)),
            "zero_point": str(source.zero_point),
            "margin": str(source.margin),
        }
        lines = "".join(f"\n        .{field} = {value}," for field, value in fields.items())
        sources.append(f"{{{lines}\n    }}")
    spec = detector.spec
    parts.append(format_elements("td_detect_source", "detect_sources", sources))
    op: dict[str, int | str] = {
        "sources": "detect_sources",
        "source_count": len(sources),
        "classes": len(spec.classes),
        "height": UNITS * spec.image_size[0],
        "width": UNITS * spec.image_size[1],
        "threshold": detector.threshold,
        "overlap": detector.overlap,
        "max_candidates": spec.max_candidates,
        "max_detections": spec.max_detections,
    }
    parts.append(format_struct("td_detect_op", "detect_op", op))
    return "\n".join(parts)


def _write_anchors(name: str, source: SourceTables) -> str:
    rows = np.concatenate([source.steps.astype(np.int64), source.sides.astype(np.int64)], axis=1)
    texts = [f"{{{', '.join(map(str, row))}}}" for row in rows.tolist()]
    return format_elements("td_anchor", name, texts)
