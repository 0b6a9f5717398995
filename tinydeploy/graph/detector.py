"""How the outputs of a detector become boxes, from a file's metadata."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tinydeploy.detection.postprocess import Detector, Scale, make_detector
from tinydeploy.detection.spec import METADATA_NAME, DetectionSpec
from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.metadata import find_metadata
from tinydeploy.graph.tensor import Tensor


def read_detector(
    data: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Detector | None:
    """What the metadata say of boxes.

    Unlike labels they are no mere convenience: who deploys a detector counts on its boxes. So what
    is wrong with them is an error.

    Args:
        data: A .tflite file that `parse_tflite` has accepted; its metadata is not trusted.
        inputs: Of the model.
        outputs: Likewise.

    Returns:
        The detector; None where the file has no such entry.

    Raises:
        InputFileError: The entry is damaged or does not fit the model.
        UnsupportedModelError: The outputs are not int8.
    """
    try:
        content = find_metadata(data, METADATA_NAME)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as error:
        raise InputFileError(
            f"the metadata of the file are damaged: {error}", "Copy or export the model once more."
        ) from error
    if content is None:
        return None
    spec = DetectionSpec.from_json(content)
    shapes = [tensor.shape for tensor in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1:3] != spec.image_size:
        raise InputFileError(
            f"the detector's description ({METADATA_NAME}) is for pictures of "
            f"{spec.image_size[0]} x {spec.image_size[1]}; the net's inputs are "
            f"{', '.join(str(list(shape)) for shape in shapes)}",
            "Build the file again with tinydeploy build --task detection.",
        )
    if any(tensor.dtype != "int8" for tensor in outputs):
        raise UnsupportedModelError(
            f"boxes are read from outputs of int8, the net's are "
            f"{', '.join(tensor.dtype for tensor in outputs)}",
            "Quantize it without --mixed.",
        )
    scales = [
        Scale(tensor.quantization.scale, tensor.quantization.zero_point)
        for tensor in outputs
        if tensor.quantization is not None
    ]
    return make_detector(spec, [tensor.shape for tensor in outputs], scales)
