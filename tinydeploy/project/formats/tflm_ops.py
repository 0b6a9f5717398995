"""Which operators a model has, and what TensorFlow Lite Micro calls them."""

from __future__ import annotations

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.tflite_file import TfliteFile

# Those that MicroMutableOpResolver has a function for, by their names in the schema; from
# tensorflow/lite/micro/micro_mutable_op_resolver.h of tflite-micro 90b983c, 2026-08-20.
_KNOWN = frozenset(
    """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND
    BROADCAST_ARGS BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL
    EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
    GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
    LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM
    MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX
    REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT
    SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV
    UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
    """.split()  # noqa: SIM905 - a hundred quoted words would fill a screen
)
# They need an object of their own beside the interpreter.
_VARIABLES = frozenset({"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"})
_ENDS = frozenset({"int8", "int16", "int32", "int64"})
_IRREGULAR = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}


def list_operators(file: TfliteFile) -> tuple[str, ...]:
    """Names of a model's operators in the schema, each once, sorted.

    Raises:
        UnsupportedModelError: TensorFlow Lite Micro lacks one, or a program for it would be
            another than ours.
    """
    names = sorted({operator.builtin for operator in file.operators})
    missing = [name for name in names if name not in _KNOWN]
    if missing:
        raise UnsupportedModelError(
            f"TensorFlow Lite Micro has no {', '.join(missing)}, which the model contains",
            "The other formats do: --format library.",
        )
    variables = [name for name in names if name in _VARIABLES]
    if variables:
        raise UnsupportedModelError(
            f"--format tflm writes no program for models with variables ({', '.join(variables)})",
            "The other formats do: --format library.",
        )
    ends = {file.tensors[tensor].dtype for tensor in (*file.inputs, *file.outputs)}
    if not ends <= _ENDS:
        raise UnsupportedModelError(
            f"--format tflm writes no program for inputs or outputs of {', '.join(ends - _ENDS)}",
            "Convert the model with inference_input_type = inference_output_type = tf.int8, or"
            " take another format: --format library.",
        )
    return tuple(names)


def resolver_name(builtin: str) -> str:
    """What follows `Add` in the name of the resolver's function for an operator."""
    parts = (part if part[0].isdigit() else part.capitalize() for part in builtin.split("_"))
    return _IRREGULAR.get(builtin) or "".join(parts)
