"""Which kernels run a 1x1 expansion inside of a depthwise convolution: their fast ones, over tiles.

A tile has all columns of the rows under a band of output rows, and some channels. Higher bands
compute fewer rows twice, more channels widen the narrow pixels less often; both take more scratch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

from tinydeploy.board import Board
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.chunks import list_chunks
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice import depthwise_conv_2d as planar
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.kernel_choice.conv_2d_cost import estimate_rows
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel
from tinydeploy.plan.kernel_choice.depthwise_conv_2d_cost import (
    estimate_instructions as estimate_planes,
)

_FOUR = 4  # channels of a tile are a multiple of it
_BANDS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_MOST_TILE = 16384  # bytes
_SIZES = (1, 2, 4, 8)  # rows of calls for which kernels are compared
# Instructions round the parts' kernels: of a band, of a tile.
_BAND, _TILE = 60, 60
_WORTH = 0.99  # more scratch has to save one per cent

K = TypeVar("K", bound=Kernel)
C = TypeVar("C", bound=Convolution)


@dataclass(frozen=True, kw_only=True)
class TiledKernel(Kernel):
    """td_expanded_depthwise_conv_2d_s8; fields are those of its struct.

    Args:
        expansion: Makes the rows of a tile.
        depthwise: Makes output rows of it.
        channels: Channels of a tile.
        band: Output rows that are made of it.
        tile_bytes: Bytes of the largest tile.
    """

    expansion: GemmKernel
    depthwise: PlanarKernel
    channels: int
    band: int
    tile_bytes: int


@dataclass(frozen=True)
class _Tile:
    """Both convolutions as they are inside of the image, in a graph whose tensors are a tile's."""

    graph: Graph
    expansion: Conv2D
    depthwise: DepthwiseConv2D
    rows: int  # of the tile
    band: int


def choose_kernel(
    op: ExpandedDepthwiseConv2D, graph: Graph, board: Board, optimize: Optimize
) -> TiledKernel | None:
    """The kernel of fewest instructions for all rows; None where a part has no fast one."""
    kernels = list_kernels(op, graph, board, optimize)
    height, _, _ = graph.tensors[op.outputs[0]].rows
    return min(kernels, key=lambda k: estimate_instructions(k, op, graph, height), default=None)


def list_kernels(
    op: ExpandedDepthwiseConv2D, graph: Graph, board: Board, optimize: Optimize
) -> list[TiledKernel]:
    """Kernels of ascending scratch, each the fastest with its scratch for calls of some size."""
    height, _, channels = graph.tensors[op.outputs[0]].rows
    in_height, width, _ = graph.tensors[op.inputs[0]].rows
    bands = sorted({min(band, height) for band in (*_BANDS, height)})
    kernels = []
    for band in bands:
        whole = _make_tile(op, graph, band, channels)
        expansions = list_chunks(whole.expansion, whole.graph, board, optimize)
        depthwise = planar.list_kernels(whole.depthwise, whole.graph, board, optimize)
        for count in _list_channels(channels):
            tile_bytes = min(whole.rows, in_height) * width * count
            if tile_bytes > _MOST_TILE:
                break
            tile = _make_tile(op, graph, band, count)
            kernels += [
                TiledKernel(
                    stem="expanded_depthwise_conv_2d_s8",
                    scratch_bytes=tile_bytes + max(pair[0].scratch_bytes, pair[1].scratch_bytes),
                    expansion=pair[0],
                    depthwise=pair[1],
                    channels=count,
                    band=band,
                    tile_bytes=tile_bytes,
                )
                for pair in _pair_kernels(tile, expansions, depthwise)
            ]
    sizes = sorted({min(rows, height) for rows in (*_SIZES, height)})
    return _keep_useful(kernels, lambda k, rows: estimate_instructions(k, op, graph, rows), sizes)


