"""TFLite's builtin operators: their numbers, versions and options.

Options are given as a mapping of the schema's field names and become a flatbuffer table.
"""

from __future__ import annotations

import numbers
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tflite
from flatbuffers import Builder

OptionValue = bool | int | float | str | Sequence[int]

# Builtins whose options are not called after them.
_SHARED_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
}

# The first version of each operator that takes int8; the others take it from version 1 on.
# Source: tensorflow/lite/tools/versioning/op_version.cc.
_INT8_VERSIONS = {
    "BROADCAST_TO": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FLOOR_DIV": 3,
    "FULLY_CONNECTED": 4,
    "REVERSE_V2": 3,
    "SVDF": 3,
} | dict.fromkeys(
    (
        *("ABS", "ADD", "ARG_MAX", "ARG_MIN", "AVERAGE_POOL_2D", "BATCH_MATMUL"),
        *(
            "BATCH_TO_SPACE_ND",
            "CONCATENATION",
            "DEQUANTIZE",
            "EQUAL",
            "FLOOR_MOD",
        ),
        *(
            "GATHER",
            "GREATER",
            "GREATER_EQUAL",
            "L2_NORMALIZATION",
            "LESS",
            "LESS_EQUAL",
            "LOGISTIC",
        ),
        *("LOG_SOFTMAX", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL"),
        *("NOT_EQUAL", "PACK", "PAD", "PADV2", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6"),
        *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SELECT", "SLICE", "SOFTMAX"),
        *("SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "SUB", "SUM"),
        *("TANH", "TOPK_V2", "TRANSPOSE", "TRANSPOSE_CONV", "UNPACK"),
    ),
    2,
)

# The same for int16.
_INT16_VERSIONS = {
    "ADD": 4,
    "AVERAGE_POOL_2D": 3,
    "BATCH_MATMUL": 3,
    "BROADCAST_TO": 3,
    "CONCATENATION": 3,
    "CONV_2D": 5,
    "DEPTHWISE_CONV_2D": 5,
    "DEQUANTIZE": 4,
    "FULLY_CONNECTED": 7,
    "GATHER": 4,
    "LEAKY_RELU": 2,
    "LOGISTIC": 3,
    "MAXIMUM": 4,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "MINIMUM": 4,
    "MIRROR_PAD": 3,
    "MUL": 5,
    "PACK": 3,
    "PAD": 3,
    "PADV2": 3,
    "QUANTIZE": 2,
    "RELU": 3,
    "RELU6": 3,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "REVERSE_V2": 3,
    "SLICE": 4,
    "SOFTMAX": 3,
    "SPLIT": 4,
    "SPLIT_V": 2,
    "SQUARED_DIFFERENCE": 2,
    "STRIDED_SLICE": 4,
    "SUB": 5,
    "TANH": 3,
    "TRANSPOSE": 4,
    "TRANSPOSE_CONV": 3,
    "UNPACK": 4,
}

# Enumerations by the field that takes them.
_ENUMS = {
    "Padding": tflite.Padding,
    "FusedActivationFunction": tflite.ActivationFunctionType,
    "WeightsFormat": tflite.FullyConnectedOptionsWeightsFormat,
    "Mode": tflite.MirrorPadMode,
    "KernelType": tflite.LSTMKernelType,
    "InDataType": tflite.TensorType,
    "OutDataType": tflite.TensorType,
    "OutType": tflite.TensorType,
    "OutputType": tflite.TensorType,
    "QuantizedBiasType": tflite.TensorType,
}

# Fields of text.
_TEXTS = ("Container", "SharedName")

# Options that their operator cannot do without; every other field has a default in the schema.
_REQUIRED = {
    "Conv2DOptions": ("Padding", "StrideH", "StrideW"),
    "DepthwiseConv2DOptions": ("Padding", "StrideH", "StrideW", "DepthMultiplier"),
    "Pool2DOptions": ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth"),
    "TransposeConvOptions": ("Padding", "StrideH", "StrideW"),
    "SoftmaxOptions": ("Beta",),
}


def _members(enum: type) -> dict[str, int]:
    return {name: value for name, value in vars(enum).items() if not name.startswith("_")}


_BUILTINS = _members(tflite.BuiltinOperator)
_UNION = {name.lower(): (name, value) for name, value in _members(tflite.BuiltinOptions).items()}


def find_builtin(builtin: str) -> int:
    """The number of a builtin operator in TFLite's schema.

    Raises:
        ValueError: There is no such builtin.
    """
    if builtin not in _BUILTINS:
        raise ValueError(f"{builtin!r} is not a builtin operator of TFLite's schema")
    return _BUILTINS[builtin]


def first_version(builtin: str, dtype: str) -> int:
    """The first version of an operator that takes tensors of a type."""
    return {"int8": _INT8_VERSIONS, "int16": _INT16_VERSIONS}.get(dtype, {}).get(builtin, 1)


def options_table(builtin: str) -> tuple[str, int]:
    """The name of the operator's options table and its number in the union BuiltinOptions.

    Returns:
        ("", 0) for an operator without options.
    """
    name = _SHARED_OPTIONS.get(builtin, builtin.replace("_", "") + "Options")
    return _UNION.get(name.lower(), ("", 0))


def list_fields(table: str) -> tuple[str, ...]:
    """Names of the fields of an options table, in the schema's order."""
    pattern = re.compile(rf"{table}Add(\w+)")
    return tuple(m[1] for m in map(pattern.fullmatch, vars(tflite)) if m)


def write_options(builder: Builder, builtin: str, options: Mapping[str, OptionValue]) -> int:
    """Serializes the options of an operator.

    Args:
        builder: No table may be open in it.
        builtin: Name of the operator.
        options: Values by field name (CamelCase, as the `tflite` package spells it): numbers,
            bools, the names of enumerators ("SAME", "RELU", "INT8"), text or sequences of int for
            vectors of int32. Fields left out get the schema's default.

    Returns:
        The table's offset; 0 for an operator without options.

    Raises:
        ValueError: An unknown or missing field, or a value that the field cannot take.
    """
    table, _ = options_table(builtin)
    if not table:
        if options:
            raise ValueError(f"{builtin} takes no options, got {sorted(options)}")
        return 0
    fields = list_fields(table)
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise ValueError(f"{builtin} has no option {', '.join(unknown)}; {table} has {fields}")
    missing = [name for name in _REQUIRED.get(table, ()) if name not in options]
    if missing:
        raise ValueError(f"{builtin} needs the option {', '.join(missing)}")
    values = {
        name: _resolve_value(builder, table, name, options[name])
        for name in fields
        if name in options
    }
    _call(f"{table}Start")(builder)
    for name, value in values.items():
        try:
            _call(f"{table}Add{name}")(builder, value)
        except (TypeError, ArithmeticError) as error:
            raise ValueError(f"{builtin}: {name} cannot be {options[name]!r}") from error
    return int(_call(f"{table}End")(builder))


def _call(name: str) -> Any:
    return getattr(tflite, name)


def _resolve_value(builder: Builder, table: str, name: str, value: OptionValue) -> float:
    """A number for a scalar field, an offset for a vector."""
    start_vector = getattr(tflite, f"{table}Start{name}Vector", None)
    if start_vector is not None:
        if isinstance(value, (str, numbers.Number)):
            raise ValueError(f"{table}.{name} is a vector, got {value!r}")
        numbers_ = [int(v) for v in value]  # type: ignore[union-attr]
        start_vector(builder, len(numbers_))
        for number in reversed(numbers_):
            builder.PrependInt32(number)
        return int(builder.EndVector())
    if isinstance(value, str):
        if name in _TEXTS:
            return int(builder.CreateString(value))
        members = _members(_ENUMS[name]) if name in _ENUMS else {}
        if value not in members:
            choice = f"one of {', '.join(members)}" if members else "a number"
            raise ValueError(f"{table}.{name} must be {choice}, got {value!r}")
        return members[value]
    if not isinstance(value, numbers.Real):
        raise ValueError(f"{table}.{name} is a scalar, got {value!r}")  # noqa: TRY004 - one type for all misuse
    return value  # type: ignore[return-value]
