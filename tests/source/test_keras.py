"""Keras files and SavedModels: built in a child process, by tensorflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_make_source import Listener, check_source

from tinydeploy.errors import (
    InputFileError,
    MissingDependencyError,
    UnsupportedModelError,
    UsageError,
)
from tinydeploy.graph.read import read_graph
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions

SLOW = pytest.mark.slow

# In a process of its own: tensorflow warns, and slows the others down.
MAKE = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import layers
keras.utils.set_random_seed(0)
folder = sys.argv[1]
x = keras.Input((None, None, 3))
y = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False)(x)
y = layers.BatchNormalization()(y)
y = layers.ReLU(6)(y)
y = layers.SeparableConv2D(8, 3, padding="same", activation="relu")(y)
y = layers.GlobalAveragePooling2D()(y)
net = keras.Model(x, layers.Dense(4, activation="softmax")(y))
net.save(f"{folder}/open.keras")
x = keras.Input((12, 10, 3))
net = keras.Model(x, net(x))
net.save(f"{folder}/net.keras")
net.save(f"{folder}/net.h5")
net.export(f"{folder}/saved", verbose=False)
inputs = np.random.default_rng(0).random((40, 12, 10, 3), np.float32)
np.savez(f"{folder}/x.npz", x=inputs)
np.save(f"{folder}/y.npy", net.predict(inputs, verbose=0))
code = keras.Sequential([
    keras.Input((4,)), layers.Lambda(lambda x: open(f"{folder}/ran", "w") and x, (4,)),
])
code.save(f"{folder}/code.keras")
code.save(f"{folder}/code.h5")
os.path.exists(f"{folder}/ran") and os.remove(f"{folder}/ran")
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-W", "ignore", "-c", MAKE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    "name",
    ["net.keras", *(pytest.param(name, marks=SLOW) for name in ("net.h5", "saved", "open.keras"))],
)
def test_kinds_of_files(models: Path, name: str) -> None:
    shape = (3, 12, 10) if name == "open.keras" else None
    options = SourceOptions(data=models / "x.npz", input_shape=shape)
    source = make_source(str(models / name), Listener(), options)
    graph = read_graph(source.tflite, "net")
    assert graph.tensors[graph.inputs[0]].shape == (1, 12, 10, 3)
    check_source(source, 20)
    assert source.float_outputs is not None
    np.testing.assert_allclose(source.float_outputs[0], np.load(models / "y.npy"), atol=1e-5)


@SLOW
@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("open.keras", None, r"its input is \[\?, \?, 3\]: give the sizes"),
        ("net.keras", (3, 10, 12), r"its input is \[12, 10, 3\] and not \[10, 12, 3\]"),
        ("code.keras", None, "tensorflow cannot convert .*code.keras"),
        ("code.h5", None, "tensorflow cannot convert .*code.h5"),
        ("damaged.keras", None, "tensorflow cannot convert .*damaged.keras"),
    ],
)
def test_what_does_not_work(
    models: Path, name: str, shape: tuple[int, ...] | None, message: str
) -> None:
    (models / "damaged.keras").write_bytes((models / "net.keras").read_bytes()[:1000])
    options = SourceOptions(data=models / "x.npz", input_shape=shape)
    with pytest.raises(UnsupportedModelError, match=message) as caught:
        make_source(str(models / name), Listener(), options)
    assert caught.value.hint
    assert not (models / "ran").exists()


def test_tensorflow_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "net.keras").write_bytes(b"x")
    with pytest.raises(MissingDependencyError, match="needs tensorflow") as caught:
        make_source(str(tmp_path / "net.keras"), Listener(), SourceOptions(data=tmp_path))
    assert "tinydeploy[keras]" in caught.value.hint


def test_other_paths(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="there is no file"):
        make_source(str(tmp_path / "net.h5"), Listener(), SourceOptions())
    (tmp_path / "net.pt").write_bytes(b"x")
    with pytest.raises(UsageError, match="holds weights, not a network"):
        make_source(str(tmp_path / "net.pt"), Listener(), SourceOptions())
    with pytest.raises(InputFileError, match=r"without a saved_model\.pb"):
        make_source(str(tmp_path), Listener(), SourceOptions())
    with pytest.raises(UsageError, match="--weights is for nets that come without"):
        options = SourceOptions(weights=tmp_path / "net.pt")
        make_source(str(tmp_path / "net.h5"), Listener(), options)
