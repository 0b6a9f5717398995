"""The reference: LiteRT's reference kernels (BUILTIN_REF), run in a child process.

LiteRT aborts or segfaults on some files. In a process of its own that becomes an error of ours.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.validate.spell_sums import spell_sums

Array = NDArray[Any]

_QUANTIZED_DIMENSION = 6  # field number in the schema's table QuantizationParameters
_VERSION = 2  # of OperatorCode
_LAST_VERSIONS = {tflite.BuiltinOperator.DEPTH_TO_SPACE: 1, tflite.BuiltinOperator.TILE: 2}
_TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class ReferenceRun:
    """What the reference computed.

    Args:
        outputs: One array [n, *output shape] per model output.
        tensors: By tensor id, the first input's intermediate results; empty unless asked for.
        version: Name and version of the interpreter.
    """

    outputs: tuple[Array, ...]
    tensors: Mapping[int, Array]
    version: str


def run_reference(
    model: bytes,
    inputs: Sequence[Array],
    *,
    intermediates: bool = False,
    resolver: str = "BUILTIN_REF",
) -> ReferenceRun:
    """Runs a .tflite, int8 or for a check of its translation float, over n input vectors.

    Args:
        model: The .tflite file.
        inputs: One array [n, *input shape] per model input.
        intermediates: Also return every integer tensor of the first vector.
        resolver: LiteRT's OpResolverType; BUILTIN_REF is the contract, "AUTO" LiteRT's default
            kernels.

    Raises:
        UnsupportedModelError: The interpreter refuses the model, or dies of it.
    """
    results = run_worker(model, inputs, resolver, ["--intermediates"] if intermediates else [])
    outputs = tuple(results[f"output_{i}"] for i in range(int(results["count"])))
    # Behind the file's own tensors the interpreter has some for its kernels.
    own = range(len(parse_tflite(model).tensors)) if intermediates else range(0)
    tensors = {tensor: results[key] for tensor in own if (key := f"tensor_{tensor}") in results}
    return ReferenceRun(outputs, tensors, str(results["version"]))


def run_worker(
    model: bytes, inputs: Sequence[NDArray[Any]], resolver: str, flags: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """What reference_worker.py writes, by name.

    Args:
        model: The .tflite file.
        inputs: One array [n, *input shape] per model input.
        resolver: LiteRT's OpResolverType.
        flags: Of the worker.

    Raises:
        UnsupportedModelError: The interpreter refuses the model, or dies of it.
    """
    if resolver == "BUILTIN_REF":
        model = spell_sums(model)
    with tempfile.TemporaryDirectory(prefix="tinydeploy-reference-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(lower_versions(normalize_quantized_dimension(model)))
        np.savez(folder / "inputs.npz", *[np.ascontiguousarray(values) for values in inputs])
        command = [
            sys.executable,
            "-m",
            "tinydeploy.validate.reference_worker",
            str(folder),
            resolver,
        ]
        command += flags
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise UnsupportedModelError(
                f"the reference interpreter did not finish within {_TIMEOUT_S:.0f} s"
            ) from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            reason = lines[-1] if lines else "no message"
            if done.returncode < 0:
                reason = f"killed by signal {-done.returncode}; {reason}"
            raise UnsupportedModelError(
                f"the reference interpreter (LiteRT, {resolver}) cannot run this model: {reason}",
                "Without a reference nothing can be proven. Does the tool that made it run it?",
            )
        with np.load(folder / "outputs.npz", allow_pickle=False) as results:
            return dict(results)


def lower_versions(model: bytes) -> bytes:
    """A copy in which no operator has a newer version than LiteRT's reference registers.

    Versions tell which types an operator takes. The kernels of those in _LAST_VERSIONS take int8,
    but are registered as if they did not.
    """
    copy = bytearray(model)
    root = tflite.Model.GetRootAs(model, 0)
    for i in range(root.OperatorCodesLength()):
        code = root.OperatorCodes(i)
        number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        last = _LAST_VERSIONS.get(number, code.Version())
        if code.Version() > last:
            position = code._tab.Pos + code._tab.Offset(4 + 2 * _VERSION)
            struct.pack_into("<i", copy, position, last)
    return bytes(copy)


def normalize_quantized_dimension(model: bytes) -> bytes:
    """A copy in which 1-D per-channel tensors say quantized_dimension 0.

    Some converters write the weights' dimension (3, for a depthwise convolution) into the
    one-dimensional bias too. TFLite Micro ignores it; LiteRT refuses the file. Nothing else is
    changed.
    """
    copy = bytearray(model)
    root = tflite.Model.GetRootAs(model, 0)
    for s in range(root.SubgraphsLength()):
        graph = root.Subgraphs(s)
        for t in range(graph.TensorsLength()):
            tensor = graph.Tensors(t)
            quantization = tensor.Quantization()
            if (
                quantization is None
                or tensor.ShapeLength() != 1
                or not quantization.QuantizedDimension()
            ):
                continue
            table = quantization._tab
            position = table.Pos + table.Offset(4 + 2 * _QUANTIZED_DIMENSION)
            struct.pack_into("<i", copy, position, 0)
    return bytes(copy)
