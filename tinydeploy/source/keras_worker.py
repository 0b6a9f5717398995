"""The child process of keras.py, which alone loads tensorflow.

    python -m tinydeploy.source.keras_worker MODEL OUTPUT [SIZES]

Converts a .keras or .h5 file, or a folder with a SavedModel, to a float .tflite with a batch of 1.
SIZES, numbers with commas between, are those of the input behind the batch. Prints what is wrong
as the last line and ends with exit code 1 where it cannot be done.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


class RefusedError(Exception):
    """The model asks for something that cannot be converted."""


def main(model: Path, output: Path, sizes: tuple[int, ...]) -> None:
    """Converts, or says what is wrong."""
    converter = _open_folder(model, sizes) if model.is_dir() else _open_file(model, sizes)
    output.write_bytes(converter.convert())


def _open_file(path: Path, sizes: tuple[int, ...]) -> Any:
    """The converter of a Keras file."""
    import keras
    import tensorflow as tf

    # Files may hold code as pickles (Lambda layers): in safe mode they are refused.
    net = keras.saving.load_model(path, compile=False, safe_mode=True)
    if len(net.inputs) != 1:
        raise RefusedError(f"it has {len(net.inputs)} inputs: give a network with one")
    x = keras.Input(batch_shape=(1, *_fix(list(net.inputs[0].shape[1:]), sizes)))
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(x, net(x, training=False)))


def _open_folder(path: Path, sizes: tuple[int, ...]) -> Any:
    """The converter of a SavedModel's serving signature."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise RefusedError("it has no signature serving_default: save it with model.export()")
    signature = loaded.signatures["serving_default"]
    _, inputs = signature.structured_input_signature
    if len(inputs) != 1:
        raise RefusedError(f"it has {len(inputs)} inputs: give a network with one")
    ((name, spec),) = inputs.items()

    def call(x: Any) -> Any:
        outputs = signature(**{name: x})
        return [outputs[key] for key in sorted(outputs)]

    shape = (1, *_fix(list(spec.shape[1:]), sizes))
    concrete = tf.function(call).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], loaded)


def _fix(found: list[int | None], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the input, all of them known."""
    shown = ", ".join("?" if size is None else str(size) for size in found)
    if sizes:
        if len(sizes) != len(found) or any(
            f not in (None, s) for f, s in zip(found, sizes, strict=True)
        ):
            raise RefusedError(f"its input is [{shown}] and not {list(sizes)}")
        return sizes
    if None in found:
        raise RefusedError(f"its input is [{shown}]: give the sizes with --input-shape")
    return tuple(size for size in found if size is not None)


if __name__ == "__main__":
    try:
        main(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            tuple(int(size) for size in sys.argv[3].split(",")) if sys.argv[3:] else (),
        )
    except RefusedError as error:
        sys.exit(f"\n{error}")
    except Exception as error:  # whatever tensorflow raises
        lines = str(error).strip().splitlines() or ["no message"]
        sys.exit(f"\n{type(error).__name__}: {lines[0]}")
