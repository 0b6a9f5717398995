"""Folding explicit padding into the convolution behind it.

Rules, for a PAD of height and width whose output only one op reads and is no output of the model:

1. CONV_2D or DEPTHWISE_CONV_2D behind it, padding with the zero point: a convolution takes taps
   outside of its input as the zero point, so its own padding grows by that of the PAD.

A pool leaves elements outside of its input out, so a PAD in front of one stays: its elements count.
"""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.passes.graph_pass import Uses, replace_ops


def fold_padding(graph: Graph) -> Graph:
    """Applies the rule of this module; see there."""
    uses = Uses(graph)
    positions = {id(op): position for position, op in enumerate(graph.ops)}
    replacements: dict[int, Op | None] = {}
    for position, op in enumerate(graph.ops):
        if not isinstance(op, Convolution) or not op.takes_padding:
            continue
        folded = op
        while (pad := _foldable_pad(uses, folded)) is not None:
            top, left, bottom, right = (
                a + b for a, b in zip(folded.padding, pad.padding, strict=True)
            )
            folded = replace(folded, inputs=pad.inputs, padding=(top, left, bottom, right))
            replacements[positions[id(pad)]] = None
            replacements[position] = folded
    return replace_ops(graph, replacements)


def _foldable_pad(uses: Uses, op: Convolution) -> Pad | None:
    """The PAD in front of a convolution, if rule 1 holds."""
    pad = uses.writer(op.inputs[0])
    if (
        isinstance(pad, Pad)
        and uses.is_private(op.inputs[0])
        and pad.value == op.input_zero_point
        and not any(pad.channel_padding)
    ):
        return pad
    return None
