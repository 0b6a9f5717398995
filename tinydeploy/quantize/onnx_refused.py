"""ONNX operators that cannot be quantized, and what to do instead."""

from __future__ import annotations

from tinydeploy.quantize.onnx_reader import Node, UnsupportedNodeError

_RECURRENT = "it keeps state from step to step: use convolutions over time"
_CHOICE = "make the scores the output, and let the application choose"
_QOPERATOR = "quantize with quant_format=QuantFormat.QDQ, whose operators are read"
_NORMALIZATION = "use BatchNormalization, which goes into the convolution in front"
_COMPARISON = "compare outside of the network: int8 has no truth values"
_OUTSIDE = "compute it outside of the network"

ADVICE = {
    "ArgMax": _CHOICE,
    "ArgMin": _CHOICE,
    "Attention": "products of activations cannot be quantized: use convolutions",
    "Ceil": _OUTSIDE,
    "ConvInteger": _QOPERATOR,
    "Cos": _OUTSIDE,
    "CumSum": _OUTSIDE,
    "DynamicQuantizeLinear": "quantize statically: onnxruntime's quantize_static",
    "Einsum": "write it as Conv, Gemm, Mul and Transpose",
    "Elu": "use LeakyRelu, HardSwish or Gelu",
    "Equal": _COMPARISON,
    "Erf": "within a GELU it is read; use that, or Tanh",
    "Expand": "let Add, Mul and their like broadcast",
    "Floor": _OUTSIDE,
    "GRU": _RECURRENT,
    "GatherElements": "gather with one list of constant indices",
    "GatherND": "gather with one list of constant indices",
    "Greater": _COMPARISON,
    "GreaterOrEqual": _COMPARISON,
    "GridSample": "use Resize",
    "GroupNormalization": _NORMALIZATION,
    "If": "export the branch that is taken",
    "InstanceNormalization": _NORMALIZATION,
    "LRN": _NORMALIZATION,
    "LSTM": _RECURRENT,
    "LayerNormalization": _NORMALIZATION,
    "Less": _COMPARISON,
    "LessOrEqual": _COMPARISON,
    "Log": _OUTSIDE,
    "LogSoftmax": "leave it out: what goes into it has the same order",
    "Loop": "export it unrolled",
    "LpNormalization": _OUTSIDE,
    "MatMulInteger": _QOPERATOR,
    "Mish": "use x * Sigmoid(x), which is SiLU, or HardSwish",
    "MaxRoiPool": _OUTSIDE,
    "NonMaxSuppression": "export up to the boxes and scores, and let the application choose",
    "NonZero": _OUTSIDE,
    "OneHot": _OUTSIDE,
    "QLinearAdd": _QOPERATOR,
    "QLinearConv": _QOPERATOR,
    "QLinearMatMul": _QOPERATOR,
    "RNN": _RECURRENT,
    "ReduceL2": _OUTSIDE,
    "ReduceMax": "use GlobalMaxPool for height and width",
    "ReduceMin": "use GlobalMaxPool of what is negated",
    "ReduceSum": "use ReduceMean times the number of elements",
    "RoiAlign": _OUTSIDE,
    "Round": _OUTSIDE,
    "Scan": _RECURRENT,
    "ScatterElements": "write the whole tensor at once: Concat, Where on constants",
    "ScatterND": "write the whole tensor at once: Concat, Where on constants",
    "Selu": "use LeakyRelu, HardSwish or Gelu",
    "Sin": _OUTSIDE,
    "Softplus": "use Relu, or x * Sigmoid(x), which is SiLU",
    "Softsign": "use Tanh",
    "Sqrt": _OUTSIDE,
    "Tile": "let Add, Mul and their like broadcast, or use Resize or Concat",
    "TopK": _CHOICE,
    "Upsample": "export with opset 11 or later, which has Resize",
    "Where": "mask by Mul with a constant",
}

# Those whose output has the shape of the first input.
KEEPS_SHAPE = frozenset(
    (
        *("Ceil", "Cos", "CumSum", "Elu", "Erf", "Floor", "GroupNormalization"),
        *("InstanceNormalization", "LRN", "LayerNormalization", "Log", "LogSoftmax"),
        *("LpNormalization", "Mish", "Round", "Selu", "Sin", "Softplus", "Softsign", "Sqrt"),
    )
)


def refuse_node(node: Node) -> UnsupportedNodeError:
    """Why an operator that nothing reads cannot be quantized."""
    if "." in node.op:
        domain = node.op.rpartition(".")[0]
        return UnsupportedNodeError(
            f"operators of {domain} are not ONNX's own", "export with standard operators alone"
        )
    return UnsupportedNodeError("operator not supported", ADVICE.get(node.op, ""))
