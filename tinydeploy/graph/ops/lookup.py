"""LOGISTIC, TANH, the RELU family, EXP, LOG, QUANTIZE and their kin: tables of one int8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_shape,
)
from tinydeploy.graph.invariants import broken, is_array
from tinydeploy.graph.lookup_tables import (
    TABLES,
    negates_bytes,
    root_of_positive,
    table_in_range,
)
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op(*TABLES)
@dataclass(frozen=True, eq=False)
class Lookup(Op):
    """A function of one int8: output = table[input + 128].

    Args:
        function: The operation's name in TFLite's schema.
        table: int8 [256].
    """

    builtin: ClassVar[str] = "LOOKUP"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        root_of_positive,
        negates_bytes,
        table_in_range,
    )

    function: str
    table: NDArray[np.int8]

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @classmethod
    def read(cls, node: Node) -> Lookup:
        """Makes the op from an operator whose constraints hold."""
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            function=node.builtin,
            table=TABLES[node.builtin](node) if node.table is None else node.table,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a table."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        return broken(
            (is_array(self.table, np.int8, (256,)), "the table has 256 int8"),
            (source.shape == output.shape, "input and output have the same shape"),
        )
