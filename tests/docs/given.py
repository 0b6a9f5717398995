"""Files that pages of the manual begin with: small stand-ins for a user's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.builders import conv_model
from tests.float_nets import write_net, write_pictures
from tests.model_builder import ModelBuilder
from tinydeploy.cli.console import StageView
from tinydeploy.pipeline import BuildRequest, build_image


def _write_keyword(path: Path, width: int) -> None:
    """Six layers, of which the third makes `width` channels."""
    b = ModelBuilder(1)
    x = b.conv(b.input((16, 16, 3)), 8, (3, 3), stride=(2, 2))
    x = b.conv(b.depthwise(x), width, (1, 1))
    x = b.conv(x, 8, (3, 3))
    path.write_bytes(b.finish([b.fully_connected(b.mean(x), 4)]))


def _write_picture(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def _write_folder(path: Path) -> None:
    write_pictures(path, [f"{k % 4}/{k}.png" for k in range(24)])


def _build(path: Path) -> None:
    """A build of a small net under the name of the one that would have to be trained."""
    model = path.parent / "small.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))
    request = BuildRequest("stm32h743", str(model), output=path, emulate=False)
    build_image(request, StageView(quiet=True))


MAKERS: Mapping[str, Callable[[Path], object]] = {
    ".git": lambda path: subprocess.run(["git", "init", "-q", str(path.parent)], check=True),
    "inputs.npy": lambda path: np.save(path, np.zeros((4, 8, 8, 3), np.int8)),
    "model.tflite": lambda path: path.write_bytes(conv_model((8, 8, 3), 4)),
    "net.tflite": lambda path: path.write_bytes(conv_model((8, 8, 3), 4)),
    "net.onnx": write_net,
    "picture.png": _write_picture,
    "pictures": _write_folder,
    "PICTURES": _write_folder,
    "out/etinynet_digits-stm32h743": _build,
    "nets/keyword.tflite": lambda path: _write_keyword(path, 8),
    "wider.tflite": lambda path: _write_keyword(path, 24),
}


def make_given(names: str, folder: Path) -> None:
    """Makes the files of these names, which spaces separate."""
    for name in names.split():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        MAKERS[name](path)
