"""What was compiled, in words and as JSON."""

from __future__ import annotations

from typing import Any

from tinydeploy.graph.graph import Graph
from tinydeploy.npu.compiler import Compiled
from tinydeploy.npu.isa import MEMORY_BYTES
from tinydeploy.npu.power import frame_energy_mj, frame_ms
from tinydeploy.npu.program import HEADER_BYTES

SCHEMA_VERSION = 1


def describe_split(compiled: Compiled) -> dict[str, Any]:
    """Everything that is known of a compiled graph, for JSON."""
    split, program, walk = compiled.split, compiled.program, compiled.walk
    graph, rest = split.graph, split.rest
    return {
        "schema_version": SCHEMA_VERSION,
        "model": graph.name,
        "program": {
            "identity": f"{program.identity:08x}",
            "file_bytes": HEADER_BYTES + program.static_bytes,
            "instructions": program.instruction_count,
            "image_bytes": program.image_bytes,
            "output_bytes": program.output_bytes,
        },
        "memory": {
            "bytes": MEMORY_BYTES,
            "code": len(program.code),
            "constants": len(program.constants),
            "features": compiled.feature_bytes,
        },
        "frame": {
            "cycles": walk.cycles,
            "unit_cycles": dict(walk.busy),
            "ms": round(frame_ms(walk.cycles), 6),
            "energy_mj": round(frame_energy_mj(walk.cycles), 6),
        },
        "macs": {
            "tinynpu": sum(op.macs(graph) for op in split.taken),
            "microcontroller": 0 if rest is None else rest.macs,
        },
        "results": [_describe_tensor(graph, tensor) for tensor in split.boundary],
        "layers": [
            {
                "op": share.op.kind,
                "operator": share.op.index,
                "runs_on": "microcontroller" if share.reason else "tinynpu",
                "instructions": [draft.name for draft in share.drafts],
                "reason": share.reason,
            }
            for share in split.shares
        ],
        "microcontroller": None
        if rest is None
        else {
            "inputs": [_describe_tensor(graph, tensor) for tensor in rest.inputs],
            "outputs": [_describe_tensor(graph, tensor) for tensor in rest.outputs],
        },
    }


def _describe_tensor(graph: Graph, tensor: int) -> dict[str, Any]:
    found = graph.tensors[tensor]
    scale, zero_point = found.affine
    return {
        "tensor": tensor,
        "name": found.name,
        "shape": list(found.shape),
        "scale": scale,
        "zero_point": zero_point,
    }


def explain_split(compiled: Compiled) -> str:
    """The same in words, some lines."""
    facts = describe_split(compiled)
    memory, frame = facts["memory"], facts["frame"]
    layers = facts["layers"]
    stay = [layer for layer in layers if layer["reason"]]
    used = sum(memory[part] for part in ("code", "constants", "features"))
    total = sum(facts["macs"].values())
    share = 100 * facts["macs"]["tinynpu"] / total if total else 100.0
    lines = [
        f"{facts['model']}: {len(layers) - len(stay)} of {len(layers)} layers run on TinyNPU, "
        f"{share:.1f} % of the MACs",
        f"program: {facts['program']['instructions']} instructions, identity "
        f"0x{facts['program']['identity']}, {facts['program']['file_bytes']:,} bytes to download",
        f"memory: {memory['code']:,} code + {memory['constants']:,} weights and tables + "
        f"{memory['features']:,} feature maps = {used:,} of {memory['bytes']:,} bytes",
        f"frame: {frame['cycles']:,} cycles, {frame['ms']:.3f} ms and {frame['energy_mj']:.4f} mJ "
        f"by the model; {facts['program']['image_bytes']:,} bytes in, "
        f"{facts['program']['output_bytes']:,} out",
    ]
    if not stay:
        return "\n".join([*lines, "Nothing stays on the microcontroller."])
    lines.append("On the microcontroller stay:")
    lines += [
        f"  {layer['op']} (operator {layer['operator']}): {layer['reason']}" for layer in stay
    ]
    return "\n".join(lines)
