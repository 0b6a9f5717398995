"""Rewrites of the graph, one pass per file, and the order in which they run."""

from __future__ import annotations

from typing import Final

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes.fold_clamps import fold_clamps
from tinydeploy.graph.passes.fold_padding import fold_padding
from tinydeploy.graph.passes.fold_reshapes import fold_reshapes
from tinydeploy.graph.passes.fuse_max_pool import fuse_max_pool
from tinydeploy.graph.passes.graph_pass import Pass, run_pass
from tinydeploy.graph.passes.remove_identities import remove_identities

FUSION_PASSES: Final[tuple[Pass, ...]] = (
    remove_identities,  # uncovers neighbours for the others
    fold_reshapes,
    fold_padding,
    fold_clamps,
    fuse_max_pool,  # behind fold_clamps: a clamp between convolution and pool would keep them apart
)


def fuse_graph(graph: Graph) -> Graph:
    """Merges ops wherever the outputs stay equal, bit for bit.

    Args:
        graph: A verified graph, usually as `read_graph` returns it. As it is, it can be executed
            too: every op has a kernel of its own.

    Returns:
        A verified graph with at most as many ops, over the same tensors.

    Raises:
        InternalError: A pass broke its contract; the message names it.
    """
    for rewrite in FUSION_PASSES:
        graph = run_pass(rewrite, graph)
    return graph


__all__ = ["FUSION_PASSES", "Pass", "fuse_graph", "run_pass"]
