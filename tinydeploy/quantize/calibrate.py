"""Calibration: what values the tensors of a float network take, seen through onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError, MissingDependencyError
from tinydeploy.quantize.histogram import ChannelHistogram

# Activations of a batch that are alive at once, in float32 values: 64 MB.
_BATCH_VALUES = 16 << 20


def calibrate_network(
    onnx_model: bytes,
    tensors: Mapping[str, int],
    inputs: NDArray[np.float32],
    progress: Callable[[float], None] | None = None,
    arrange: Callable[[str, NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> dict[str, ChannelHistogram]:
    """Runs the float network and counts the values of some of its tensors.

    Args:
        onnx_model: The serialized model, whose batch dimension is free.
        tensors: Names of activations, with the number of values each has for one input. Those
            that the ONNX model does not have, because a rewrite made them, are left out.
        inputs: float32 [n, C, H, W].
        progress: Told the part done, 0 to 1.
        arrange: Makes of a tensor's name and values [n, ...] those with the channels as axis 1;
            None where they are there anyway.

    Returns:
        One histogram per tensor, over the channels.

    Raises:
        InputFileError: The network gives values that are not finite.
    """
    histograms: dict[str, ChannelHistogram] = {}
    batch = max(1, _BATCH_VALUES // max(1, sum(tensors.values())))
    session, names = _open_session(onnx_model, tensors)
    feed = session.get_inputs()[0].name
    if isinstance(session.get_inputs()[0].shape[0], int):
        batch = 1  # the batch is fixed, and networks are read as for a batch of one
    for start in range(0, len(inputs), batch):
        if not names:  # onnxruntime would give all outputs
            break
        try:
            values = session.run(names, {feed: inputs[start : start + batch]})
        except Exception as error:  # onnxruntime's errors have no common base but this
            raise InputFileError(
                f"onnxruntime cannot run the network on inputs {list(inputs.shape)}: {error}",
                "Check the exported model with its own inputs.",
            ) from error
        for name, value in zip(names, values, strict=True):
            if not np.isfinite(value).all():
                raise InputFileError(
                    f"the float network gives values that are not finite in tensor {name!r}",
                    "Check the weights and the preprocessing of the calibration data.",
                )
            if arrange is not None:
                value = arrange(name, value)
            if name not in histograms:
                histograms[name] = ChannelHistogram(value.shape[1])
            histograms[name].add(value)
        if progress is not None:
            progress(min(1.0, (start + batch) / len(inputs)))
    return histograms


def _open_session(onnx_model: bytes, tensors: Iterable[str]) -> tuple[Any, list[str]]:
    """An onnxruntime session that has inner tensors as outputs too, and their names."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "quantizing needs the packages onnx and onnxruntime", "Install tinydeploy[train]."
        ) from error
    model = onnx.load_model_from_string(onnx_model)
    exposed = {value.name for value in model.graph.output}
    written = {name for node in model.graph.node for name in node.output}
    names = [name for name in tensors if name in written]
    for name in names:
        if name not in exposed:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common base but this
        raise InputFileError(f"onnxruntime cannot load the network: {error}") from error
    return session, names
