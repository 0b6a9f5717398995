"""Folding explicit padding into the convolution behind it.

Rules, for a PAD of height and width whose output only one op reads and is no output of the model:

1. CONV_2D or DEPTHWISE_CONV_2D behind it, padding with the zero point: a convolution takes taps
   outside of its input as the zero point, so its own padding grows by that of the PAD. Of int16,
   whose zero point is 0, the PAD is a `Move`: a fill, and the input upon it.

A pool leaves elements outside of its input out, so a PAD in front of one stays: its elements count.
"""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.move import Move
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.passes.graph_pass import Uses, replace_ops
from tinydeploy.graph.wide_convolution import WideConvolution

Padding = tuple[int, int, int, int]


def fold_padding(graph: Graph) -> Graph:
    """Applies the rule of this module; see there."""
    uses = Uses(graph)
    positions = {id(op): position for position, op in enumerate(graph.ops)}
    replacements: dict[int, Op | None] = {}
    for position, op in enumerate(graph.ops):
        if not isinstance(op, Convolution | WideConvolution) or not op.takes_padding:
            continue
        folded: Convolution | WideConvolution = op
        while (found := _foldable_pad(graph, uses, folded)) is not None:
            pad, padding = found
            top, left, bottom, right = (a + b for a, b in zip(folded.padding, padding, strict=True))
            folded = replace(folded, inputs=pad.inputs, padding=(top, left, bottom, right))
            replacements[positions[id(pad)]] = None
            replacements[position] = folded
    return replace_ops(graph, replacements)


def _foldable_pad(
    graph: Graph, uses: Uses, op: Convolution | WideConvolution
) -> tuple[Op, Padding] | None:
    """The PAD in front of a convolution and its edges, if rule 1 holds."""
    pad = uses.writer(op.inputs[0])
    if pad is None or not uses.is_private(op.inputs[0]):
        return None
    if isinstance(op, WideConvolution):
        edges = _moved_edges(graph, pad) if isinstance(pad, Move) else None
        return None if edges is None else (pad, edges)
    if isinstance(pad, Pad) and pad.value == op.input_zero_point and not any(pad.channel_padding):
        return pad, pad.padding
    return None


def _moved_edges(graph: Graph, pad: Move) -> Padding | None:
    """(top, left, bottom, right) of a PAD of zeros that is a `Move`; None for any other."""
    source, output = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    alike = len(source.shape) == len(output.shape) == 4 and source.shape[3] == output.shape[3]
    if pad.kind not in ("PAD", "PADV2") or not alike or len(pad.parts) != 2:
        return None
    fill, inside = pad.parts
    if fill.constant is None or fill.constant.any():
        return None
    top, left = inside.first, inside.offset // (output.item_bytes * output.shape[3])
    bottom = output.shape[1] - source.shape[1] - top
    return top, left, bottom, output.shape[2] - source.shape[2] - left
