"""What every op of the graph has in common, and the registry of ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from tinydeploy.errors import InternalError
from tinydeploy.graph.node import Constraint, Node

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Op:
    """One operator; each kind is a subclass in graph/ops/, one file each.

    Constants (weights, bias, paddings, shapes) are attributes of the subclass, resolved to arrays
    or tuples; `inputs` are activations only.

    Args:
        index: Number of the operator in the .tflite file (of the one that names it, where passes
            merged several).
        inputs: Tensor ids of the activations read.
        outputs: Tensor ids of the activations written.
    """

    builtin: ClassVar[str] = ""  # name in TFLite's schema, e.g. "CONV_2D"
    constraints: ClassVar[
        tuple[Constraint, ...]
    ] = ()  # in an order in which each may rely on those before

    input_order: ClassVar[tuple[int, ...] | None] = None
    """Which of the operator's inputs matter, in the order in which `Node` has them; None for all as
    they are."""

    has_state: ClassVar[bool] = False
    """Some of its inputs keep their values from one inference to the next."""

    splits: ClassVar[bool] = False
    """The operator has several outputs: each is read as an op of its own, see `Node.which`."""

    index: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator of the file for which all of `constraints` hold."""
        raise InternalError(f"{cls.__name__} cannot be read from {node.label}")

    @property
    def stem(self) -> str:
        """Name of the modules that choose the op's kernel and write its code."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def portable_kernel(self) -> str:
        """Stem of the kernel in plain C."""
        return f"{self.stem}_s8"

    @property
    def kind(self) -> str:
        """Name of the operation for reports: `builtin`, or which of several the op stands for."""
        return self.builtin

    @property
    def members(self) -> tuple[Op, ...]:
        """The ops that run in this one, each with its own weights: most often itself alone."""
        return (self,)

    @property
    def state_bytes(self) -> int:
        """Bytes that it keeps from one inference to the next, zeros at first."""
        return 0

    @property
    def keeper(self) -> int | None:
        """A tensor made by the op whose state this op works with; None: it has its own, if any."""
        return None

    def macs(self, graph: Graph) -> int:
        """Multiply-accumulates of one inference; 0 for ops without multiplications by weights."""
        del graph
        return 0

    def parameters(self) -> int:
        """Number of weights and biases."""
        return 0

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """Rows of input `which` that output rows [first, last) read, half-open and unclipped.

        Rows below 0 and from the input's height on are padding. The default reads the same rows, or
        all of an input whose height differs from the output's.
        """
        height = graph.tensors[self.inputs[which]].rows[0]
        if height == graph.tensors[self.outputs[0]].rows[0]:
            return first, last
        return 0, height

    def verify(self, graph: Graph) -> list[str]:
        """What is wrong with the op's attributes, one sentence each; empty for a sound op."""
        del graph
        return []


_OpType = TypeVar("_OpType", bound=Op)

TYPES: Final = ("int8", "int16")
"""Of activations."""

OPS: dict[str, type[Op]] = {}
"""What reads operators with int8 activations, by name in TFLite's schema."""

WIDE_OPS: dict[str, type[Op]] = {}
"""What reads those with int16 activations."""


def register_op(
    *builtins: str, types: Sequence[str] = ("int8",)
) -> Callable[[type[_OpType]], type[_OpType]]:
    """Class decorator: makes an op readable from .tflite files.

    Args:
        builtins: Names in TFLite's schema; the class's own `builtin` where none is given.
        types: Of the activations: int8, int16.
    """

    def register(cls: type[_OpType]) -> type[_OpType]:
        for builtin in builtins or (cls.builtin,):
            for dtype in types:
                (WIDE_OPS if dtype == "int16" else OPS)[builtin] = cls
        return cls

    return register
