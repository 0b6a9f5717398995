"""From a picture or a .npy file to the quantized input of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydeploy.errors import InputFileError, MissingDependencyError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.validate.quality import quantize_inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinydeploy.model.float_model import Preprocessing


def import_pictures() -> None:
    """Raises MissingDependencyError where Pillow is not installed."""
    try:
        import tinydeploy.model.picture  # noqa: F401 (only whether it can be)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"reading pictures needs the package {error.name}", "Try: pip install pillow"
        ) from error


def choose_picture_preprocessing(graph: Graph) -> Preprocessing:
    """How pictures become the model's input: as its metadata says, else the pixel minus 128."""
    from tinydeploy.model.choose_preprocessing import PictureOptions, choose_preprocessing

    said = graph.normalization
    options = PictureOptions(**({"mean": (128.0,), "std": (1.0,)} if said is None else said.say()))
    channels = graph.tensors[graph.inputs[0]].rows[2]
    return choose_preprocessing(channels, options)[0]


def read_model_input(path: Path, graph: Graph) -> NDArray[Any]:
    """The input [*shape] of a model with one.

    Args:
        path: A picture, prepared as the metadata says, or a .npy file of the quantized input.
        graph: The model.

    Raises:
        UsageError: The model takes no picture.
        InputFileError: The file cannot be used.
        MissingDependencyError: Pillow is not installed.
    """
    if len(graph.inputs) != 1:
        raise UsageError(f"the model has {len(graph.inputs)} inputs; a picture is one")
    tensor = graph.tensors[graph.inputs[0]]
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputFileError(f"cannot read {path}: {error}") from error
        if values.dtype != tensor.dtype or values.size != tensor.size:
            raise InputFileError(
                f"{path} holds {values.dtype} {list(values.shape)}, "
                f"not {tensor.dtype} {list(tensor.shape)}"
            )
        return np.asarray(values.reshape(tensor.shape))
    height, width, channels = tensor.rows
    if len(tensor.shape) != 4 or channels not in (1, 3):
        raise UsageError(
            f"the model's input {list(tensor.shape)} is no picture",
            f"Give its {tensor.dtype} input as a .npy file.",
        )
    import_pictures()
    from tinydeploy.model.picture import fit_picture, read_input, read_picture

    if graph.normalization is None and tensor.dtype != "int8":
        raise UsageError(
            "the model does not say how pictures become its input",
            f"Give its {tensor.dtype} input as a .npy file.",
        )
    preprocessing = choose_picture_preprocessing(graph)
    if graph.normalization is None:
        pixels = fit_picture(read_picture(path, preprocessing), preprocessing, height, width)
        return (pixels.astype(np.int16) - 128).astype(np.int8).reshape(tensor.shape)
    inputs = read_input(path, preprocessing, (1, channels, height, width))
    return np.asarray(quantize_inputs(graph, inputs)[0])
