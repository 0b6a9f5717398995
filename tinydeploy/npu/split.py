"""Which ops the machine takes over and which stay on the microcontroller, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.npu.isa import IMAGE_LIMIT
from tinydeploy.npu.lower import MADE_BY_MCU, Draft, Feature, Lowering, UnsupportedOpError


@dataclass(frozen=True, eq=False)
class Share:
    """An op and where it runs.

    Args:
        op: The op.
        drafts: Its instructions; none for one that stays or costs nothing.
        reason: Why it stays on the microcontroller; empty for one that does not.
    """

    op: Op
    drafts: tuple[Draft, ...]
    reason: str


@dataclass(frozen=True, eq=False)
class Split:
    """A graph in two parts.

    Args:
        graph: The whole, fused.
        prologue: Instructions in front of all ops'.
        shares: Every op, in the graph's order.
        features: What holds each tensor that the machine has.
    """

    graph: Graph
    prologue: tuple[Draft, ...]
    shares: tuple[Share, ...]
    features: Mapping[int, Feature]

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """All instructions of the machine."""
        return (*self.prologue, *(draft for share in self.shares for draft in share.drafts))

    @property
    def taken(self) -> tuple[Op, ...]:
        """Ops that the machine runs."""
        return tuple(share.op for share in self.shares if not share.reason)

    @cached_property
    def boundary(self) -> tuple[int, ...]:
        """Tensors that the machine sends: outputs of the graph, then what the rest reads."""
        made = {tensor for op in self.taken for tensor in op.outputs}
        stay = [share.op for share in self.shares if share.reason]
        wanted = (*self.graph.outputs, *(tensor for op in stay for tensor in op.inputs))
        return tuple(dict.fromkeys(tensor for tensor in wanted if tensor in made))

    @cached_property
    def rest(self) -> Graph | None:
        """What stays on the microcontroller, a graph of its own; None where nothing does.

        Its inputs are those of `boundary` that it reads, in that order, then perhaps the image.
        """
        ops = tuple(share.op for share in self.shares if share.reason)
        if not ops:
            return None
        read = {tensor for op in ops for tensor in op.inputs}
        inputs = tuple(t for t in (*self.boundary, *self.graph.inputs) if t in read)
        made = {tensor for op in ops for tensor in op.outputs}
        outputs = tuple(t for t in self.graph.outputs if t in made)
        return replace(
            self.graph,
            ops=ops,
            inputs=inputs,
            outputs=outputs,
            normalization=None,
            detector=None,  # it reads outputs of the whole
        )

    def without_last(self, reason: str) -> Split:
        """The split in which the machine's last op with instructions stays, and what reads it."""
        last = max(place for place, share in enumerate(self.shares) if share.drafts)
        shares = list(self.shares[:last])
        missing: set[int] = set()
        for place, share in enumerate(self.shares[last:], last):
            why = reason if place == last else share.reason
            if not why and missing & set(share.op.inputs):
                why = MADE_BY_MCU
            missing |= set(share.op.outputs if why else ())
            shares.append(Share(share.op, (), why) if why else share)
        return replace(self, shares=tuple(shares))


def split_graph(graph: Graph) -> Split:
    """Gives the machine every op that it can do and whose inputs it has, whatever its memory.

    Args:
        graph: A fused graph.

    Raises:
        UnsupportedModelError: Its input is not one image of int8, or too large a one.
    """
    inputs = [graph.tensors[tensor] for tensor in graph.inputs]
    if [tensor.dtype for tensor in inputs] != ["int8"]:
        kinds = ", ".join(tensor.dtype for tensor in inputs)
        raise UnsupportedModelError(
            f"{graph.name} has {len(inputs)} inputs ({kinds}); TinyNPU takes one image of int8",
            "Run it on the microcontroller alone.",
        )
    if inputs[0].size > IMAGE_LIMIT:
        raise UnsupportedModelError(
            f"an image of {graph.name} has {inputs[0].size:,} bytes, TinyNPU's port holds "
            f"{IMAGE_LIMIT:,}",
            "Give the network a smaller input, or run it on the microcontroller alone.",
        )
    lowering = Lowering.start(graph)
    shares = []
    for op in graph.ops:
        try:
            share = Share(op, tuple(lowering.lower(op)), "")
        except UnsupportedOpError as reason:
            share = Share(op, (), str(reason))
        shares.append(share)
    return Split(graph, tuple(lowering.prologue), tuple(shares), lowering.features)
