"""The ops of the graph, one per file; importing this package registers all of them."""

from tinydeploy.graph.op import OPS, WIDE_OPS
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.ops.arg_extreme import ArgExtreme
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D
from tinydeploy.graph.ops.concatenation import Concatenation
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.gather import Gather
from tinydeploy.graph.ops.grouped_conv_2d import GroupedConv2D
from tinydeploy.graph.ops.l2_normalization import L2Normalization
from tinydeploy.graph.ops.log_softmax import LogSoftmax
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.mean import Mean
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mirror_pad import MirrorPad
from tinydeploy.graph.ops.move import Move
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.ops.pack import Pack
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.ops.prelu import Prelu
from tinydeploy.graph.ops.reduce import Reduce
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.ops.resize_bilinear import ResizeBilinear
from tinydeploy.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.graph.ops.space_to_depth import DepthToSpace, SpaceToDepth
from tinydeploy.graph.ops.split import Split, SplitV, Unpack
from tinydeploy.graph.ops.squared_difference import SquaredDifference
from tinydeploy.graph.ops.strided_slice import ReverseV2, Slice, StridedSlice
from tinydeploy.graph.ops.sub import Sub
from tinydeploy.graph.ops.tile import Tile
from tinydeploy.graph.ops.transpose import Transpose
from tinydeploy.graph.ops.transpose_conv import TransposeConv

__all__ = [
    "OPS",
    "WIDE_OPS",
    "Add",
    "ArgExtreme",
    "AveragePool2D",
    "Concatenation",
    "Conv2D",
    "DepthToSpace",
    "DepthwiseConv2D",
    "FullyConnected",
    "Gather",
    "GroupedConv2D",
    "L2Normalization",
    "LogSoftmax",
    "Lookup",
    "MaxPool2D",
    "Maximum",
    "Mean",
    "Minimum",
    "MirrorPad",
    "Move",
    "Mul",
    "Pack",
    "Pad",
    "Prelu",
    "Reduce",
    "Reshape",
    "ResizeBilinear",
    "ResizeNearestNeighbor",
    "ReverseV2",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "SplitV",
    "SquaredDifference",
    "StridedSlice",
    "Sub",
    "Tile",
    "Transpose",
    "TransposeConv",
    "Unpack",
]
