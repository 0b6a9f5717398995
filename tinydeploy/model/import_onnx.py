"""From a float .onnx file to a network with a fixed input and a free batch dimension."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.model.free_batch import free_batch
from tinydeploy.model.onnx_file import read_onnx_file
from tinydeploy.model.onnx_input import (
    find_input,
    fix_shape,
    put_channels_first,
    takes_channels_last,
)
from tinydeploy.model.run_onnx import run_onnx

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
    free_batch(model.graph, value, batch)
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
