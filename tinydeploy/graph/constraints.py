"""Constraints that several ops share. A docstring here is the sentence that the user reads."""

from __future__ import annotations

import math
from typing import Final

from tinydeploy.graph.fixed_point import ACTIVATIONS
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.tensor import Tensor

MAX_ELEMENTS: Final = 2**31 - 1
# The reference takes products and quotients of up to three scales in float32: within these limits
# they neither overflow nor lose bits.
MIN_SCALE: Final = 2.0**-40
MAX_SCALE: Final = 2.0**40


def inputs_and_outputs(least: int, most: int | None = None) -> Constraint:
    """Makes the constraint on the number of inputs; there is always one output."""
    most = least if most is None else most

    def constraint(node: Node) -> bool:
        return least <= len(node.inputs) <= most and len(node.outputs) == 1

    numbers = f"{least}" if least == most else f"{least} to {most}"
    plural = "" if most == 1 else "s"
    constraint.__doc__ = f"It has {numbers} input{plural} and 1 output."
    return constraint


def first_is_activation(node: Node) -> bool:
    """Its first input is computed or given, not constant."""
    return node.has_input(0) and node.input(0).data is None


def activations_int8(node: Node) -> bool:
    """Its activations are int8 with one scale in 2^-40 to 2^40 and a zero point in -128 to 127."""
    return all(_is_int8(tensor) for tensor in _activations(node))


def activations_int16(node: Node) -> bool:
    """Its activations are int16 with one scale in 2^-40 to 2^40 and a zero point of 0."""
    return all(t.data is None and is_per_tensor_int16(t) for t in _activations(node))


def shapes_known(node: Node) -> bool:
    """Its activations have 1 to 6 dimensions, all of them known and at least 1."""
    return all(
        1 <= len(tensor.shape) <= 6
        and min(tensor.shape) >= 1
        and math.prod(tensor.shape) <= MAX_ELEMENTS
        for tensor in _activations(node)
    )


def batch_of_one(node: Node) -> bool:
    """Its activations are of one image at a time: the first of four dimensions is 1."""
    return all(len(t.shape) != 4 or t.shape[0] == 1 for t in _activations(node))


def nhwc(node: Node) -> bool:
    """Its input and output have four dimensions: batch, height, width, channels."""
    return len(node.input(0).shape) == 4 and len(node.output.shape) == 4


def same_quantization(node: Node) -> bool:
    """All its inputs and its output have the same scale and zero point."""
    output = node.output_quantization
    tensors = [node.tensors[t] for t in node.inputs if t >= 0]
    return all(
        t.quantization is not None
        and t.quantization.scales == output.scales
        and t.quantization.zero_points == output.zero_points
        for t in tensors
        if t.dtype == node.output.dtype
    )


def constants_alike(node: Node) -> bool:
    """Its constant inputs, if any, are of its output's type."""
    tensors = [node.tensors[t] for t in node.inputs if t >= 0]
    return all(t.dtype == node.output.dtype for t in tensors if t.data is not None)


def some_input_computed(node: Node) -> bool:
    """One of its inputs at least is computed or given, not constant."""
    return bool(node.activations) and min(node.inputs) >= 0


def same_shape(node: Node) -> bool:
    """Its output has the shape of its input."""
    return node.input(0).shape == node.output.shape


def known_activation(node: Node) -> bool:
    """Its fused activation function is NONE, RELU, RELU6 or RELU_N1_TO_1."""
    return node.activation in ACTIVATIONS


def no_activation(node: Node) -> bool:
    """It has no fused activation function."""
    return node.activation == "NONE"


def known_padding(node: Node) -> bool:
    """Its padding is SAME or VALID."""
    return node.padding != ""


def has_options(node: Node) -> bool:
    """The file gives its options."""
    return bool(node.options)


def positive_strides(node: Node) -> bool:
    """Its strides are at least 1."""
    return node.option("StrideH") >= 1 and node.option("StrideW") >= 1


def _activations(node: Node) -> list[Tensor]:
    return [node.tensors[t] for t in (*node.activations, *node.outputs)]


def _is_int8(tensor: Tensor) -> bool:
    return tensor.dtype == "int8" and tensor.data is None and is_per_tensor_int8(tensor)


def is_per_tensor_int8(tensor: Tensor) -> bool:
    """Whether a tensor is int8 with one usable scale and zero point."""
    return tensor.dtype == "int8" and _has_affine(tensor, -128, 127)


def is_per_tensor_int16(tensor: Tensor) -> bool:
    """Whether a tensor is int16 with one usable scale and a zero point of 0."""
    return tensor.dtype == "int16" and _has_affine(tensor, 0, 0)


def _has_affine(tensor: Tensor, least: int, most: int) -> bool:
    """Whether a tensor has one usable scale and a zero point of [least, most]."""
    quantization = tensor.quantization
    return (
        quantization is not None
        and len(quantization.scales) == 1
        and MIN_SCALE <= quantization.scale <= MAX_SCALE
        and least <= quantization.zero_point <= most
    )


ACTIVATION_CONSTRAINTS: tuple[Constraint, ...] = (
    first_is_activation,
    activations_int8,
    shapes_known,
    batch_of_one,
)
"""What every op asks of its activations, behind `inputs_and_outputs`."""
