"""Tells a float .tflite from an int8 one."""

from __future__ import annotations

from tinydeploy.graph.tflite_file import parse_tflite


def is_float(data: bytes) -> bool:
    """Whether a .tflite computes with real numbers: it takes float32 and quantizes nothing.

    Raises:
        InputFileError: It is no .tflite file, or a damaged one.
        UnsupportedModelError: It has several subgraphs or too many parts.
    """
    file = parse_tflite(data)
    quantizes = any(operator.builtin == "QUANTIZE" for operator in file.operators)
    return not quantizes and any(file.tensors[i].dtype == "float32" for i in file.inputs)
