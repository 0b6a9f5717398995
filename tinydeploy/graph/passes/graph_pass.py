"""What a pass is: a function from graph to graph, run between two checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.verify import verify_graph

Pass = Callable[[Graph], Graph]
"""Requires a verified graph. Ensures a verified graph over the same tensors, with the same inputs,
outputs and MACs, whose outputs have the same bytes for every input."""


def run_pass(rewrite: Pass, graph: Graph) -> Graph:
    """Runs one pass and checks what it requires and ensures, but for the outputs' bytes.

    Raises:
        InternalError: The contract is broken; the message names the pass.
    """
    name = getattr(rewrite, "__name__", repr(rewrite))
    _check(f"pass {name} requires a sound graph", graph)
    result = rewrite(graph)
    _check(f"pass {name} left a broken graph", result)
    if (result.tensors, result.inputs, result.outputs) != (
        graph.tensors,
        graph.inputs,
        graph.outputs,
    ):
        raise InternalError(f"pass {name} changed the tensors, inputs or outputs of the graph")
    if result.macs != graph.macs:
        raise InternalError(f"pass {name} changed the MACs from {graph.macs} to {result.macs}")
    if len(result.ops) > len(graph.ops):
        raise InternalError(f"pass {name} added ops")
    return result


def _check(what: str, graph: Graph) -> None:
    try:
        verify_graph(graph)
    except InternalError as error:
        raise InternalError(f"{what}: {error.message}", error.hint) from error


class Uses:
    """Who writes and who reads the tensors of a graph.

    Args:
        graph: The graph, as it is when this is made.
    """

    def __init__(self, graph: Graph) -> None:
        self._writer: dict[int, Op] = {t: op for op in graph.ops for t in op.outputs}
        self._readers: dict[int, list[Op]] = {}
        for op in graph.ops:
            for tensor in dict.fromkeys(op.inputs):
                self._readers.setdefault(tensor, []).append(op)
        self._ends = {*graph.inputs, *graph.outputs}

    def writer(self, tensor: int) -> Op | None:
        """The op that writes a tensor; None for an input of the model."""
        return self._writer.get(tensor)

    def readers(self, tensor: int) -> tuple[Op, ...]:
        """The ops that read a tensor, each once."""
        return tuple(self._readers.get(tensor, ()))

    def is_private(self, tensor: int) -> bool:
        """Whether a tensor may be fused away: one op reads it, and it is no end of the model."""
        return tensor not in self._ends and len(self.readers(tensor)) == 1


def replace_ops(graph: Graph, replacements: dict[int, Op | None]) -> Graph:
    """A graph with other ops in the place of some.

    Args:
        graph: The graph.
        replacements: By position in `graph.ops`; None removes the op.
    """
    if not replacements:
        return graph
    ops = (replacements.get(position, op) for position, op in enumerate(graph.ops))
    return replace(graph, ops=tuple(op for op in ops if op is not None))
