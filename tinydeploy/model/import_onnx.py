"""From a float .onnx file to a network with a fixed input and a free batch dimension."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.model.onnx_file import read_onnx_file
from tinydeploy.model.onnx_input import (
    find_input,
    fix_shape,
    put_channels_first,
    takes_channels_last,
)
from tinydeploy.model.run_onnx import run_onnx

_BATCH = "n"
_MAX_BATCH_ERROR = 1e-3  # of the outputs' range; rounding in another order makes 1e-6
_TRIED = 3


@dataclass(frozen=True, eq=False)
class OnnxNet:
    """A float network from a file.

    Args:
        name: The file's name without its suffix.
        onnx: The serialized model, weights inside, its batch dimension free.
        input_shape: (1, C, H, W), (1, C, steps), or (1, features).
        channels_last: Whether the file's own network, and so whoever has arrays for it, takes
            [N, H, W, C] or [N, steps, C].
    """

    name: str
    onnx: bytes
    input_shape: tuple[int, ...]
    channels_last: bool = False

    @property
    def takes_pictures(self) -> bool:
        """Whether inputs may be gray or RGB pictures."""
        return len(self.input_shape) == 4 and self.input_shape[1] in (1, 3)

    @property
    def taken_shape(self) -> tuple[int, ...]:
        """The shape of an input as the file's own network takes it."""
        batch, *sizes = self.input_shape
        return (batch, *sizes[1:], sizes[0]) if self.channels_last else self.input_shape


def import_onnx(
    path: Path,
    input_shape: tuple[int, ...] | None = None,
    *,
    channels_last: bool | None = None,
) -> OnnxNet:
    """Reads a network with one float32 input, [N, C, H, W], [N, C, steps] or [N, features].

    N may be of any size or free. Operators are left for the quantizer to judge. A network that
    takes its channels last is given a Transpose in front, and channels first.

    Args:
        path: The file.
        input_shape: (C, H, W), (C, steps) or (features,); None where the file tells.
        channels_last: The network takes [N, H, W, C]; None: it does where a Transpose that puts
            the channels in front is the first that it does.

    Raises:
        InputFileError: See `read_onnx_file`.
        UnsupportedModelError: The input is not of that kind.
        UsageError: The input has another shape than `input_shape`.
    """
    model = read_onnx_file(path)
    value = find_input(path, model.graph)
    if channels_last is None:
        channels_last = takes_channels_last(model.graph, value)
    batch, sizes = fix_shape(path, value, input_shape, channels_last=channels_last)
    _free_batch(model.graph, value, batch)
    if channels_last and len(sizes) > 1:
        put_channels_first(model.graph, value)
        sizes = (sizes[-1], *sizes[:-1])
    return OnnxNet(path.stem, model.SerializeToString(), (1, *sizes), channels_last)


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
