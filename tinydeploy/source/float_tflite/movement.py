"""Operators that only move values: reshapes, slices, joins, padding."""

from __future__ import annotations

import numpy as np

from tinydeploy.graph.tflite_file import Operator
from tinydeploy.source.float_tflite.translation import (
    Layout,
    Translation,
    UntranslatableError,
    place_axis,
    to_first,
    translates,
)

_LEFT_OPEN = ("EllipsisMask", "NewAxisMask", "Offset")


@translates("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def translate_reshape(operator: Operator, to: Translation) -> None:
    """The output's shape is in the file. Where the channels stay, so does the layout."""
    _reshape(to, operator.inputs[0], operator.outputs[0])


def _reshape(to: Translation, source: int, output: int) -> None:
    before, after = to.shape(source), to.shape(output)
    if not before or not after or before[0] != after[0]:
        raise UntranslatableError(
            f"it makes {list(after)} of {list(before)}, another batch",
            "convert the model with a batch of 1, which comes first everywhere",
        )
    # Channels alone, or all else alone, count the same in both layouts.
    same = before[-1] == after[-1] and min(len(before), len(after)) > 1
    layout: Layout = to.layout([source]) if same else "last"
    if len(before) < 3 and same:
        layout = "first"
    shape = [after[axis] for axis in to_first(len(after))] if layout == "first" else after
    value = to.reshape(to.read(source, layout), shape, to.tensor(output).name)
    to.write(output, layout, value)


@translates("TRANSPOSE")
def translate_transpose(operator: Operator, to: Translation) -> None:
    """The batch must stay in front."""
    source = operator.inputs[0]
    order = [int(axis) for axis in to.expect_constant(operator, 1).flat]
    if sorted(order) != list(range(to.rank(source))) or order[0] != 0:
        raise UntranslatableError(f"it permutes the axes {order}, the batch among them")
    to.result(operator, "Transpose", [to.read(source, "last")], "last", perm=order)


@translates("CONCATENATION")
def translate_concatenation(operator: Operator, to: Translation) -> None:
    """Along one axis."""
    layout = to.layout(operator.inputs)
    axis = place_axis(int(operator.options.get("Axis", 0)), to.rank(operator.outputs[0]), layout)
    inputs = [to.read(number, layout) for number in operator.inputs]
    to.result(operator, "Concat", inputs, layout, axis=axis)


@translates("PACK")
def translate_pack(operator: Operator, to: Translation) -> None:
    """Joins along a new axis."""
    output = operator.outputs[0]
    rank = to.rank(output)
    axis = place_axis(int(operator.options.get("Axis", 0)), rank, "last")
    shape = [1 if i == axis else size for i, size in enumerate(to.shape(output))]
    if axis == 0:
        raise UntranslatableError("it stacks inputs along the batch")
    parts = [
        to.reshape(to.read(number, "last"), shape, f"{to.tensor(number).name}/part")
        for number in operator.inputs
    ]
    to.result(operator, "Concat", parts, "last", axis=axis)


@translates("SPLIT")
def translate_split(operator: Operator, to: Translation) -> None:
    """Inputs are the axis and the tensor; the parts are equal."""
    _split(operator, to, operator.inputs[1], int(to.expect_constant(operator, 0).flat[0]))


@translates("SPLIT_V")
def translate_split_v(operator: Operator, to: Translation) -> None:
    """Inputs are the tensor, the sizes of the parts and the axis."""
    _split(operator, to, operator.inputs[0], int(to.expect_constant(operator, 2).flat[0]))


def _split(operator: Operator, to: Translation, source: int, axis: int) -> None:
    layout = to.layout([source])
    native = place_axis(axis, to.rank(source), "last")
    sizes = [to.shape(number)[native] for number in operator.outputs]
    names = [to.unique(to.tensor(number).name) for number in operator.outputs]
    inputs = [to.read(source, layout), to.integers("sizes", sizes)]
    to.node_of_many("Split", inputs, names, axis=place_axis(axis, to.rank(source), layout))
    for number, name in zip(operator.outputs, names, strict=True):
        to.write(number, layout, name)


@translates("SLICE")
def translate_slice(operator: Operator, to: Translation) -> None:
    """Inputs are the tensor, where the slice begins, and its size."""
    begins = [int(i) for i in to.expect_constant(operator, 1).flat]
    shape = to.shape(operator.outputs[0])
    ends = [begin + size for begin, size in zip(begins, shape, strict=True)]
    _slice(operator, to, begins, ends, [1] * len(begins), shape)


@translates("STRIDED_SLICE")
def translate_strided_slice(operator: Operator, to: Translation) -> None:
    """Inputs are the tensor, begins, ends and strides; bits say which of them do not count."""
    if any(operator.options.get(name, 0) for name in _LEFT_OPEN):
        raise UntranslatableError("it has an ellipsis, new axes or offsets in it")
    shape = to.shape(operator.inputs[0])
    vectors = (to.expect_constant(operator, i) for i in (1, 2, 3))
    begins, ends, strides, kept = [], [], [], []
    for axis, (begin, end, stride) in enumerate(zip(*(v.tolist() for v in vectors), strict=True)):
        bit = 1 << axis
        if int(operator.options.get("ShrinkAxisMask", 0)) & bit:
            begin += shape[axis] if begin < 0 else 0
            begins.append(begin)
            ends.append(begin + 1)
            strides.append(1)
            continue
        first = None if int(operator.options.get("BeginMask", 0)) & bit else begin
        last = None if int(operator.options.get("EndMask", 0)) & bit else end
        places = range(shape[axis])[slice(first, last, stride)]
        if not places or stride < 1:
            raise UntranslatableError(f"it slices nothing, or backwards: {begin}:{end}:{stride}")
        begins.append(places[0])
        ends.append(places[-1] + 1)
        strides.append(stride)
        kept.append(axis)
    sliced = tuple(len(range(*each)) for each in zip(begins, ends, strides, strict=True))
    if len(kept) < len(begins) and 0 not in kept:
        raise UntranslatableError("it takes the batch away")
    _slice(operator, to, begins, ends, strides, (*sliced, *shape[len(sliced) :]))


def _slice(
    operator: Operator,
    to: Translation,
    begins: list[int],
    ends: list[int],
    strides: list[int],
    sliced: tuple[int, ...],
) -> None:
    """A slice, then a reshape where axes are dropped; axes that are whole are left out."""
    source, output = operator.inputs[0], operator.outputs[0]
    shape, rank = to.shape(source), to.rank(source)
    cut = [i for i in range(len(begins)) if (begins[i], ends[i], strides[i]) != (0, shape[i], 1)]
    if 0 in cut:
        raise UntranslatableError("it slices the batch")
    dropped = sliced != to.shape(output)
    layout: Layout = "last" if dropped else to.layout([source])
    value = to.read(source, layout)
    if cut:
        axes = [place_axis(i, rank, layout) for i in cut]
        bounds = ([v[i] for i in cut] for v in (begins, ends))
        inputs = [value, *(to.integers("bounds", b) for b in bounds), to.integers("axes", axes)]
        steps = to.integers("steps", [strides[i] for i in cut])
        value = to.node("Slice", [*inputs, steps], f"{to.tensor(output).name}/slice")
    if dropped or not cut:
        value = (
            to.reshape(value, to.shape(output), to.tensor(output).name)
            if dropped
            else to.node("Identity", [value], to.tensor(output).name)
        )
    to.write(output, layout, value)


@translates("PAD", "PADV2", "MIRROR_PAD")
def translate_pad(operator: Operator, to: Translation) -> None:
    """Inputs are the tensor, [axes, 2] amounts, and of PADV2 the value."""
    source = operator.inputs[0]
    amounts = to.expect_constant(operator, 1)
    rank = to.rank(source)
    if amounts.shape != (rank, 2) or amounts[0].any():
        raise UntranslatableError(f"it pads {list(to.shape(source))} by {amounts.tolist()}")
    layout = to.layout([source])
    order = to_first(rank) if layout == "first" else tuple(range(rank))
    pads = [int(amounts[axis, side]) for side in range(2) for axis in order]
    inputs = [to.read(source, layout), to.integers("pads", pads)]
    mode = "constant"
    if operator.builtin == "PADV2":
        value = np.float32(to.expect_constant(operator, 2).flat[0])
        inputs.append(to.constant("value", np.array(value, np.float32)))
    elif operator.builtin == "MIRROR_PAD":
        if operator.options.get("Mode", 0) != 0:
            raise UntranslatableError("it mirrors the edge too", "use the mode REFLECT")
        mode = "reflect"
    to.result(operator, "Pad", inputs, layout, mode=mode)


@translates("GATHER")
def translate_gather(operator: Operator, to: Translation) -> None:
    """Constant indices along one axis."""
    source = operator.inputs[0]
    indices = to.expect_constant(operator, 1).astype(np.int64)
    axis = place_axis(int(operator.options.get("Axis", 0)), to.rank(source), "last")
    if operator.options.get("BatchDims", 0) or axis == 0 or indices.ndim > 1:
        raise UntranslatableError("it gathers by the batch, or along several axes")
    layout = to.layout([source]) if indices.ndim else "last"
    inputs = [to.read(source, layout), to.constant("indices", indices)]
    to.result(operator, "Gather", inputs, layout, axis=place_axis(axis, to.rank(source), layout))


@translates("DEPTH_TO_SPACE", "SPACE_TO_DEPTH")
def translate_depth(operator: Operator, to: Translation) -> None:
    """Depth counts (row in block, column in block, channel) in both formats."""
    op = {"DEPTH_TO_SPACE": "DepthToSpace", "SPACE_TO_DEPTH": "SpaceToDepth"}[operator.builtin]
    size = int(operator.options.get("BlockSize", 0))
    to.result(operator, op, [to.read(operator.inputs[0], "first")], "first", blocksize=size)


@translates("DEQUANTIZE")
def translate_dequantize(operator: Operator, to: Translation) -> None:
    """Of weights in 8 or 16 bits; the net itself is float."""
    to.define_constant(operator.outputs[0], to.expect_constant(operator, 0).astype(np.float32))
