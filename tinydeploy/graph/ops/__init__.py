"""The ops of the graph, one per file; importing this package registers all of them."""

from tinydeploy.graph.op import OPS, WIDE_OPS
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.ops.arg_extreme import ArgExtreme
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D
from tinydeploy.graph.ops.batch_matmul import BatchMatmul
from tinydeploy.graph.ops.batch_matmul_wide import BatchMatmulWide
from tinydeploy.graph.ops.compare import Compare
from tinydeploy.graph.ops.concatenation import Concatenation
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.conv_2d_wide import Conv2DWide
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.depthwise_conv_2d_wide import DepthwiseConv2DWide
from tinydeploy.graph.ops.div import Div
from tinydeploy.graph.ops.extremum_wide import ExtremumWide
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.fully_connected_wide import FullyConnectedWide
from tinydeploy.graph.ops.gather import Gather
from tinydeploy.graph.ops.grouped_conv_2d import GroupedConv2D
from tinydeploy.graph.ops.l2_normalization import L2Normalization
from tinydeploy.graph.ops.log_softmax import LogSoftmax
from tinydeploy.graph.ops.logical import Logical, LogicalNot
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.lstm import Lstm
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.mean import Mean
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mirror_pad import MirrorPad
from tinydeploy.graph.ops.move import Move
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.ops.mul_wide import MulWide
from tinydeploy.graph.ops.pack import Pack
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.ops.pool_2d_wide import Pool2DWide
from tinydeploy.graph.ops.prelu import Prelu
from tinydeploy.graph.ops.reduce import Reduce
from tinydeploy.graph.ops.reduce_wide import ExtremeWide, MeanWide
from tinydeploy.graph.ops.requantize import Requantize
from tinydeploy.graph.ops.reshape import Reshape
from tinydeploy.graph.ops.resize_bilinear import ResizeBilinear
from tinydeploy.graph.ops.resize_bilinear_wide import ResizeBilinearWide
from tinydeploy.graph.ops.resize_nearest_neighbor import ResizeNearestNeighbor
from tinydeploy.graph.ops.select import Select
from tinydeploy.graph.ops.sigmoid_wide import SigmoidWide
from tinydeploy.graph.ops.slopes_wide import SlopesWide
from tinydeploy.graph.ops.softmax import Softmax
from tinydeploy.graph.ops.softmax_wide import SoftmaxWide
from tinydeploy.graph.ops.space_to_depth import DepthToSpace, SpaceToDepth
from tinydeploy.graph.ops.split import Split, SplitV, Unpack
from tinydeploy.graph.ops.squared_difference import SquaredDifference
from tinydeploy.graph.ops.strided_slice import ReverseV2, Slice, StridedSlice
from tinydeploy.graph.ops.sub import Sub
from tinydeploy.graph.ops.sum_wide import SumWide
from tinydeploy.graph.ops.svdf import Svdf
from tinydeploy.graph.ops.tile import Tile
from tinydeploy.graph.ops.transpose import Transpose
from tinydeploy.graph.ops.transpose_conv import TransposeConv
from tinydeploy.graph.ops.transpose_conv_wide import TransposeConvWide
from tinydeploy.graph.ops.variable import AssignVariable, ReadVariable

__all__ = [
    "OPS",
    "WIDE_OPS",
    "Add",
    "ArgExtreme",
    "AssignVariable",
    "AveragePool2D",
    "BatchMatmul",
    "BatchMatmulWide",
    "Compare",
    "Concatenation",
    "Conv2D",
    "Conv2DWide",
    "DepthToSpace",
    "DepthwiseConv2D",
    "DepthwiseConv2DWide",
    "Div",
    "ExtremeWide",
    "ExtremumWide",
    "FullyConnected",
    "FullyConnectedWide",
    "Gather",
    "GroupedConv2D",
    "L2Normalization",
    "LogSoftmax",
    "Logical",
    "LogicalNot",
    "Lookup",
    "Lstm",
    "MaxPool2D",
    "Maximum",
    "Mean",
    "MeanWide",
    "Minimum",
    "MirrorPad",
    "Move",
    "Mul",
    "MulWide",
    "Pack",
    "Pad",
    "Pool2DWide",
    "Prelu",
    "ReadVariable",
    "Reduce",
    "Requantize",
    "Reshape",
    "ResizeBilinear",
    "ResizeBilinearWide",
    "ResizeNearestNeighbor",
    "ReverseV2",
    "Select",
    "SigmoidWide",
    "Slice",
    "SlopesWide",
    "Softmax",
    "SoftmaxWide",
    "SpaceToDepth",
    "Split",
    "SplitV",
    "SquaredDifference",
    "StridedSlice",
    "Sub",
    "SumWide",
    "Svdf",
    "Tile",
    "Transpose",
    "TransposeConv",
    "TransposeConvWide",
    "Unpack",
]
