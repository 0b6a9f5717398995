"""From a torch network to ONNX bytes, checked against torch in onnxruntime."""

from __future__ import annotations

import io
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinydeploy.errors import InternalError
from tinydeploy.model.run_onnx import run_onnx

INPUT, OUTPUT = "input", "output"
_OPSET = 17
_MAX_ERROR = 1e-4


def export_onnx(net: nn.Module, input_shape: tuple[int, int, int, int]) -> bytes:
    """The network in inference mode as ONNX; the same network gives the same bytes.

    The batch dimension is free. torch's TorchScript exporter is used: 0.1 s for EtinyNet, against
    2 s, warnings and one more package for the one that succeeds it. It folds BN into a convolution
    right in front of it.

    Args:
        net: A network with one input and one output; left as it is.
        input_shape: (1, C, H, W).
    """
    was_training = net.training
    net.eval()
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it says that there are two
            warnings.filterwarnings("ignore", "Constant folding", UserWarning)  # of paddings
            torch.onnx.export(
                net,
                (torch.zeros(input_shape),),
                buffer,  # type: ignore[arg-type]  # this exporter takes a stream as well
                dynamo=False,
                opset_version=_OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            )
    finally:
        net.train(was_training)
    return buffer.getvalue()


def check_onnx(net: nn.Module, onnx: bytes, inputs: NDArray[np.float32]) -> float:
    """Compares onnxruntime with torch.

    Args:
        net: The network that was exported, on the CPU.
        onnx: Its export.
        inputs: float32 [n, C, H, W], preferably real ones.

    Returns:
        The largest difference of any output value, as a fraction of the outputs' range.

    Raises:
        InternalError: The difference exceeds 1e-4; rounding makes 1e-6.
    """
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            expected = net(torch.tensor(inputs)).numpy()
    finally:
        net.train(was_training)
    actual = run_onnx(onnx, inputs)
    if actual.shape != expected.shape:
        raise InternalError(f"ONNX makes {actual.shape} where torch makes {expected.shape}")
    span = float(expected.max() - expected.min())
    error = float(np.abs(actual - expected).max()) / (span or 1.0)
    if not error <= _MAX_ERROR:  # not a number must not pass
        raise InternalError(
            f"ONNX differs from torch by {error:.2g} of the output range, allowed {_MAX_ERROR:g}"
        )
    return error
