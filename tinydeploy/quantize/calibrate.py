"""Calibration: what values the tensors of a float network take, seen through onnxruntime."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError, MissingDependencyError
from tinydeploy.quantize.histogram import ChannelHistogram
from tinydeploy.quantize.statistics import TensorStatistics

# Activations of a batch that are alive at once, in float32 values: 64 MB.
_BATCH_VALUES = 16 << 20
_LARGEST_BATCH = 64


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the float network's tensors are like.

    Args:
        statistics: Of each observed tensor, over its channels.
        samples: float32 [n, ...]: some of the inputs, evenly picked.
        inputs: How many inputs there were.
        input_range: Least and greatest value of all inputs.
    """

    statistics: Mapping[str, TensorStatistics]
    samples: NDArray[np.float32]
    inputs: int
    input_range: tuple[float, float]


def calibrate_network(
    onnx_model: bytes,
    tensors: Mapping[str, int],
    inputs: Iterable[NDArray[np.floating]],
    input_shape: tuple[int, ...],
    keep: int,
    progress: Callable[[float], None] | None = None,
    arrange: Callable[[str, NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> Calibration:
    """Runs the float network and counts the values of some of its tensors.

    Memory does not grow with the number of inputs, which are read once.

    Args:
        onnx_model: The serialized model.
        tensors: Names of activations, with the number of values each has for one input. Those
            that the ONNX model does not have, because a rewrite made them, are left out.
        inputs: Each float32, of the input's shape without the batch.
        input_shape: With a batch of 1.
        keep: Number of inputs, at most, to keep as samples.
        progress: Told the part done, 0 to 1, where the number of inputs is known.
        arrange: Makes of a tensor's name and values [n, ...] those with the channels as axis 1;
            None where they are there anyway.

    Raises:
        InputFileError: Inputs of another shape or not finite, none at all, or the network gives
            values that are not finite.
    """
    histograms: dict[str, ChannelHistogram] = {}
    session, names = _open_session(onnx_model, tensors)
    feed = session.get_inputs()[0].name
    batch = min(_LARGEST_BATCH, max(1, _BATCH_VALUES // max(1, sum(tensors.values()))))
    if isinstance(session.get_inputs()[0].shape[0], int):
        batch = 1  # the batch is fixed, and networks are read as for a batch of one
    total = operator.length_hint(inputs)
    kept = EvenPick(keep)
    low, high, done = np.inf, -np.inf, 0
    for values in _batches(inputs, input_shape[1:], batch):
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        for value in values:
            kept.add(value)
        # Without names, onnxruntime would give all outputs.
        outputs = _run(session, names, {feed: values}) if names else []
        for name, found in zip(names, outputs, strict=True):
            if not np.isfinite(found).all():
                raise InputFileError(
                    f"the float network gives values that are not finite in tensor {name!r}",
                    "Check the weights and the preprocessing of the calibration data.",
                )
            arranged = found if arrange is None else arrange(name, found)
            if name not in histograms:
                histograms[name] = ChannelHistogram(arranged.shape[1])
            histograms[name].add(arranged)
        done += len(values)
        if progress is not None and total:
            progress(min(1.0, done / total))
    if not done:
        raise InputFileError("there are no calibration inputs", "Give some with --data.")
    statistics = {name: TensorStatistics.from_histogram(h) for name, h in histograms.items()}
    return Calibration(statistics, kept.finish(), done, (low, high))


def pick_evenly(samples: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many samples, evenly spread."""
    count = min(len(samples), most)
    return samples[[k * len(samples) // count for k in range(count)]]


class EvenPick:
    """Some of a stream of unknown length, evenly spread, in order.

    Args:
        most: How many, at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[NDArray[np.float32]] = []
        self._every = 1
        self._seen = 0

    def add(self, value: NDArray[np.float32]) -> None:
        """Shows it the next one."""
        if self._seen % self._every == 0:
            if len(self._kept) == 2 * self._most:  # keep each second one from now on
                del self._kept[1::2]
                self._every *= 2
            if self._seen % self._every == 0:
                self._kept.append(value.copy())
        self._seen += 1

    def finish(self) -> NDArray[np.float32]:
        """Those picked, [n, ...]."""
        count = min(self._most, len(self._kept))
        return np.stack([self._kept[k * len(self._kept) // count] for k in range(count)])


def _batches(
    inputs: Iterable[NDArray[np.floating]], shape: tuple[int, ...], size: int
) -> Iterator[NDArray[np.float32]]:
    """Checked inputs [n, ...], n at most `size`."""
    batch: list[NDArray[np.float32]] = []
    for k, given in enumerate(inputs):
        value = np.asarray(given, np.float32)
        if value.shape != shape:
            raise InputFileError(
                f"calibration input {k} has the shape {list(value.shape)}, not {list(shape)}",
                "Give inputs one by one, without a batch axis, preprocessed as for training.",
            )
        if not np.isfinite(value).all():
            raise InputFileError(
                f"calibration input {k} has values that are not finite",
                "Look for NaN and infinity in the data or in what preprocesses it.",
            )
        batch.append(value)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def _run(
    session: Any, names: list[str], feeds: Mapping[str, NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    try:
        return cast("list[NDArray[np.float32]]", session.run(names, dict(feeds)))
    except Exception as error:  # onnxruntime's errors have no common base but this
        shapes = [list(value.shape) for value in feeds.values()]
        raise InputFileError(
            f"onnxruntime cannot run the network on inputs {shapes}: {error}",
            "Check the exported model with its own inputs.",
        ) from error


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
