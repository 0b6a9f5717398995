"""UNIDIRECTIONAL_SEQUENCE_LSTM: a long short-term memory over the steps of a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, is_per_tensor_int8
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_array, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node, float32_product
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.tensor import Tensor

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

_INPUT_WEIGHTS, _STATE_WEIGHTS, _BIASES = range(1, 5), range(5, 9), range(12, 16)
_OUTPUT_STATE, _CELL_STATE, _HIDDEN = 18, 19, 4
_LEFT_OUT = (*range(9, 12), 16, 17, *range(20, 24))
_GATE_SCALE = 2.0**-12
_MAX_SHIFT = 7
_MAX_DEPTH = 1 << 15
"""Products of a sum: with a bias below 2^30 it stays below 2^15 * 128 * 255 + 2^30 < 2^31."""


def plain(node: Node) -> bool:
    """It has 24 inputs and 1 output, an input gate, and neither peepholes, projection nor norms."""
    return (
        len(node.inputs) == 24
        and len(node.outputs) == 1
        and all(node.has_input(i) for i in (0, *_INPUT_WEIGHTS, *_STATE_WEIGHTS, *_BIASES))
        and not any(node.has_input(i) for i in _LEFT_OUT)
    )


def tangent(node: Node) -> bool:
    """Its fused activation function is TANH, its clipping of cells not negative."""
    clip = float(node.options.get("CellClip", 0))
    return node.activation == "TANH" and np.isfinite(clip) and clip >= 0


def sequence(node: Node) -> bool:
    """Its input and output have three dimensions, one of the first two being 1: the batch."""
    source, output = node.input(0).shape, node.output.shape
    batch = 1 if node.options.get("TimeMajor") else 0
    return (
        len(source) == len(output) == 3
        and source[batch] == 1
        and source[:2] == output[:2]
        and max(source[2], output[2]) <= _MAX_DEPTH
    )


def gates(node: Node) -> bool:
    """Its weights are int8 constants, units by inputs or units, with one scale and zero point 0."""
    depth, units = node.input(0).shape[2], node.output.shape[2]
    return all(
        _is_constant(node.input(i), "int8", (units, size)) and _has_scale(node.input(i))
        for places, size in ((_INPUT_WEIGHTS, depth), (_STATE_WEIGHTS, units))
        for i in places
    )


def gate_biases(node: Node) -> bool:
    """Its biases are int32 constants, one value below 2^30 for each unit."""
    units = node.output.shape[2]
    return all(
        _is_constant(node.input(i), "int32", (units,))
        and bool((np.abs(node.constant(i).astype(np.int64)) < 1 << 30).all())
        for i in _BIASES
    )


def own_states(node: Node) -> bool:
    """Its states are variables of its own: int8 outputs, and int16 cells of scale 2^-15 to 2^-9."""
    if node.variables != (node.inputs[_OUTPUT_STATE], node.inputs[_CELL_STATE]):
        return False
    output, cell = node.input(_OUTPUT_STATE), node.input(_CELL_STATE)
    units = node.output.shape[2]
    return (
        output.size == cell.size == units
        and is_per_tensor_int8(output)
        and cell.dtype == "int16"
        and _has_scale(cell)
        and _cell_bits(node) is not None
    )


def hidden_known(node: Node) -> bool:
    """Its fifth intermediate tensor is int8: the scale and zero point of its output inside."""
    return len(node.intermediates) == 5 and is_per_tensor_int8(_hidden(node))


def gate_multipliers(node: Node) -> bool:
    """Its scales give requantization multipliers below 2^7."""
    pairs = (*_gate_multipliers(node), _hidden_multiplier(node))
    return all(shift <= _MAX_SHIFT for _, shift in pairs)


@register_op()
@dataclass(frozen=True, eq=False)
class Lstm(Op):
    """Four gates of every unit look at the input and at the last output, step by step.

        gate = to_int16(to_int16(input part) + state part), each part
            multiply_double_rounding(sum(weights * (x - zero point)) + bias, *multiplier)
        forget, write, show = logistic(gates 1, 0, 3); new = tanh(gate 2)         Q3.12 to Q0.15
        cell = to_int16(round(forget * cell / 2^15) + round(write * new / 2^(30 + cell_log2)))
        output = clamp(multiply_double_rounding(show * tanh(cell), *hidden) + hidden_zero_point)

    Functions are gemmlowp's, in 16 bits; the bias counts for the input part alone.

    Args:
        weights: int8 [4, units, depth]: input, forget, cell and output gate.
        state_weights: int8 [4, units, units].
        biases: int32 [4, units], of the input parts.
        input_zero_point: Zero point of the input.
        state_zero_point: Zero point of the last output as gates see it.
        multipliers: (multiplier, shift) of the parts: of the input by gate, then of the state.
        cell_log2: Logarithm of the cells' scale.
        cell_clip: Cells stay within [-cell_clip, cell_clip]; 0 for no limit.
        hidden_multiplier: From products in Q0.30 to the output.
        hidden_zero_point: Zero point of that.
    """

    builtin: ClassVar[str] = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    has_state: ClassVar[bool] = True
    constraints: ClassVar[tuple[Constraint, ...]] = (
        plain,
        *ACTIVATION_CONSTRAINTS,
        tangent,
        sequence,
        gates,
        gate_biases,
        own_states,
        hidden_known,
        gate_multipliers,
    )

    weights: NDArray[np.int8]
    state_weights: NDArray[np.int8]
    biases: NDArray[np.int32]
    input_zero_point: int
    state_zero_point: int
    multipliers: tuple[tuple[int, int], ...]
    cell_log2: int
    cell_clip: int
    hidden_multiplier: tuple[int, int]
    hidden_zero_point: int

    @classmethod
    def read(cls, node: Node) -> Lstm:
        """Makes the op from an operator whose constraints hold."""
        cell_log2 = _cell_bits(node)
        assert cell_log2 is not None  # own_states
        clip = float(node.options.get("CellClip", 0)) / 2.0**cell_log2
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=np.stack([node.constant(i) for i in _INPUT_WEIGHTS]),
            state_weights=np.stack([node.constant(i) for i in _STATE_WEIGHTS]),
            biases=np.stack([node.constant(i) for i in _BIASES]),
            input_zero_point=node.quantization(0).zero_point,
            state_zero_point=node.quantization(_OUTPUT_STATE).zero_point,
            multipliers=_gate_multipliers(node),
            cell_log2=cell_log2,
            cell_clip=int(min(clip, 32767.0)),
            hidden_multiplier=_hidden_multiplier(node),
            hidden_zero_point=_hidden(node).affine[1],
        )

    @property
    def units(self) -> int:
        """Cells, and elements of the output of a step."""
        return int(self.biases.shape[1])

    @property
    def state_bytes(self) -> int:
        """A cell and an output of each unit, less its zero point: 16 bits each."""
        return 4 * self.units

    def macs(self, graph: Graph) -> int:
        """Every weight once a step."""
        steps = graph.tensors[self.outputs[0]].size // self.units
        return int(self.weights.size + self.state_weights.size) * steps

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size + self.state_weights.size + self.biases.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the layer."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        units, depth = self.units, self.weights.shape[2]
        pairs = (*self.multipliers, self.hidden_multiplier)
        return broken(
            (is_array(self.weights, np.int8, (4, units, depth)), "weights fit"),
            (is_array(self.state_weights, np.int8, (4, units, units)), "weights of states fit"),
            (is_array(self.biases, np.int32, (4, units)), "there is a bias for every gate"),
            (source.size * units == output.size * depth, "input and output have as many steps"),
            (max(depth, units) <= _MAX_DEPTH, "sums are small enough"),
            (len(self.multipliers) == 8, "there are eight multipliers"),
            (all(is_multiplier(*p) and p[1] <= _MAX_SHIFT for p in pairs), "they are in range"),
            (-15 <= self.cell_log2 <= -9, "the cells' scale is in range"),
            (0 <= self.cell_clip < 1 << 15, "the clipping of cells is in range"),
            (is_int8(self.state_zero_point, self.hidden_zero_point), "zero points are in range"),
            (zero_point_of(graph, self.inputs[0]) == self.input_zero_point, "zero points agree"),
        )


def _is_constant(tensor: Tensor, dtype: str, shape: tuple[int, ...]) -> bool:
    return tensor.data is not None and tensor.dtype == dtype and tensor.shape == shape


def _has_scale(tensor: Tensor) -> bool:
    q = tensor.quantization
    return (
        q is not None
        and len(q.scales) == 1
        and bool(np.isfinite(q.scale))
        and q.scale > 0
        and not q.zero_point
    )


def _hidden(node: Node) -> Tensor:
    return node.tensors[node.intermediates[_HIDDEN]]


def _cell_bits(node: Node) -> int | None:
    """The logarithm of the cells' scale; None where that is no power of 2 in range."""
    scale = node.quantization(_CELL_STATE).scale
    return next((k for k in range(-15, -8) if scale == 2.0**k), None)


def _gate_multipliers(node: Node) -> tuple[tuple[int, int], ...]:
    """In float32, as TFLite's Prepare does."""
    found = []
    for places, source in ((_INPUT_WEIGHTS, 0), (_STATE_WEIGHTS, _OUTPUT_STATE)):
        scale = node.quantization(source).scale
        for i in places:
            real = float32_product(node.quantization(i).scale, scale) / np.float32(_GATE_SCALE)
            found.append(quantize_multiplier(float(real)))
    return tuple(found)


def _hidden_multiplier(node: Node) -> tuple[int, int]:
    return quantize_multiplier(float(np.float32(2.0**-30 / _hidden(node).affine[0])))
