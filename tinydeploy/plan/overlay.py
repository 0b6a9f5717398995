"""Which kernels let an output row take the place of an input row that nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.graph.elementwise import Elementwise
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.l2_normalization import L2Normalization
from tinydeploy.graph.ops.log_softmax import LogSoftmax
from tinydeploy.graph.ops.logical import LogicalNot
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.select import Select
from tinydeploy.graph.ops.sigmoid_wide import SigmoidWide
from tinydeploy.graph.ops.slopes_wide import SlopesWide
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.graph.ops.softmax_wide import SoftmaxWide
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.kernel_choice.conv_2d_pair import PairKernel
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel

# Their kernels run in place.
_IN_PLACE = (
    *(Elementwise, L2Normalization, LogicalNot, LogSoftmax, Lookup, Select, SigmoidWide),
    *(SlopesWide, Softmax, SoftmaxWide),
)


@dataclass(frozen=True)
class Overlay:
    """Row y of the output may lie where row y - shift of an input lies, if calls go downwards.

    Args:
        tensor: The input; its rows have as many bytes as the output's.
        shift: Rows that the output lies further down.
    """

    tensor: int
    shift: int


def find_overlays(graph: Graph, op: Op, kernel: Kernel) -> Iterator[Overlay]:
    """What a kernel's header says of rows in place; see firmware/include/."""
    rows = graph.tensors[op.outputs[0]].rows
    if isinstance(op, _IN_PLACE):
        for tensor in dict.fromkeys(op.inputs):
            if _same_rows(graph, tensor, op.outputs[0]):
                yield Overlay(tensor, 0)
    elif not op.inputs or not _same_rows(graph, op.inputs[0], op.outputs[0]):
        return
    elif isinstance(op, Conv2D) and isinstance(kernel, GemmKernel | PairKernel):
        # The taps of some pixels are copied before any of their results are written.
        if op.kernel == op.stride == (1, 1) and op.pool is None:
            yield Overlay(op.inputs[0], 0)
    elif isinstance(op, DepthwiseConv2D) and isinstance(kernel, PlanarKernel):
        # Four channels of all input rows of a band become planes before any of its rows is written.
        fours = rows[2] % 4 == 0 or rows[2] < 4
        if op.stride == (1, 1) and kernel.columns >= rows[1] and fours:
            yield Overlay(op.inputs[0], op.padding[0])


def _same_rows(graph: Graph, a: int, b: int) -> bool:
    one, other = graph.tensors[a], graph.tensors[b]
    return one.rows == other.rows and one.item_bytes == other.item_bytes
