"""A writer of .tflite files: tensors and operators in, the bytes of a flatbuffer out.

    writer = TfliteWriter()
    x = writer.add_tensor("x", (1, 8, 8, 4), "int8", scales=[0.5], zero_points=[0])
    y = writer.add_tensor("y", (1, 4, 4, 4), "int8", scales=[0.5], zero_points=[0])
    options = {"Padding": "VALID", "StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
    writer.add_op("MAX_POOL_2D", [x], [y], options)
    data = writer.finish([x], [y])

It knows the schema, not what the operators compute: a graph that makes no sense is written as told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from flatbuffers import Builder
from numpy.typing import NDArray

from tinydeploy.quantize.metadata import (
    METADATA_NAME,
    Normalization,
    append_files,
    write_metadata,
)
from tinydeploy.quantize.tflite_operators import (
    OptionValue,
    find_builtin,
    first_version,
    write_options,
)
from tinydeploy.quantize.tflite_tables import (
    TENSOR_TYPES,
    GraphRecord,
    ModelRecord,
    OpRecord,
    TensorRecord,
    write_model,
)


class TfliteWriter:
    """Collects the main graph, and others if told; equal calls, equal bytes from `finish`."""

    def __init__(self) -> None:
        self._buffers: list[bytes] = [b""]
        self._codes: list[tuple[str, int]] = []
        self._graphs: list[GraphRecord] = []
        self.start_graph()

    def start_graph(self) -> None:
        """What is added from now on belongs to a further graph, for a CALL_ONCE to run."""
        self._tensors: list[TensorRecord] = []
        self._ops: list[OpRecord] = []
        self._graphs.append(GraphRecord(self._tensors, self._ops))

    def add_tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        *,
        scales: Sequence[float] | NDArray[np.floating] | float | None = None,
        zero_points: Sequence[int] | NDArray[np.integer] | int | None = None,
        axis: int = 0,
        data: NDArray[np.generic] | None = None,
        variable: bool = False,
    ) -> int:
        """Adds a tensor.

        Args:
            name: Any text.
            shape: Sizes, none of them negative; () is a scalar.
            dtype: "int8", "int32", "float32", ...
            scales: One, or one per index of `axis`; None for a tensor that is not quantized.
            zero_points: As many as scales; None for zeros.
            axis: Dimension that several scales run along.
            data: The values of a constant, of exactly this shape and dtype.
            variable: It keeps its values from one inference to the next.

        Returns:
            The tensor's id: its index in the file.

        Raises:
            ValueError: The arguments do not fit together.
        """
        sizes = tuple(int(size) for size in shape)
        if any(size < 0 for size in sizes):
            raise ValueError(f"tensor {name!r}: negative size in shape {sizes}")
        if dtype not in TENSOR_TYPES:
            raise ValueError(
                f"tensor {name!r}: dtype {dtype!r} is not one of {', '.join(TENSOR_TYPES)}"
            )
        scales_, zeros = _check_quantization(name, sizes, dtype, scales, zero_points, axis)
        buffer = 0
        if data is not None:
            if data.dtype != np.dtype(dtype) or data.shape != sizes:
                raise ValueError(
                    f"tensor {name!r}: data is {data.dtype}{list(data.shape)}, "
                    f"declared {dtype}{list(sizes)}"
                )
            little = np.ascontiguousarray(data, dtype=np.dtype(dtype).newbyteorder("<"))
            self._buffers.append(little.tobytes())
            buffer = len(self._buffers) - 1
        self._tensors.append(
            TensorRecord(name, sizes, dtype, scales_, zeros, axis, buffer, variable)
        )
        return len(self._tensors) - 1

    def add_op(
        self,
        builtin: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Mapping[str, OptionValue] | None = None,
        version: int | None = None,
        intermediates: Sequence[int] = (),
    ) -> None:
        """Adds an operator behind those there are.

        Args:
            builtin: Name in TFLite's schema, e.g. "CONV_2D".
            inputs: Tensor ids; -1 for an optional input left out.
            outputs: Tensor ids.
            options: By the schema's field names in CamelCase, e.g. {"StrideH": 2,
                "Padding": "SAME", "FusedActivationFunction": "RELU"} or {"NewShape": [1, 10]}.
                Fields left out get the schema's default.
            version: Of the operator; None for the first one that takes the dtype of the inputs.
            intermediates: Tensor ids, whose quantization some operators compute with.

        Raises:
            ValueError: Unknown builtin, tensor or option, or a value that the option cannot take.
        """
        find_builtin(builtin)
        for role, ids, least in (("input", inputs, -1), ("output", outputs, 0)):
            for tensor in ids:
                if not least <= tensor < len(self._tensors):
                    raise ValueError(f"{builtin}: {role} {tensor} is not a tensor's id")
        options = dict(options or {})
        write_options(Builder(256), builtin, options)  # mistakes are told where they are made
        if version is None:
            types = {self._tensors[i].dtype for i in inputs if i >= 0}
            version = max((first_version(builtin, dtype) for dtype in types), default=1)
        if (builtin, version) not in self._codes:
            self._codes.append((builtin, version))
        code = self._codes.index((builtin, version))
        inputs, outputs = tuple(map(int, inputs)), tuple(map(int, outputs))
        self._ops.append(OpRecord(code, builtin, inputs, outputs, options, tuple(intermediates)))

    def finish(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        description: str = "",
        metadata: Mapping[str, bytes] | None = None,
        normalization: Normalization | None = None,
        labels: Sequence[str] | None = None,
    ) -> bytes:
        """Serializes the model.

        Args:
            inputs: Ids of the model's inputs.
            outputs: Ids of the model's outputs.
            description: Free text.
            metadata: Buffers to carry along, by name.
            normalization: Of the first input; written as standard TFLite metadata, see
                tinydeploy.quantize.metadata.
            labels: Class names of the first output's last axis; written as standard metadata.

        Returns:
            The .tflite file: deterministic, the data of every buffer aligned to 16 bytes.

        Raises:
            ValueError: Unknown tensors, or labels and metadata that do not fit.
        """
        for role, ids in (("input", inputs), ("output", outputs)):
            for tensor in ids:
                if not 0 <= tensor < len(self._graphs[0].tensors):
                    raise ValueError(f"{role} {tensor} of the model is not a tensor's id")
        entries = dict(metadata or {})
        if labels or normalization is not None:
            if METADATA_NAME in entries:
                raise ValueError(
                    f"{METADATA_NAME} given, and labels or normalization that it is made from"
                )
            if labels:
                self._check_labels(outputs, labels)
            entries[METADATA_NAME] = write_metadata(
                description, normalization, has_labels=bool(labels)
            )
        model = write_model(
            ModelRecord(
                self._buffers,
                self._codes,
                self._graphs,
                tuple(inputs),
                tuple(outputs),
                description,
                entries,
            )
        )
        return append_files(model, labels or (), normalization)

    def _check_labels(self, outputs: Sequence[int], labels: Sequence[str]) -> None:
        shape = self._graphs[0].tensors[outputs[0]].shape if outputs else ()
        if not shape or shape[-1] != len(labels):
            raise ValueError(f"{len(labels)} labels for an output of shape {list(shape)}")


def _check_quantization(
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    scales: Sequence[float] | NDArray[np.floating] | float | None,
    zero_points: Sequence[int] | NDArray[np.integer] | int | None,
    axis: int,
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    if scales is None:
        if zero_points is not None:
            raise ValueError(f"tensor {name!r}: zero points without scales")
        return (), ()
    with np.errstate(over="ignore"):
        scales_ = tuple(float(s) for s in np.atleast_1d(np.asarray(scales, np.float32)))
    zeros = (0,) * len(scales_)
    if zero_points is not None:
        zeros = tuple(int(z) for z in np.atleast_1d(np.asarray(zero_points)))
    if len(zeros) != len(scales_) or not scales_:
        raise ValueError(f"tensor {name!r}: {len(scales_)} scales and {len(zeros)} zero points")
    if not all(math.isfinite(s) and s > 0 for s in scales_):
        raise ValueError(f"tensor {name!r}: every scale must be a positive float32")
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        if not all(limits.min <= z <= limits.max for z in zeros):
            raise ValueError(f"tensor {name!r}: a zero point is no {dtype}")
    if len(scales_) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales_)):
        raise ValueError(
            f"tensor {name!r}: {len(scales_)} scales along axis {axis} of {list(shape)}"
        )
    return scales_, zeros
