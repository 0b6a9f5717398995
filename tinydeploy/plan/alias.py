"""Which tensors share one place because an op only renames bytes (RESHAPE and its kin)."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op


def renames(op: Op) -> bool:
    """Whether the op moves no byte: its output is its input under another shape."""
    return op.builtin == "RESHAPE"  # SQUEEZE and EXPAND_DIMS are read as this too


def find_owners(graph: Graph) -> Mapping[int, int]:
    """In whose place each stored tensor lies: its own, but for the outputs of renaming ops.

    Chains are followed to their start, so an owner owns itself.

    Returns:
        Owner's id by id, for every tensor of `graph.stored`.
    """
    owners: dict[int, int] = {tensor: tensor for tensor in graph.inputs}
    for op in graph.ops:
        for output in op.outputs:
            owners[output] = owners[op.inputs[0]] if renames(op) else output
    return owners
