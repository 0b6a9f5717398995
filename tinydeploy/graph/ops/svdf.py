"""SVDF: a dense layer over the last steps of a stream, its weights of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from tflite import ActivationFunctionType

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    is_per_tensor_int16,
)
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_array, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node, float32_product
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.weights import weights_constant

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

_MAX_SHIFT = 7
_MAX_DEPTH = 1 << 16
"""Products per filter: sums stay below 2^16 * 128 * 255 < 2^31."""


def time_weights(node: Node) -> bool:
    """Its third input, the weights of time, is an int16 constant of 2 dimensions."""
    if not node.has_input(2):
        return False
    tensor = node.input(2)
    return tensor.data is not None and tensor.dtype == "int16" and len(tensor.shape) == 2


def scalar_scales(node: Node) -> bool:
    """Its weights have one scale, above 0, and a zero point of 0."""
    found = [node.input(which).quantization for which in (1, 2)]
    return all(
        q is not None
        and len(q.scales) == 1
        and np.isfinite(q.scale)
        and q.scale > 0
        and not q.zero_point
        for q in found
    )


def ranks_fit(node: Node) -> bool:
    """Its filters are its rank times its units, and its input, bias and output match."""
    filters, depth = node.input(1).shape
    rank = node.option("Rank")
    if rank < 1 or filters % rank or depth > _MAX_DEPTH:
        return False
    units = filters // rank
    bias = node.input(3) if node.has_input(3) else None
    return (
        node.input(2).shape[0] == filters
        and node.input(2).size > 0
        and node.input(0).shape == (1, depth)
        and node.output.shape == (1, units)
        and (bias is None or (bias.data is not None and bias.dtype == "int32"))
        and (bias is None or bias.size == units)
    )


def own_state(node: Node) -> bool:
    """Its fifth input is its state: an int16 variable of as many elements as its time weights."""
    if not node.has_input(4) or node.variables != (node.inputs[4],):
        return False
    state = node.input(4)
    return is_per_tensor_int16(state) and state.shape == (1, node.input(2).size)


def small_multipliers(node: Node) -> bool:
    """Its scales give requantization multipliers below 2^7."""
    return all(shift <= _MAX_SHIFT for _, shift in _read_multipliers(node))


def fuses_relu(node: Node) -> bool:
    """Its fused activation function is RELU: the reference runs no other, and leaves it out."""
    return bool(node.option("FusedActivationFunction") == ActivationFunctionType.RELU)


@register_op()
@dataclass(frozen=True, eq=False)
class Svdf(Op):
    """Every filter looks at the input; every unit adds up what its filters saw over time.

        seen = multiply_double_rounding(sum(weights[f, k] * (input[k] - input_zero_point)),
                                        *state_multiplier), to int16
        state[f] = state[f, 1:], seen                                    kept for the next inference
        acc = bias[u] + sum(time[f, t] * state[f, t]) over the filters f of u  (32 bits, wrapping)
        output = clamp(multiply_double_rounding(acc, *output_multiplier) + output_zero_point)

    Args:
        weights: int8 [filters, depth].
        time: int16 [filters, memory].
        bias: int32 [units], zeros where the file has none.
        rank: Filters of a unit.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        state_multiplier: (multiplier, shift), real value below 2^7.
        output_multiplier: Likewise.
    """

    builtin: ClassVar[str] = "SVDF"
    has_state: ClassVar[bool] = True
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(5),
        *ACTIVATION_CONSTRAINTS,
        weights_constant(2),
        time_weights,
        scalar_scales,
        ranks_fit,
        own_state,
        small_multipliers,
        fuses_relu,
    )

    weights: NDArray[np.int8]
    time: NDArray[np.int16]
    bias: NDArray[np.int32]
    rank: int
    input_zero_point: int
    output_zero_point: int
    state_multiplier: tuple[int, int]
    output_multiplier: tuple[int, int]

    @classmethod
    def read(cls, node: Node) -> Svdf:
        """Makes the op from an operator whose constraints hold."""
        units = node.output.shape[1]
        bias = node.constant(3) if node.has_input(3) else np.zeros(units, np.int32)
        state_multiplier, output_multiplier = _read_multipliers(node)
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=node.constant(1),
            time=node.constant(2),
            bias=np.asarray(bias, np.int32).reshape(units),
            rank=node.option("Rank"),
            input_zero_point=node.quantization(0).zero_point,
            output_zero_point=node.output_quantization.zero_point,
            state_multiplier=state_multiplier,
            output_multiplier=output_multiplier,
        )

    @property
    def state_bytes(self) -> int:
        """What each filter saw in the last steps."""
        return int(self.time.nbytes)

    def macs(self, graph: Graph) -> int:
        """Every weight once."""
        return int(self.weights.size + self.time.size)

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size + self.time.size + self.bias.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the layer."""
        filters, depth = self.weights.shape
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        pairs = (self.state_multiplier, self.output_multiplier)
        return broken(
            (self.weights.dtype == np.int8, "weights are int8"),
            (self.time.dtype == np.int16 and len(self.time) == filters, "filters see time"),
            (is_array(self.bias, np.int32, (filters // self.rank,)), "there is a bias per unit"),
            (source.size == depth <= _MAX_DEPTH, "the input fits"),
            (output.size * self.rank == filters, "the output fits"),
            (all(is_multiplier(*p) for p in pairs), "multipliers are in range"),
            (all(shift <= _MAX_SHIFT for _, shift in pairs), "multipliers are below 2^7"),
            (ends == (self.input_zero_point, self.output_zero_point), "zero points agree"),
        )


def _read_multipliers(node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """From sums to the state and from this to the output; in float32, as TFLite's Prepare does."""
    state = np.float32(node.quantization(4).scale)
    first = float32_product(node.quantization(0).scale, node.quantization(1).scale) / state
    second = float32_product(float(state), node.quantization(2).scale)
    second = second / np.float32(node.output_quantization.scale)
    return quantize_multiplier(float(first)), quantize_multiplier(float(second))
