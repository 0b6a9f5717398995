"""A float network once more, as TensorFlow operators, for TensorFlow's own converter.

Built node by node from the ONNX graph, as somebody would write it in TensorFlow: channels last,
convolutions with padding SAME where it is that, ReLU6 and hard-swish as TensorFlow has them. The
twin's outputs can be compared with onnxruntime's.

An ONNX tensor of rank 3 and more, whose last two axes are height and width, is held with these two
moved behind the batch.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.quantize.same_padding import same_padding

Values = NDArray[np.float32]


class TfTwin:
    """The network as a TensorFlow function with a batch of one.

    Args:
        onnx_model: A float network with one input and one output; its batch is free or one.

    Raises:
        UnsupportedModelError: It has an operator that is not mapped here.
    """

    def __init__(self, onnx_model: bytes) -> None:
        import tensorflow as tf

        self._tf = tf
        graph = simplify_onnx(onnx_model).graph
        self._constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self._nodes = list(graph.node)
        missing = {node.op_type for node in self._nodes} - set(_OPERATORS)
        if missing:
            raise UnsupportedModelError(
                f"the twin has no TensorFlow operators for {', '.join(sorted(missing))}"
            )
        (source,) = (v for v in graph.input if v.name not in self._constants)
        self._input, self._output = source.name, graph.output[0].name
        shape = [1, *(d.dim_value for d in source.type.tensor_type.shape.dim[1:])]
        stored = [shape[axis] for axis in _stored_order(len(shape))]
        self._signature = tf.TensorSpec(stored, tf.float32)
        self._function = tf.function(self._call, input_signature=[self._signature])

    def run(self, inputs: Values) -> Values:
        """The outputs [n, ...], channels last, for inputs [n, C, ...]."""
        return np.concatenate([self._function(x).numpy() for x in _store_each(inputs)])

    def convert(self, calibration: Values) -> bytes:
        """The int8 .tflite that TFLiteConverter makes of it.

        Args:
            calibration: float32 [n, C, ...].
        """
        tf = self._tf
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [self._function.get_concrete_function()]
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([x] for x in _store_each(calibration))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of statistics that it then measures
            tflite: bytes = converter.convert()
        return tflite

    def _call(self, x: Any) -> Any:
        values = {self._input: x}
        for node in self._nodes:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            operands = [
                values[name] if name in values else self._constants.get(name) for name in node.input
            ]
            results = _OPERATORS[node.op_type](self._tf, operands, attributes)
            results = results if isinstance(results, list) else [results]
            values.update(zip(node.output, results, strict=True))
        return values[self._output]


def simplify_onnx(onnx_model: bytes) -> Any:
    """The graph for a batch of one, what is constant then computed, BN folded, by onnxruntime."""
    model = onnx.load_model_from_string(onnx_model)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "simple.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.load(str(path))


def _stored_order(rank: int) -> tuple[int, ...]:
    """The ONNX axis at each place of a tensor as held here."""
    if rank < 3:
        return tuple(range(rank))
    return 0, rank - 2, rank - 1, *range(1, rank - 2)


def _store_each(inputs: Values) -> list[Values]:
    """Each input as held here, with a batch of one."""
    order = _stored_order(inputs.ndim)
    return [np.ascontiguousarray(x[None].transpose(order)) for x in inputs]


def _axis(axis: int, rank: int) -> int:
    """Where an ONNX axis is held."""
    return _stored_order(rank).index(axis % rank)


def _conv(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    x, weights, *rest = operands
    groups = attributes.get("group", 1)
    strides = attributes.get("strides", [1, 1])
    dilations = attributes.get("dilations", [1, 1])
    x, padding = _pad_window(tf, x, weights.shape[2:], strides, dilations, attributes)
    if groups == 1:
        y = tf.nn.conv2d(x, weights.transpose(2, 3, 1, 0), strides, padding, dilations=dilations)
    elif groups == x.shape[-1] and weights.shape[1] == 1:
        kernel = weights.reshape(groups, -1, *weights.shape[2:]).transpose(2, 3, 0, 1)
        y = tf.nn.depthwise_conv2d(x, kernel, [1, *strides, 1], padding, dilations=dilations)
    else:
        raise UnsupportedModelError(f"the twin has no convolution in {groups} groups")
    return tf.nn.bias_add(y, rest[0]) if rest else y


def _max_pool(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    # What is padded with zeros has come out of a ReLU in the networks at hand; the comparison of
    # outputs would tell if not.
    x, padding = _pad_window(tf, operands[0], kernel, strides, [1, 1], attributes)
    return tf.nn.max_pool2d(x, kernel, strides, padding)


def _pad_window(
    tf: Any,
    x: Any,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    attributes: dict[str, Any],
) -> tuple[Any, str]:
    """The input, padded where SAME will not do, and the padding to ask for."""
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    if attributes.get("ceil_mode"):
        for k in (0, 1):
            size = x.shape[1 + k] + pads[k] + pads[2 + k] - kernel[k]
            pads[2 + k] += -size % strides[k]
    vertical, horizontal = ((pads[0], pads[2]), (pads[1], pads[3]))
    same = [same_padding(x.shape[1 + k], kernel[k], strides[k], dilations[k]) for k in (0, 1)]
    if not any(pads):
        return x, "VALID"
    if same == [vertical, horizontal]:
        return x, "SAME"
    return tf.pad(x, [[0, 0], vertical, horizontal, [0, 0]]), "VALID"


def _average(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    axes = operands[1] if len(operands) > 1 else attributes.get("axes", [2, 3])
    assert sorted(axis % 4 for axis in axes) == [2, 3]
    return tf.reduce_mean(operands[0], [1, 2], keepdims=bool(attributes.get("keepdims", 1)))


def _average_pool(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    kernel, strides = attributes["kernel_shape"], attributes.get("strides", [1, 1])
    x, padding = _pad_window(tf, operands[0], kernel, strides, [1, 1], attributes)
    assert padding == "VALID" or not attributes.get("count_include_pad")
    return tf.nn.avg_pool2d(x, kernel, strides, padding)


def _clip(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    low, high = (float(bound) for bound in operands[1:3])
    if (low, high) == (0.0, 6.0):
        return tf.nn.relu6(operands[0])
    return tf.clip_by_value(operands[0], low, high)


def _gemm(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    x, weights, *rest = operands
    weights = weights.T if attributes.get("transB") else weights
    y = tf.matmul(x, weights)
    return tf.nn.bias_add(y, rest[0].ravel()) if rest else y


def _reshape(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    x, shape = operands
    order = _stored_order(len(x.shape))
    before = [x.shape[order.index(axis)] for axis in range(len(order))]
    after = [before[k] if size == 0 else int(size) for k, size in enumerate(shape)]
    if -1 in after:
        rest = -int(np.prod(after))
        after[after.index(-1)] = int(np.prod(before)) // rest
    wanted = _stored_order(len(after))
    if len(before) > 2 and len(after) > 2 and before[-2:] == after[-2:]:
        return tf.reshape(x, [after[axis] for axis in wanted])
    if len(before) > 2 and before[-2:] != [1, 1]:
        x = tf.transpose(x, np.argsort(order))
    y = tf.reshape(x, after)
    return tf.transpose(y, wanted) if len(after) > 2 else y


def _flatten(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    return _reshape(tf, [operands[0], [1, -1]], attributes)


def _transpose(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    order = _stored_order(len(operands[0].shape))
    moves = attributes["perm"]
    return tf.transpose(operands[0], [order.index(moves[axis]) for axis in order])


def _concat(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    return tf.concat(list(operands), _axis(attributes["axis"], len(operands[0].shape)))


def _split(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> list[Any]:
    axis = _axis(attributes.get("axis", 0), len(operands[0].shape))
    return list(tf.split(operands[0], [int(size) for size in operands[1]], axis))


def _slice(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    x, starts, ends, axes = operands[:4]
    found = [slice(None)] * len(x.shape)
    for start, end, axis in zip(starts, ends, axes, strict=True):
        place = _axis(int(axis), len(x.shape))
        found[place] = slice(int(start), min(int(end), x.shape[place]))
    return x[tuple(found)]


def _pad(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
    rank = len(operands[0].shape)
    amounts = np.asarray(operands[1]).reshape(2, rank).T
    return tf.pad(operands[0], amounts[list(_stored_order(rank))])


def _binary(name: str) -> Callable[[Any, Sequence[Any], dict[str, Any]], Any]:
    def apply(tf: Any, operands: Sequence[Any], attributes: dict[str, Any]) -> Any:
        held = [
            o.transpose(_stored_order(o.ndim)) if isinstance(o, np.ndarray) else o for o in operands
        ]
        return getattr(tf, name)(*held)

    return apply


_OPERATORS: dict[str, Callable[[Any, Sequence[Any], dict[str, Any]], Any]] = {
    "Add": _binary("add"),
    "AveragePool": _average_pool,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _average,
    "HardSigmoid": lambda tf, o, a: tf.nn.relu6(o[0] + 3.0) * (1 / 6),
    "HardSwish": lambda tf, o, a: o[0] * tf.nn.relu6(o[0] + 3.0) * (1 / 6),
    "MaxPool": _max_pool,
    "Mul": _binary("multiply"),
    "Pad": _pad,
    "ReduceMean": _average,
    "Relu": lambda tf, o, a: tf.nn.relu(o[0]),
    "Reshape": _reshape,
    "Slice": _slice,
    "Softmax": lambda tf, o, a: tf.nn.softmax(o[0]),
    "Split": _split,
    "Transpose": _transpose,
}