def estimate_instructions(
    kernel: TiledKernel, op: ExpandedDepthwiseConv2D, graph: Graph, rows: int
) -> float:
    """Instructions of a call for some output rows that have no padding above or below.

    Args:
        kernel: One that the op may run with.
        op: The op.
        graph: Its graph.
        rows: Number of rows.
    """
    tiles = op.depthwise.channels // kernel.channels
    bands, rest = divmod(rows, kernel.band)
    total = 0.0
    for count, band in ((bands, kernel.band), (1, rest)):
        if count and band:
            tile = _make_tile(op, graph, band, kernel.channels)
            each = _TILE + _estimate_expansion(kernel.expansion, tile)
            each += _estimate_depthwise(kernel.depthwise, tile)
            total += count * (_BAND + tiles * each)
    return total


def _estimate_expansion(kernel: GemmKernel, tile: _Tile) -> float:
    return estimate_rows(kernel, tile.expansion, tile.graph, tile.rows)


def _estimate_depthwise(kernel: PlanarKernel, tile: _Tile) -> float:
    return estimate_planes(kernel, tile.depthwise, tile.graph, tile.band)


def _list_channels(channels: int) -> list[int]:
    """Channels that a tile may have: tiles are of one size."""
    return [n for n in range(_FOUR, channels + 1, _FOUR) if channels % n == 0]


def _pair_kernels(
    tile: _Tile, expansions: Sequence[Kernel], depthwise: Sequence[Kernel]
) -> Iterator[tuple[GemmKernel, PlanarKernel]]:
    """For each scratch that makes a difference, the fastest two kernels that keep within it."""
    least = float("inf")
    gemms = [(_estimate_expansion(k, tile), k) for k in expansions if isinstance(k, GemmKernel)]
    planes = [(_estimate_depthwise(k, tile), k) for k in depthwise if isinstance(k, PlanarKernel)]
    for limit in sorted({k.scratch_bytes for _, k in (*gemms, *planes)}):
        gemm = _fastest(gemms, limit)
        plane = _fastest(planes, limit)
        if gemm and plane and gemm[0] + plane[0] < _WORTH * least:
            least = gemm[0] + plane[0]
            yield gemm[1], plane[1]


def _fastest(costs: Sequence[tuple[float, K]], limit: int) -> tuple[float, K] | None:
    fitting = (pair for pair in costs if pair[1].scratch_bytes <= limit)
    return min(fitting, key=lambda pair: pair[0], default=None)


def _keep_useful(
    kernels: Sequence[TiledKernel],
    cost: Callable[[TiledKernel, int], float],
    sizes: Sequence[int],
) -> list[TiledKernel]:
    """Those that take fewer instructions than all of less scratch, for calls of some size."""
    kept = []
    least = dict.fromkeys(sizes, float("inf"))
    for kernel in sorted(kernels, key=lambda kernel: kernel.scratch_bytes):
        costs = {rows: cost(kernel, rows) for rows in sizes}
        if any(costs[rows] < _WORTH * least[rows] for rows in sizes):
            kept.append(kernel)
            least = {rows: min(costs[rows], least[rows]) for rows in sizes}
    return kept


@lru_cache(maxsize=256)
def _make_tile(op: ExpandedDepthwiseConv2D, graph: Graph, band: int, channels: int) -> _Tile:
    """A band of so many output rows, of the first channels."""
    (narrow,), (wide,), (result,) = op.inputs, op.expansion.outputs, op.outputs
    rows = (band - 1) * op.depthwise.stride[0] + op.depthwise.kernel[0]
    _, width, depth = graph.tensors[narrow].rows
    _, out_width, _ = graph.tensors[result].rows
    tensors = list(graph.tensors)
    for tensor, shape in (
        (narrow, (1, rows, width, depth)),
        (wide, (1, rows, width, channels)),
        (result, (1, band, out_width, channels)),
    ):
        tensors[tensor] = replace(tensors[tensor], shape=shape)
    _, left, _, right = op.depthwise.padding
    depthwise = replace(_take_channels(op.depthwise, channels), padding=(0, left, 0, right))
    expansion = _take_channels(op.expansion, channels)
    return _Tile(replace(graph, tensors=tuple(tensors)), expansion, depthwise, rows, band)


def _take_channels(op: C, count: int) -> C:
    """A convolution of the first channels."""
    return replace(
        op,
        weights=op.weights.take(range(count), op.channel_axis),
        **{
            name: getattr(op, name)[:count]
            for name in ("bias", "multiplier", "shift", "low", "high")
        },
    )
