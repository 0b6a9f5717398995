"""From a torch network to ONNX bytes, checked against torch in onnxruntime."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinydeploy.errors import InternalError, UnsupportedModelError
from tinydeploy.model.run_onnx import run_outputs

INPUT, OUTPUT = "input", "output"
_OPSET = 17
_MAX_ERROR = 1e-4


def run_torch(net: nn.Module, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """The outputs of a network in inference mode; the network is left as it is.

    Raises:
        UnsupportedModelError: It returns something else than a tensor or a sequence of them.
    """
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            made: Any = net(torch.tensor(inputs))
    finally:
        net.train(was_training)
    outputs = list(made) if isinstance(made, tuple | list) else [made]
    if not outputs or not all(isinstance(output, torch.Tensor) for output in outputs):
        kinds = ", ".join(type(output).__name__ for output in outputs)
        raise UnsupportedModelError(
            f"the network returns {kinds or 'nothing'}, not tensors",
            "Wrap it in a module whose forward returns a tensor, or a tuple of them.",
        )
    return tuple(output.numpy() for output in outputs)


def export_onnx(net: nn.Module, input_shape: tuple[int, ...]) -> bytes:
    """The network in inference mode as ONNX; the same network gives the same bytes.

    The batch dimension is free. torch's TorchScript exporter is used: 0.1 s for EtinyNet, against
    2 s, warnings and one more package for the one that succeeds it, which is asked where the first
    one fails. It folds BN into a convolution right in front of it.

    Args:
        net: A network with one input; left as it is.
        input_shape: (1, C, H, W), (1, C, steps) or (1, features).

    Raises:
        UnsupportedModelError: It returns something else than a tensor or a sequence of them.
        Exception: What the first exporter raised, where neither can export it.
    """
    count = len(run_torch(net, np.zeros(input_shape, np.float32)))
    outputs = [OUTPUT] if count == 1 else [f"{OUTPUT}_{place}" for place in range(count)]
    was_training = net.training
    net.eval()
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # where it prints graphs
            warnings.simplefilter("ignore")
            try:
                return _export_script(net, input_shape, outputs)
            except Exception as first:
                try:
                    return _export_program(net, input_shape, outputs)
                except Exception:
                    raise first from None
    finally:
        net.train(was_training)


def _export_script(net: nn.Module, input_shape: tuple[int, ...], outputs: list[str]) -> bytes:
    buffer = io.BytesIO()
    torch.onnx.export(
        net,
        (torch.zeros(input_shape),),
        buffer,  # type: ignore[arg-type]  # this exporter takes a stream as well
        dynamo=False,
        opset_version=_OPSET,
        input_names=[INPUT],
        output_names=outputs,
        dynamic_axes={name: {0: "n"} for name in (INPUT, *outputs)},
    )
    return buffer.getvalue()


def _export_program(net: nn.Module, input_shape: tuple[int, ...], outputs: list[str]) -> bytes:
    program = torch.onnx.export(
        net,
        (torch.zeros(2, *input_shape[1:]),),  # a batch of 1 would be taken for a constant
        dynamo=True,
        verbose=False,
        input_names=[INPUT],
        output_names=outputs,
        dynamic_shapes=({0: torch.export.Dim("n")},),
    )
    assert program is not None  # it is, without a file to write to
    content: bytes = program.model_proto.SerializeToString()
    return content


def check_onnx(net: nn.Module, onnx: bytes, inputs: NDArray[np.float32]) -> float:
    """Compares onnxruntime with torch.

    Args:
        net: The network that was exported, on the CPU.
        onnx: Its export.
        inputs: float32 [n, C, H, W], preferably real ones.

    Returns:
        The largest difference of any output value, as a fraction of that output's range.

    Raises:
        InternalError: The difference exceeds 1e-4; rounding makes 1e-6.
    """
    error = 0.0
    for actual, expected in zip(run_outputs(onnx, inputs), run_torch(net, inputs), strict=True):
        if actual.shape != expected.shape:
            raise InternalError(f"ONNX makes {actual.shape} where torch makes {expected.shape}")
        span = float(expected.max() - expected.min())
        difference = float(np.abs(actual - expected).max()) / (span or 1.0)
        if not difference <= _MAX_ERROR:  # not a number must not pass
            raise InternalError(
                f"ONNX differs from torch by {difference:.2g} of the output range, "
                f"allowed {_MAX_ERROR:g}"
            )
        error = max(error, difference)
    return error
