"""SUM of int8, which LiteRT's reference gets wrong, as operators that it gets right.

The kernel adds bytes as if they were unsigned. LiteRT's other kernels, and TFLite Micro, compute
what a convolution of 1x1 pixels with weights of 1 does: the same sum, multiplied by s_i / s_o and
rounded twice. So for the reference a SUM is spelled TRANSPOSE, RESHAPE, CONV_2D, RESHAPE.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinydeploy.errors import TinydeployError
from tinydeploy.graph.tflite_file import parse_tflite


def spell_sums(model: bytes) -> bytes:
    """A copy without SUM of int8; tensors keep their ids, others are behind them.

    Args:
        model: A .tflite file. One that cannot be read stays as it is: the interpreter says why.
    """
    try:
        file = parse_tflite(model)
    except TinydeployError:
        return model
    if not any(operator.builtin == "SUM" for operator in file.operators):
        return model
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    root = schema.ModelT.InitFromPackedBuf(model, 0)
    spelling = _Spelling(schema, root)
    operators = []
    for operator, record in zip(root.subgraphs[0].operators, file.operators, strict=True):
        wrong = record.builtin == "SUM" and file.tensors[record.inputs[0]].dtype == "int8"
        operators += spelling.spell(operator) if wrong else [operator]
    root.subgraphs[0].operators = operators
    builder = flatbuffers.Builder(len(model))
    builder.Finish(root.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Spelling:
    """Adds to a model in the form of the schema's objects.

    Args:
        schema: The module of these objects.
        root: The model.
    """

    def __init__(self, schema: Any, root: Any) -> None:
        self.schema, self.root = schema, root
        self.tensors = root.subgraphs[0].tensors

    def spell(self, operator: Any) -> list[Any]:
        """The operators in the place of a SUM."""
        source, (output,) = int(operator.inputs[0]), operator.outputs
        shape = [int(n) for n in self.tensors[source].shape]
        axes = self._numbers(int(operator.inputs[1]))
        taken = sorted({axis % len(shape) for axis in axes})
        order = [d for d in range(len(shape)) if d not in taken] + taken
        depth = math.prod(shape[d] for d in taken)
        image = [1, 1, math.prod(shape) // depth, depth]
        turned = self._activation([shape[d] for d in order], source)
        flat = self._activation(image, source)
        sums = self._activation([*image[:3], 1], int(output))
        weights = self._constant(np.ones((1, 1, 1, depth), np.int8), 1.0)
        bias = self._constant(np.zeros(1, np.int32), float(self._scale(source)))
        window = self.schema.Conv2DOptionsT()
        window.padding = self.schema.Padding.VALID
        window.strideH = window.strideW = 1
        return [
            self._operator("TRANSPOSE", [source, self._integers(order)], turned),
            self._operator("RESHAPE", [turned, self._integers(image)], flat),
            self._operator("CONV_2D", [flat, weights, bias], sums, window),
            self._operator(
                "RESHAPE",
                [sums, self._integers(self.tensors[output].shape)],
                int(output),
            ),
        ]

    def _numbers(self, tensor: int) -> list[int]:
        record = self.tensors[tensor]
        wide = record.type == self.schema.TensorType.INT64
        data = bytes(bytearray(self.root.buffers[record.buffer].data))
        return [int(n) for n in np.frombuffer(data, np.int64 if wide else np.int32)]

    def _scale(self, tensor: int) -> float:
        return float(self.tensors[tensor].quantization.scale[0])

    def _activation(self, shape: list[int], like: int) -> int:
        """A tensor that quantizes as another one."""
        return self._tensor(shape, "INT8", self.tensors[like].quantization, 0)

    def _integers(self, values: Any) -> int:
        return self._constant(np.array(values, np.int32))

    def _constant(self, values: Any, scale: float | None = None) -> int:
        quantization = None
        if scale is not None:
            quantization = self.schema.QuantizationParametersT()
            quantization.scale = np.array([scale], np.float32)
            quantization.zeroPoint = np.zeros(1, np.int64)
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.root.buffers.append(buffer)
        name = values.dtype.name.upper()
        return self._tensor(list(values.shape), name, quantization, len(self.root.buffers) - 1)

    def _tensor(self, shape: list[int], dtype: str, quantization: Any, buffer: int) -> int:
        tensor = self.schema.TensorT()
        tensor.shape = np.array(shape, np.int32)
        tensor.type = getattr(self.schema.TensorType, dtype)
        tensor.quantization, tensor.buffer, tensor.name = quantization, buffer, ""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _operator(self, builtin: str, inputs: list[int], output: int, window: Any = None) -> Any:
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, builtin)
        code.deprecatedBuiltinCode = code.builtinCode
        code.version = 3 if builtin == "CONV_2D" else 1  # the first that takes int8
        self.root.operatorCodes.append(code)
        operator = self.schema.OperatorT()
        operator.opcodeIndex = len(self.root.operatorCodes) - 1
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        if window is not None:
            operator.builtinOptionsType = self.schema.BuiltinOptions.Conv2DOptions
            operator.builtinOptions = window
        return operator
