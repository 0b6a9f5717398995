"""Keras models and SavedModels: converted to a float .tflite by tensorflow, in a child process.

Tensorflow is slow to load, talks much, and takes the whole process with it when it fails.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tinydeploy.errors import InputFileError, MissingDependencyError, UnsupportedModelError

SUFFIXES = (".keras", ".h5", ".hdf5")
_SAVED_MODEL = "saved_model.pb"
_TIMEOUT_S = 900.0


def is_keras(path: Path) -> bool:
    """Whether this names a Keras file or a folder with a SavedModel."""
    return path.suffix.lower() in SUFFIXES or (path / _SAVED_MODEL).is_file()


def convert_keras(path: Path, input_shape: tuple[int, ...] | None) -> bytes:
    """A float .tflite of a Keras model, its batch 1.

    Args:
        path: See `is_keras`.
        input_shape: (C, H, W), (C, steps) or (features,), for a model that leaves sizes open.

    Raises:
        InputFileError: There is no such file.
        MissingDependencyError: Tensorflow is not installed.
        UnsupportedModelError: Tensorflow cannot load or convert it.
    """
    if not path.exists():
        raise InputFileError(f"there is no file {path}", "Is the path right?")
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingDependencyError(
            f"{path} needs tensorflow, which is not installed",
            "Try: pip install 'tinydeploy[keras]'. Or convert it elsewhere, to a float .tflite "
            "with tf.lite.TFLiteConverter, and build that.",
        )
    with tempfile.TemporaryDirectory(prefix="tinydeploy-keras-") as folder:
        output = Path(folder) / "model.tflite"
        command = [sys.executable, "-m", "tinydeploy.source.keras_worker", str(path), str(output)]
        if input_shape is not None:
            command.append(",".join(map(str, (*input_shape[1:], input_shape[0]))))
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise UnsupportedModelError(
                f"tensorflow did not convert {path} within {_TIMEOUT_S:.0f} s"
            ) from error
        if done.returncode != 0 or not output.is_file():
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise UnsupportedModelError(
                f"tensorflow cannot convert {path}: {lines[-1]}",
                "Does keras.saving.load_model load it? Models with code in them (Lambda layers, "
                "classes of your own) are not read: export them, model.export('folder'), and give "
                "the folder.",
            )
        return output.read_bytes()
