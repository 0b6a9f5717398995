"""Computing 1x1 expansions inside of the depthwise convolutions behind them.

Rules, for a 1x1 convolution whose output only a depthwise convolution reads and is no output of the
model:

1. Both become one layer, and the tensor between them is stored nowhere. Where calls need the same
   of its rows, these are computed again; so the planner chooses the tensors.
2. Convolutions with a pool behind them stay as they are; so do those that make several channels of
   one.
"""

from __future__ import annotations

from collections.abc import Collection

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import (
    ExpandedDepthwiseConv2D,
    is_expansion,
)
from tinydeploy.graph.passes.graph_pass import Uses, replace_ops, run_pass


def find_expansions(graph: Graph) -> dict[int, ExpandedDepthwiseConv2D]:
    """The layers that the rules of this module allow, by the tensor that each would not store."""
    uses = Uses(graph)
    found = {}
    for op in graph.ops:
        if not isinstance(op, DepthwiseConv2D) or op.pool or op.depth_multiplier > 1:  # rule 2
            continue
        (wide,) = op.inputs
        expansion = uses.writer(wide)
        if isinstance(expansion, Conv2D) and is_expansion(expansion) and uses.is_private(wide):
            found[wide] = ExpandedDepthwiseConv2D(
                index=op.index,
                inputs=expansion.inputs,
                outputs=op.outputs,
                expansion=expansion,
                depthwise=op,
            )
    return found


def fuse_expansions(graph: Graph, layers: Collection[ExpandedDepthwiseConv2D]) -> Graph:
    """Puts layers of `find_expansions` in the place of their parts.

    Args:
        graph: The same, verified graph.
        layers: Some of them.
    """

    def rewrite(graph: Graph) -> Graph:
        positions = {id(op): position for position, op in enumerate(graph.ops)}
        replacements: dict[int, Op | None] = {}
        for layer in layers:  # rule 1
            replacements[positions[id(layer.expansion)]] = None
            replacements[positions[id(layer.depthwise)]] = layer
        return replace_ops(graph, replacements)

    return run_pass(rewrite, graph)
