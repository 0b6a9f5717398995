"""PAD and PADV2: rows, columns and channels of a constant round an activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op("PAD", "PADV2")
@dataclass(frozen=True, eq=False)
class Pad(Op):
    """The input surrounded by `value`; input and output quantize alike.

    Args:
        padding: (top, left, bottom, right), at least 0.
        channel_padding: Channels (before, after), at least 0.
        value: The quantized value of the padding.
    """

    builtin: ClassVar[str] = "PAD"

    padding: tuple[int, int, int, int]
    channel_padding: tuple[int, int]
    value: int

    @classmethod
    def read(cls, node: Node) -> Pad:
        """Makes the op from an operator whose constraints hold."""
        amounts = node.constant(1).reshape(-1, 2).astype(int)
        amounts = [(0, 0)] * (4 - len(amounts)) + [(int(a), int(b)) for a, b in amounts]
        _, (top, bottom), (left, right), channels = amounts
        value = (
            int(node.constant(2).reshape(()))
            if node.has_input(2)
            else node.output_quantization.zero_point
        )
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            padding=(top, left, bottom, right),
            channel_padding=channels,
            value=value,
        )

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The same rows, moved up by the rows put on top."""
        return first - self.padding[0], last - self.padding[0]
