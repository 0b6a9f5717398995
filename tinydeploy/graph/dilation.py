"""Convolutions that a converter has written as ordinary ones of an input cut into phases.

TensorFlow's converter writes a dilated convolution as SPACE_TO_BATCH_ND, a convolution without
dilation, BATCH_TO_SPACE_ND: each image of the batch has every so many pixels. Both are sums of the
same products, so such a group of operators is read as the dilated convolution that it stands for.
For sequences there are a RESHAPE or its kin before and behind the convolution, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinydeploy.graph.node import Node, read_integers
from tinydeploy.graph.tensor import Tensor

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_RENAMING = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")


@dataclass(frozen=True)
class _Cut:
    """What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND have besides their input, by dimension."""

    block: tuple[int, ...]
    amounts: tuple[tuple[int, int], ...]


def join_phases(nodes: Sequence[Node]) -> list[Node]:
    """Puts a dilated convolution in the place of every BATCH_TO_SPACE_ND that ends one.

    Args:
        nodes: In the file's order; not trusted.

    Returns:
        The nodes; what nobody reads any more is among them. In a convolution of a sequence, input
        and output have the shape of an image of one row in `Node.tensors`.
    """
    if not any(node.builtin == "BATCH_TO_SPACE_ND" for node in nodes):
        return list(nodes)
    writers = {t: node for node in nodes for t in node.outputs}
    joined = list(nodes)
    for position, last in enumerate(nodes):
        if last.builtin == "BATCH_TO_SPACE_ND" and (found := _join(last, writers)):
            joined[position] = found
    return joined


def _join(last: Node, writers: Mapping[int, Node]) -> Node | None:
    """The dilated convolution that ends in a BATCH_TO_SPACE_ND; None where it ends no group."""

    def step_back(node: Node) -> Node | None:
        return writers.get(node.inputs[0]) if node.inputs else None

    convolution = step_back(last)
    if convolution is not None and convolution.builtin in _RENAMING:
        convolution = step_back(convolution)
    if convolution is None or convolution.builtin not in _CONVOLUTIONS:
        return None
    first = step_back(convolution)
    if first is not None and first.builtin in _RENAMING:
        first = step_back(first)
    if first is None or first.builtin != "SPACE_TO_BATCH_ND" or not first.has_input(0):
        return None
    cut, crop = _read_cut(first), _read_cut(last)
    if cut is None or crop is None or cut.block != crop.block or not _is_plain(convolution):
        return None
    source, output = first.input(0), last.output
    if len(source.shape) != len(cut.block) + 2 or len(output.shape) != len(source.shape):
        return None
    pads = [
        (before - less, after - rest)
        for (before, after), (less, rest) in zip(cut.amounts, crop.amounts, strict=True)
    ]
    (dilation_h, dilation_w) = (1, *cut.block)[-2:]
    (top, bottom), (left, right) = [(0, 0), *pads][-2:]
    if min(top, bottom, left, right) < 0:
        return None
    tensors = list(convolution.tensors)
    if len(source.shape) == 3:
        tensors[first.inputs[0]] = _as_image(source)
        tensors[last.outputs[0]] = _as_image(output)
    return replace(
        convolution,
        inputs=(first.inputs[0], *convolution.inputs[1:]),
        outputs=last.outputs,
        options={
            **convolution.options,
            "DilationHFactor": dilation_h,
            "DilationWFactor": dilation_w,
            "PadTop": top,
            "PadLeft": left,
            "PadBottom": bottom,
            "PadRight": right,
        },
        tensors=tuple(tensors),
    )


def _read_cut(node: Node) -> _Cut | None:
    """Blocks and paddings or crops of one or two dimensions; None where they are not constant."""
    block, amounts = read_integers(node, 1), read_integers(node, 2)
    if block is None or amounts is None or len(block) not in (1, 2):
        return None
    if len(amounts) != 2 * len(block) or min(block) < 1 or min(amounts) < 0:
        return None
    return _Cut(block, tuple(zip(amounts[::2], amounts[1::2], strict=True)))


def _is_plain(node: Node) -> bool:
    """Whether a convolution has no padding, stride or dilation."""
    ones = ("StrideH", "StrideW", "DilationHFactor", "DilationWFactor")
    return node.padding == "VALID" and all(node.option(name) == 1 for name in ones)


def _as_image(tensor: Tensor) -> Tensor:
    return replace(tensor, shape=(tensor.shape[0], 1, *tensor.shape[1:]))
