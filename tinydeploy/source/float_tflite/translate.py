"""The walk over a float .tflite's operators, and the check that ONNX computes what LiteRT does."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

import tinydeploy.source.float_tflite.elementwise
import tinydeploy.source.float_tflite.movement
import tinydeploy.source.float_tflite.pooling
import tinydeploy.source.float_tflite.weighted  # noqa: F401 - as the others, for its registrations
from tinydeploy.errors import InputFileError, InternalError, UnsupportedModelError
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import Operator, TfliteFile, parse_tflite
from tinydeploy.model.import_onnx import OnnxNet
from tinydeploy.model.onnx_input import MAX_INPUT
from tinydeploy.model.run_onnx import run_outputs
from tinydeploy.source.float_tflite.translation import (
    TRANSLATORS,
    Translation,
    UntranslatableError,
    to_first,
)
from tinydeploy.validate.reference import run_reference

_OPSET = 17
_IR_VERSION = 8
_BATCH = "n"
_MAX_ERROR = 1e-4  # of the outputs' range; rounding makes 1e-6
_REAL = ("float32", "float16")


def translate_tflite(data: bytes, name: str) -> OnnxNet:
    """A float .tflite as an ONNX network with a free batch, its channels in front.

    Weights of 16 bits, or of 8 with scales, are taken as the real numbers that they stand for.

    Args:
        data: The file; it is not trusted.
        name: Of the network.

    Raises:
        InputFileError: It is no .tflite file, or a damaged one.
        UnsupportedModelError: Operators that ONNX cannot express: one error names them all; or it
            has not one float32 input.
    """
    file = parse_tflite(data)
    inputs = [file.tensors[number] for number in file.inputs]
    if len(inputs) != 1 or inputs[0].dtype != "float32" or not file.outputs:
        shown = ", ".join(f"{tensor.dtype} {list(tensor.shape)}" for tensor in inputs)
        raise UnsupportedModelError(
            f"{name} has {len(inputs)} inputs ({shown}) and {len(file.outputs)} outputs",
            "Convert a network with one float32 input.",
        )
    check_input(inputs[0], name)
    shape = inputs[0].shape
    to = Translation(file)
    entry = to.unique(inputs[0].name)
    to.write(file.inputs[0], "first", entry)
    _translate_operators(to)
    placed = tuple(shape[axis] for axis in to_first(len(shape)))
    return OnnxNet(name, _finish(to, entry, placed), placed)


def check_input(tensor: Tensor, name: str) -> None:
    """Refuses inputs without a batch of 1 in front, and sizes that are left open or huge.

    Args:
        tensor: The input; open sizes are 1 in its shape, -1 in its signature.
        name: Of the network.

    Raises:
        UnsupportedModelError: It is such an input.
    """
    shape = tensor.signature or tensor.shape
    if len(shape) not in (2, 3, 4) or shape[0] not in (1, -1) or min(tensor.shape) < 1:
        advice = "convert it with a batch of 1."
    elif -1 in shape[1:]:
        advice = "convert it with fixed sizes, tf.TensorSpec((1, 96, 96, 3)) for instance."
    elif tensor.size > MAX_INPUT:
        advice = "this is too large for a microcontroller."
    else:
        return
    raise UnsupportedModelError(
        f"the input of {name} has the shape {list(shape)}",
        f"Inputs are [1, H, W, C], [1, steps, C] or [1, features]: {advice}",
    )


def check_translation(net: OnnxNet, data: bytes, inputs: NDArray[np.float32]) -> float:
    """Compares onnxruntime on the translation with LiteRT on the file.

    Args:
        net: The translation.
        data: The .tflite file.
        inputs: float32 [n, *net.input_shape[1:]].

    Returns:
        The largest difference of any output, as a fraction of that output's range.

    Raises:
        InternalError: It exceeds 1e-4.
        UnsupportedModelError: LiteRT cannot run the file.
    """
    reference = run_reference(data, [np.moveaxis(inputs, 1, -1)[:, None]], resolver="AUTO")
    error = 0.0
    for expected, found in zip(reference.outputs, run_outputs(net.onnx, inputs), strict=True):
        exact = np.asarray(expected[:, 0], np.float32)
        if exact.ndim > 2:
            exact = np.moveaxis(exact, -1, 1)
        if exact.shape != found.shape:
            raise InternalError(f"ONNX makes {found.shape} where LiteRT makes {exact.shape}")
        span = float(np.ptp(exact)) or 1.0
        error = max(error, float(np.abs(exact - found).max()) / span)
    if not error <= _MAX_ERROR:  # not a number must not pass
        raise InternalError(
            f"{net.name} as ONNX differs from LiteRT by {error:.2g} of the output range, "
            f"allowed {_MAX_ERROR:g}"
        )
    return error


def _translate_operators(to: Translation) -> None:
    """Translates all operators, or says in one error which cannot be."""
    problems = []
    unknown: set[int] = set()
    for index, operator in enumerate(to.file.operators):
        if _makes_no_numbers(to.file, operator):
            continue
        try:
            if unknown.intersection(operator.inputs):
                unknown.update(operator.outputs)
                continue
            if operator.builtin not in TRANSLATORS:
                raise UntranslatableError("operator not supported")  # noqa: TRY301 - one handler
            TRANSLATORS[operator.builtin](operator, to)
        except UntranslatableError as problem:
            problems.append(_describe(to.file, index, operator, problem))
            unknown.update(operator.outputs)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            damaged = UntranslatableError(f"it is malformed ({error})")
            problems.append(_describe(to.file, index, operator, damaged))
            unknown.update(operator.outputs)
    if problems:
        raise UnsupportedModelError(
            "the float model has operators that cannot be translated:\n" + "\n".join(problems),
            f"Operators that can be: {', '.join(sorted(TRANSLATORS))}.",
        )


def _makes_no_numbers(file: TfliteFile, operator: Operator) -> bool:
    """Whether it computes shapes: they are in the file anyway."""
    return all(file.tensors[number].dtype in ("int32", "int64") for number in operator.outputs)


def _describe(
    file: TfliteFile, index: int, operator: Operator, problem: UntranslatableError
) -> str:
    shapes = ["x".join(map(str, file.tensors[i].shape)) for i in operator.inputs if i >= 0]
    advice = f" ({problem.advice})" if problem.advice else ""
    name = operator.custom or operator.builtin
    return f"  operator {index}: {name} of [{', '.join(shapes)}]: {problem.reason}{advice}"


def _finish(to: Translation, entry: str, shape: tuple[int, ...]) -> bytes:
    """The model's bytes; outputs have their channels in front too."""
    outputs = []
    for number in to.file.outputs:
        if to.tensor(number).dtype not in _REAL:
            raise UnsupportedModelError(
                f"the output '{to.tensor(number).name}' is {to.tensor(number).dtype}",
                "Leave out what is behind the last layer with real numbers.",
            )
        try:
            name = to.read(number, "first")
        except UntranslatableError as error:
            raise InputFileError(
                f"no operator writes the output '{to.tensor(number).name}'",
                "Copy or convert the model once more.",
            ) from error
        sizes: list[str | int] = [
            _BATCH,
            *(int(to.shape(number)[axis]) for axis in to_first(to.rank(number))[1:]),
        ]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))
    graph = helper.make_graph(
        to.nodes,
        "float_tflite",
        [helper.make_tensor_value_info(entry, TensorProto.FLOAT, [_BATCH, *shape[1:]])],
        outputs,
        to.initializers,
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, ir_version=_IR_VERSION, opset_imports=opset)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(
            f"the .tflite file makes no sense: {reason}", "Copy or convert the model once more."
        ) from error
    content: bytes = model.SerializeToString()
    return content
