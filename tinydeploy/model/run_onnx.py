"""Runs a float network in onnxruntime."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Outputs = tuple[NDArray[np.float32], ...]


def run_outputs(onnx: bytes, inputs: NDArray[np.float32], batch_size: int = 32) -> Outputs:
    """The outputs [n, ...] of a one-input network for inputs [n, ...], computed in batches."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are exceptions, they need not be printed too
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    starts = range(0, len(inputs), batch_size)
    batches = [session.run(None, {name: inputs[start : start + batch_size]}) for start in starts]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def run_onnx(onnx: bytes, inputs: NDArray[np.float32], batch_size: int = 32) -> NDArray[np.float32]:
    """The first of them."""
    return run_outputs(onnx, inputs, batch_size)[0]
