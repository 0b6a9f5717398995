"""From an op of the graph to instructions whose addresses are still open, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.mean import Mean
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.ops.sub import Sub
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.npu.affine import (
    Affine,
    convolution_affine,
    element_affine,
    mean_affine,
    sum_affine,
)
from tinydeploy.npu.effects import Size
from tinydeploy.npu.isa import FEATURE_LIMIT
from tinydeploy.npu.layout import (
    LARGEST,
    NORM,
    SUM,
    feature_bytes,
    pack_conv_weights,
    pack_depthwise_weights,
    pack_stem_weights,
)

MADE_BY_MCU: Final = "the microcontroller makes what it reads"


class UnsupportedOpError(Exception):
    """Why an op stays on the microcontroller."""


@dataclass(frozen=True)
class Feature:
    """A feature map in the machine's memory.

    Args:
        name: What tells it from others.
        size: Height, width, channels.
    """

    name: str
    size: Size

    @property
    def bytes(self) -> int:
        """Bytes in blocks."""
        return feature_bytes(*self.size)


@dataclass(frozen=True)
class Draft:
    """An instruction without addresses.

    Args:
        name: Its mnemonic.
        operands: All but addresses.
        sources: Feature maps it reads, by the name of the address field.
        result: The feature map that it writes.
        constants: Bytes of its constants, by the name of the address field.
    """

    name: str
    operands: Mapping[str, int]
    sources: Mapping[str, Feature]
    result: Feature
    constants: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Lowering:
    """Lowers ops one after the other.

    Args:
        graph: The graph they belong to.
        stem: The op that reads the image as it comes, a convolution that is its only reader; None
            where the image is converted to blocks first.
        features: What holds each tensor that the machine has, by tensor id. A reshaped tensor is
            held by the feature map that it was made of.
        prologue: Converts the image, where that is needed.
    """

    graph: Graph
    stem: Op | None
    features: dict[int, Feature] = field(default_factory=dict)
    prologue: list[Draft] = field(default_factory=list)

    @classmethod
    def start(cls, graph: Graph) -> Lowering:
        """Has nothing but the image."""
        (image,) = graph.inputs
        readers = [op for op in graph.ops if image in op.inputs]
        size = Size(*graph.tensors[image].rows)
        if len(readers) == 1 and _reads_all_channels(readers[0], size):
            return cls(graph, readers[0])
        lowering = cls(graph, None)
        if feature_bytes(*size) <= FEATURE_LIMIT:
            made = lowering.result(image)
            lowering.prologue.append(Draft("PACK", _size(size), {}, made))
        return lowering

    def lower(self, op: Op) -> list[Draft]:
        """The instructions of an op; its outputs are among `features` afterwards.

        Raises:
            UnsupportedOpError: The machine cannot do it; nothing has changed then.
        """
        lower = _LOWER.get(type(op))
        if lower is None:
            raise UnsupportedOpError(f"TinyNPU has no instruction for {op.kind}")
        known = dict(self.features)
        try:
            return lower(self, op)
        except UnsupportedOpError:
            self.features = known
            raise

    def source(self, tensor: int, rows: bool = True) -> Feature:
        """The feature map that holds a tensor; with `rows`, pixel for pixel."""
        if tensor not in self.features:
            raise UnsupportedOpError(MADE_BY_MCU)
        found = self.features[tensor]
        if rows and found.size != self.graph.tensors[tensor].rows:
            raise UnsupportedOpError("it reads what was reshaped")
        return found

    def result(self, tensor: int, size: Size | None = None, suffix: str = "") -> Feature:
        """A new feature map for a tensor, or for a step on the way to it."""
        made = Feature(f"t{tensor}{suffix}", size or Size(*self.graph.tensors[tensor].rows))
        if made.bytes > FEATURE_LIMIT:
            shape = "x".join(map(str, made.size))
            raise UnsupportedOpError(
                f"a feature map of {shape} takes {made.bytes:,} bytes, more than the "
                f"{FEATURE_LIMIT:,} that TinyNPU allows"
            )
        if not suffix:
            self.features[tensor] = made
        return made


def _size(size: Size) -> dict[str, int]:
    return {"height": size.height, "width": size.width, "channels": size.channels}


def _window(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> dict[str, int]:
    top, left, bottom, right = padding
    if max(*kernel, *stride) > 15:
        raise UnsupportedOpError("its window or step is larger than 15")
    if max(top, bottom) >= kernel[0] or max(left, right) >= kernel[1]:
        raise UnsupportedOpError("its padding is as large as its window")
    names = ("kernel_h", "kernel_w", "stride_h", "stride_w", "top", "left", "bottom", "right")
    return dict(zip(names, (*kernel, *stride, *padding), strict=True))


def table_bytes(affine: Affine) -> bytes:
    """A normalization table, or its single record."""
    _check_range(affine)
    table = np.zeros(affine.offset.shape, NORM)
    for name in ("scale", "offset", "low", "high"):
        table[name] = getattr(affine, name)
    return table.tobytes()


def _check_range(affine: Affine) -> None:
    if not all((abs(numbers) <= LARGEST).all() for numbers in (affine.scale, affine.offset)):
        raise UnsupportedOpError("a number of its normalization is beyond 2^64")


def _sum_bytes(affine: Affine) -> bytes:
    _check_range(affine)
    record = np.zeros((), SUM)
    record["scales"], record["offset"] = affine.scale, affine.offset
    record["low"], record["high"] = affine.low, affine.high
    return record.tobytes()


def _reads_all_channels(op: Op, size: Size) -> bool:
    """Whether it is a convolution over all channels: of one channel, a depthwise one is."""
    one = isinstance(op, DepthwiseConv2D) and size.channels == 1
    return one or isinstance(op, Conv2D)


def _lower_convolution(lowering: Lowering, op: Convolution) -> list[Draft]:
    if op.dilation != (1, 1):
        raise UnsupportedOpError("TinyNPU's windows have no dilation")
    (source,), (result,) = op.inputs, op.outputs
    window = _window(op.kernel, op.stride, op.padding)
    operands = {**window, "zero": op.input_zero_point}
    size = Size(*lowering.graph.tensors[source].rows)
    whole = _reads_all_channels(op, size)
    weights = op.weights if isinstance(op, Conv2D) else op.weights.transpose(3, 1, 2, 0)
    if not whole and op.channels != size.channels:
        raise UnsupportedOpError("it makes several channels of each")
    if op is lowering.stem:
        return _lower_stem(lowering, op, operands, weights)
    made = Size(*op.row_shape(lowering.graph))
    held = lowering.source(source)
    own = lowering.result(result, made, suffix="" if op.pool is None else "c")
    constants = {"table": table_bytes(convolution_affine(op))}
    if whole:
        constants["weights"] = pack_conv_weights(weights)
        operands["outputs"] = op.channels
    else:
        constants["weights"] = pack_depthwise_weights(op.weights[0])
    name = "CONV" if whole else "DWCONV"
    drafts = [Draft(name, {**_size(held.size), **operands}, {"src": held}, own, constants)]
    if op.pool is not None:
        drafts.append(_max_pool(op.pool, own, lowering.result(result)))
    return drafts


def _lower_stem(
    lowering: Lowering, op: Convolution, operands: dict[str, int], weights: NDArray[np.int8]
) -> list[Draft]:
    (result,) = op.outputs
    size, made = Size(*lowering.graph.tensors[op.inputs[0]].rows), op.row_shape(lowering.graph)
    side = op.pool.kernel[0] if op.pool is not None else 1
    fused = op.pool is None or _fuses(op, made)
    own = lowering.result(result) if fused else lowering.result(result, Size(*made), "c")
    operands = {
        **_size(size),
        **operands,
        "outputs": op.channels,
        "pool": side if fused else 1,
    }
    constants = {
        "table": table_bytes(convolution_affine(op)),
        "weights": pack_stem_weights(weights),
    }
    drafts = [Draft("STEM", operands, {}, own, constants)]
    if op.pool is not None and not fused:
        drafts.append(_max_pool(op.pool, own, lowering.result(result)))
    return drafts


def _fuses(op: Convolution, made: tuple[int, int, int]) -> bool:
    """Whether STEM's own pool can do the op's."""
    pool = op.pool
    assert pool is not None
    side = pool.kernel[0]
    square = pool.kernel == pool.stride == (side, side) and side <= 15
    return square and not any(pool.padding) and _unbounded(pool) and min(made[:2]) >= side


def _unbounded(pool: MaxPool2D | AveragePool2D) -> bool:
    return (pool.low, pool.high) == (-128, 127)


def _max_pool(op: MaxPool2D, source: Feature, result: Feature) -> Draft:
    if not _unbounded(op):
        raise UnsupportedOpError("TinyNPU's pools have no bounds")
    operands = {**_size(source.size), **_window(op.kernel, op.stride, op.padding)}
    return Draft("MAXPOOL", operands, {"src": source}, result)


def _lower_max_pool(lowering: Lowering, op: MaxPool2D) -> list[Draft]:
    return [_max_pool(op, lowering.source(op.inputs[0]), lowering.result(op.outputs[0]))]


def _lower_mean(lowering: Lowering, op: Mean | AveragePool2D) -> list[Draft]:
    bounds = (-128, 127)
    if isinstance(op, AveragePool2D):
        if not op.covers_input(lowering.graph):
            raise UnsupportedOpError("TinyNPU takes means over whole feature maps only")
        bounds = (op.low, op.high)
    source = lowering.source(op.inputs[0])
    affine = mean_affine(lowering.graph, op.inputs[0], op.outputs[0], *bounds)
    made = lowering.result(op.outputs[0], Size(1, 1, source.size.channels))
    constants = {"table": table_bytes(affine)}
    return [Draft("MEAN", _size(source.size), {"src": source}, made, constants)]


def _lower_sum(lowering: Lowering, op: ScaledSum) -> list[Draft]:
    if op.constant is not None:
        return _lower_elements(lowering, op)
    first, other = (lowering.source(tensor) for tensor in op.inputs)
    if first.size != other.size:
        raise UnsupportedOpError("TinyNPU adds feature maps of equal size")
    constants = {"table": _sum_bytes(sum_affine(lowering.graph, op))}
    made = lowering.result(op.outputs[0])
    return [Draft("ADD", _size(first.size), {"src": first, "other": other}, made, constants)]


def _lower_elements(
    lowering: Lowering, op: ScaledSum | Mul | Maximum | Minimum | Lookup
) -> list[Draft]:
    affine = element_affine(lowering.graph, op)
    if affine is None:
        if isinstance(op, Lookup):
            raise UnsupportedOpError(f"TinyNPU has no instruction for {op.kind}")
        raise UnsupportedOpError(f"TinyNPU does {op.kind} with a constant for each channel alone")
    source = lowering.source(op.inputs[0])
    if source.size != lowering.graph.tensors[op.outputs[0]].rows:
        raise UnsupportedOpError("TinyNPU repeats neither pixels nor channels")
    made = lowering.result(op.outputs[0])
    return [
        Draft("NORM", _size(source.size), {"src": source}, made, {"table": table_bytes(affine)})
    ]


def _lower_fully_connected(lowering: Lowering, op: FullyConnected) -> list[Draft]:
    if op.positions != 1:
        raise UnsupportedOpError("it multiplies more than one vector")
    source = lowering.source(op.inputs[0], rows=False)
    height, width, channels = source.size
    weights = op.weights.reshape(op.channels, height, width, channels)
    window = _window((height, width), (1, 1), (0, 0, 0, 0))
    operands = {"zero": op.input_zero_point, "outputs": op.channels}
    constants = {
        "table": table_bytes(convolution_affine(op)),
        "weights": pack_conv_weights(weights),
    }
    made = lowering.result(op.outputs[0], Size(1, 1, op.channels))
    operands = {**_size(source.size), **window, **operands}
    return [Draft("CONV", operands, {"src": source}, made, constants)]


def _lower_reshape(lowering: Lowering, op: Reshape) -> list[Draft]:
    """The same feature map: its bytes, as they are sent or multiplied, keep their order."""
    lowering.features[op.outputs[0]] = lowering.source(op.inputs[0], rows=False)
    return []


_LOWER: Final[Mapping[type[Op], Callable[[Lowering, Any], list[Draft]]]] = {
    Conv2D: _lower_convolution,
    DepthwiseConv2D: _lower_convolution,
    MaxPool2D: _lower_max_pool,
    Mean: _lower_mean,
    AveragePool2D: _lower_mean,
    Add: _lower_sum,
    Sub: _lower_sum,
    Mul: _lower_elements,
    Maximum: _lower_elements,
    Minimum: _lower_elements,
    Lookup: _lower_elements,
    FullyConnected: _lower_fully_connected,
    Reshape: _lower_reshape,
}
