"""The child process of reference.py, which alone loads LiteRT.

    python -m tinydeploy.validate.reference_worker FOLDER RESOLVER [--intermediates] [--counts]

Reads model.tflite and inputs.npz from FOLDER and writes outputs.npz there. --intermediates adds the
int8 tensors of the first vector; --counts adds, of every int8 tensor over all vectors, how often
each number occurs and the extremes of each channel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_INTEGERS = (np.int8, np.int16, np.int32, np.int64, np.bool_)


def main(folder: Path, resolver: str, *, intermediates: bool, counts: bool) -> None:
    """Runs all vectors and writes the results."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        inputs = [archive[key] for key in archive.files]
    interpreter = Interpreter(
        model_path=str(folder / "model.tflite"),
        experimental_op_resolver_type=OpResolverType[resolver],
        experimental_preserve_all_tensors=intermediates or counts,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    input_ids = [detail["index"] for detail in interpreter.get_input_details()]
    output_ids = [detail["index"] for detail in interpreter.get_output_details()]
    outputs: list[list[Any]] = [[] for _ in output_ids]
    results: dict[str, Any] = {}
    for n in range(len(inputs[0])):
        for tensor, values in zip(input_ids, inputs, strict=True):
            interpreter.set_tensor(tensor, values[n])
        interpreter.invoke()
        for collected, tensor in zip(outputs, output_ids, strict=True):
            collected.append(interpreter.get_tensor(tensor))
        if intermediates and n == 0:
            results |= {f"tensor_{k}": values for k, values in _integer_tensors(interpreter)}
        if counts:
            _count(interpreter, results)
    results |= {f"output_{i}": np.stack(collected) for i, collected in enumerate(outputs)}
    results |= {
        "count": len(outputs),
        "version": f"ai-edge-litert {version('ai-edge-litert')} {resolver}",
    }
    np.savez(folder / "outputs.npz", **results)


def _integer_tensors(interpreter: Any) -> Iterator[tuple[int, Any]]:
    """Every tensor that can be an activation and has a value, with its id."""
    for detail in interpreter.get_tensor_details():
        if detail["dtype"] in _INTEGERS and detail["shape"].size:
            try:
                yield detail["index"], interpreter.get_tensor(detail["index"])
            except ValueError:
                continue  # temporaries of a kernel have no data behind them


def _count(interpreter: Any, results: dict[str, Any]) -> None:
    """Adds a vector to counts_ID [256], lows_ID and highs_ID [C]."""
    for k, values in _integer_tensors(interpreter):
        if values.dtype != np.int8 or not values.ndim:
            continue
        found = np.bincount((values.ravel().astype(np.int16) + 128), minlength=256)
        by_channel = values.reshape(-1, values.shape[-1])
        low, high = by_channel.min(0), by_channel.max(0)
        if f"counts_{k}" in results:
            found = found + results[f"counts_{k}"]
            low = np.minimum(low, results[f"lows_{k}"])
            high = np.maximum(high, results[f"highs_{k}"])
        results |= {f"counts_{k}": found, f"lows_{k}": low, f"highs_{k}": high}


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        sys.argv[2],
        intermediates="--intermediates" in sys.argv[3:],
        counts="--counts" in sys.argv[3:],
    )
