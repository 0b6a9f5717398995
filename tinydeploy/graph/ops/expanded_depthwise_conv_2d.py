"""A 1x1 convolution and the depthwise convolution behind it, the tensor between them unstored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.invariants import broken
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class ExpandedDepthwiseConv2D(Op):
    """A depthwise convolution that computes its own input, an expansion of a narrower tensor.

    Calls that need the same rows of the expanded tensor compute them again. No operator is read as
    this: passes/fuse_expansions.py makes it.

    Args:
        expansion: A 1x1 convolution without stride, padding or pool.
        depthwise: The only reader of its output, without pool and with a multiplier of 1.
    """

    builtin: ClassVar[str] = "1x1+DEPTHWISE_CONV_2D"

    expansion: Conv2D
    depthwise: DepthwiseConv2D

    @property
    def members(self) -> tuple[Op, ...]:
        """Both convolutions."""
        return self.expansion, self.depthwise

    def macs(self, graph: Graph) -> int:
        """Of both, each row computed once."""
        return self.expansion.macs(graph) + self.depthwise.macs(graph)

    def parameters(self) -> int:
        """Weights and biases of both."""
        return self.expansion.parameters() + self.depthwise.parameters()

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows under the windows: the expanded tensor has the rows of the narrow one."""
        return self.depthwise.input_rows(graph, which, first, last)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of both, and how they are joined."""
        expansion, depthwise = self.expansion, self.depthwise
        wide = expansion.outputs
        return [
            *expansion.verify(graph),
            *depthwise.verify(graph),
            *broken(
                (is_expansion(expansion), "the expansion takes pixel by pixel"),
                (depthwise.pool is None, "no pool is behind it"),
                (depthwise.depth_multiplier == 1, "each channel makes one"),
                (wide == depthwise.inputs, "one reads what the other makes"),
                (self.inputs == expansion.inputs, "the input is the expansion's"),
                (self.outputs == depthwise.outputs, "the output is the depthwise convolution's"),
                (wide[0] not in graph.stored, "nobody else makes the tensor between them"),
                (
                    all(wide[0] not in op.inputs for op in graph.ops),
                    "nobody else reads the tensor between them",
                ),
            ),
        ]


def is_expansion(op: Conv2D) -> bool:
    """Whether the convolution makes each pixel from the one at its place."""
    return op.kernel == op.stride == (1, 1) and not any(op.padding) and op.pool is None
