"""From a float .onnx file to a network with a fixed input and a free batch dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from tinydeploy.errors import UnsupportedModelError, UsageError
from tinydeploy.model.float_model import Color, Preprocessing
from tinydeploy.model.onnx_file import read_onnx_file
from tinydeploy.model.run_onnx import run_onnx

_DEFAULT_MEAN, _DEFAULT_STD = (0.0,), (255.0,)
_MAX_PIXEL = 1e6  # means and stds of no pixels are beyond, nor stds below its inverse
_LEAST_LIKELY_STD = 1.0
_BATCH = "n"
_MAX_INPUT = 1 << 24  # values; the memory of no microcontroller holds a part of it worth having
_MAX_BATCH_ERROR = 1e-3  # of the outputs' range; rounding in another order makes 1e-6
_TRIED = 3


@dataclass(frozen=True, eq=False)
class OnnxNet:
    """A float network from a file.

    Args:
        name: The file's name without its suffix.
        onnx: The serialized model, weights inside, its batch dimension free.
        input_shape: (1, C, H, W), or (1, features).
    """

    name: str
    onnx: bytes
    input_shape: tuple[int, ...]

    @property
    def takes_pictures(self) -> bool:
        """Whether inputs may be gray or RGB pictures."""
        return len(self.input_shape) == 4 and self.input_shape[1] in (1, 3)


def import_onnx(path: Path) -> OnnxNet:
    """Reads a network with one float32 input [N, C, H, W] or [N, features], N of any size or free.

    Operators are left for the quantizer to judge.

    Raises:
        InputFileError: See `read_onnx_file`.
        UnsupportedModelError: The input is not of that kind.
    """
    model = read_onnx_file(path)
    value = _find_input(path, model.graph)
    batch, sizes = _read_shape(path, value)
    _free_batch(model.graph, value, batch)
    return OnnxNet(path.stem, model.SerializeToString(), (1, *sizes))


def choose_preprocessing(
    channels: int, mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> tuple[Preprocessing, str]:
    """The preprocessing of pictures, which an .onnx file does not tell, and a note that says it.

    Pictures are scaled to the input's size, then (pixel - mean) / std. By default that is
    pixel / 255.

    Args:
        channels: 1 for gray, 3 for RGB.
        mean: One number, or one per channel, in units of the pixel, 0 to 255.
        std: Likewise.

    Raises:
        UsageError: Numbers that make no sense.
    """
    means = _spread("--mean", _DEFAULT_MEAN if mean is None else mean, channels)
    stds = _spread("--std", _DEFAULT_STD if std is None else std, channels)
    if min(stds) < 1 / _MAX_PIXEL or max(map(abs, (*means, *stds))) > _MAX_PIXEL:
        raise UsageError(
            f"a mean of {_list(means)} with a std of {_list(stds)} normalizes no pixels",
            "Both are in units of the pixel, 0 to 255, and a std is greater than 0.",
        )
    note = f"pictures are scaled to the input, then (pixel - {_list(means)}) / {_list(stds)}"
    if mean is None and std is None:
        note += ", a default: an .onnx file does not tell; --mean and --std do"
    elif max(stds) < _LEAST_LIKELY_STD:
        note += "; --mean and --std of pixels from 0 to 1 are to be multiplied by 255"
    color: Color = "gray" if channels == 1 else "rgb"
    return Preprocessing(means, stds, color, "stretch"), note


def check_batches(net: OnnxNet, inputs: NDArray[np.float32]) -> None:
    """Runs some inputs one by one and together.

    Args:
        net: With operators that the quantizer knows.
        inputs: float32 [n, *net.input_shape[1:]].

    Raises:
        UnsupportedModelError: onnxruntime cannot run the network, or its batch is not free.
    """
    tried = inputs[:_TRIED]
    try:
        single = run_onnx(net.onnx, tried, batch_size=1)
    except Exception as error:  # onnxruntime raises classes of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnsupportedModelError(
            f"onnxruntime cannot run {net.name}: {reason}",
            "Export the network anew, with an older opset (17), or update onnxruntime.",
        ) from error
    if not np.isfinite(single).all():
        return  # calibration will name the tensor in which that begins
    try:
        together = run_onnx(net.onnx, tried)
        tolerance = _MAX_BATCH_ERROR * (float(np.ptp(single)) or 1.0)
        if np.allclose(single, together, rtol=0, atol=tolerance):
            return
        problem: Exception | None = None
    except Exception as error:  # as above, and numpy's on outputs of different shapes
        problem = error
    raise UnsupportedModelError(
        f"{net.name} does not treat the inputs of a batch independently of each other",
        "Export it with a free batch dimension: dynamic_axes={'input': {0: 'n'}} in torch, and "
        "without fixed sizes of the batch in reshapes.",
    ) from problem


def _spread(option: str, numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(numbers) not in (1, channels):
        raise UsageError(
            f"{option} has {len(numbers)} numbers, the network {channels} "
            f"channel{'s' if channels > 1 else ''}",
            "Give one number, or one per channel with commas between.",
        )
    return numbers if len(numbers) == channels else numbers * channels


def _list(numbers: tuple[float, ...]) -> str:
    """One number where all are equal, else all in brackets."""
    shown = [f"{number:g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"


def _find_input(path: Path, graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = f" ({', '.join(value.name for value in inputs)})" if inputs else ""
        raise UnsupportedModelError(
            f"{path} has {len(inputs)} inputs{names}",
            "Export a network with one input; make what never changes a constant.",
        )
    value: onnx.ValueInfoProto = inputs[0]
    element = value.type.tensor_type.elem_type
    if element != TensorProto.FLOAT:
        known = element in TensorProto.DataType.values()
        raise UnsupportedModelError(
            f"the input '{value.name}' of {path} is "
            f"{TensorProto.DataType.Name(element) if known else 'of an unknown type'}, not FLOAT",
            "Export the float32 network without the preprocessing; that is told by --mean and "
            "--std.",
        )
    return value


def _read_shape(path: Path, value: onnx.ValueInfoProto) -> tuple[int, tuple[int, ...]]:
    """Size of the batch, 1 where it is free, and the shape of an input."""
    dims = value.type.tensor_type.shape.dim
    sizes = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
    described = f"the input '{value.name}' of {path} has the shape [{', '.join(sizes)}]"
    if len(dims) not in (2, 4):
        raise UnsupportedModelError(
            described, "Inputs are [N, C, H, W] or [N, features]: export with 1 for missing axes."
        )
    if any(d.HasField("dim_value") and d.dim_value < 1 for d in dims):
        raise UnsupportedModelError(described, "Export it with sizes of 1 or more.")
    if not all(d.dim_value for d in dims[1:]):
        raise UnsupportedModelError(
            f"{described}: only the first, the batch, may be free",
            "A microcontroller's memory is planned for one size: export the network with fixed "
            "sizes, or fix them with python -m onnxruntime.tools.make_dynamic_shape_fixed.",
        )
    shape = tuple(d.dim_value for d in dims[1:])
    if len(shape) == 3 and shape[0] == shape[1] > 3 == shape[2]:
        raise UnsupportedModelError(
            f"{described}: its channels seem to come last",
            "Export it as [N, C, H, W] (tf2onnx: --inputs-as-nchw).",
        )
    if math.prod(shape) > _MAX_INPUT:
        raise UnsupportedModelError(described, "That is too large for a microcontroller.")
    return dims[0].dim_value or 1, shape


def _free_batch(graph: onnx.GraphProto, value: onnx.ValueInfoProto, batch: int) -> None:
    """Makes the batch dimension free where the export has pinned it.

    The input's and the outputs' shapes say so, those of other tensors are left out. A reshape of
    an activation to a constant shape that begins with the batch's size copies it instead: 0 means
    that in ONNX.
    """
    value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    for output in graph.output:
        dims = output.type.tensor_type.shape.dim
        if dims and dims[0].dim_value == batch:
            dims[0].dim_param = _BATCH
    graph.ClearField("value_info")
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    shapes = []
    for node in graph.node:
        if node.op_type == "Reshape" and len(node.input) == 2 and node.input[0] not in constants:
            shape = constants.get(node.input[1])
            if shape is not None and _begins_with(numpy_helper.to_array(shape), batch, node):
                shapes.append(_copy_batch(node, numpy_helper.to_array(shape)))
    # Nodes and not initializers, which early versions of ONNX want among the inputs too.
    nodes = [*shapes, *graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _begins_with(shape: NDArray[np.generic], batch: int, node: onnx.NodeProto) -> bool:
    literal = any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
    empty = literal and (shape == 0).any()
    return shape.ndim == 1 and len(shape) > 0 and shape[0] == batch and not empty


def _copy_batch(node: onnx.NodeProto, shape: NDArray[np.generic]) -> onnx.NodeProto:
    """Gives a Reshape a shape of its own with 0 in front; returns the node that makes it."""
    kept = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
    node.ClearField("attribute")
    node.attribute.extend(kept)
    node.input[1] = f"{node.output[0]}/shape with a free batch"
    copied = np.concatenate([[0], shape[1:]]).astype(np.int64)
    value = numpy_helper.from_array(copied, node.input[1])
    return onnx.helper.make_node("Constant", [], [node.input[1]], value=value)
