"""What a file says of a detector's outputs."""

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
    """How the outputs become boxes; None where the file does not say.

    Unlike labels, boxes are no mere convenience: what is wrong with their description is an error.

    Args:
        data: The .tflite file. Its metadata is not trusted.
        inputs: Of the model.
        outputs: Of the model.

    Raises:
        InputFileError: It is damaged, or is not that of these inputs and outputs.
        UnsupportedModelError: The outputs are not int8.
    """
    try:
        text = find_metadata(data, METADATA_NAME)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as error:
        raise InputFileError(f"the metadata of the file is damaged: {error}") from error
    if text is None:
        return None
    spec = DetectionSpec.from_json(text)
    shapes = [tensor.shape for tensor in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1:3] != spec.image_size:
        raise InputFileError(
            f"the detector's description ({METADATA_NAME}) speaks of one picture of "
            f"{list(spec.image_size)}, the model takes {', '.join(str(list(s)) for s in shapes)}",
            "Build the file again with tinydeploy build --task detection.",
        )
    scales = [
        Scale(tensor.quantization.scale, tensor.quantization.zero_point)
        for tensor in outputs
        if tensor.dtype == "int8" and tensor.quantization is not None
    ]
    if len(scales) != len(outputs):
        raise UnsupportedModelError(
            f"boxes are read from int8, and the outputs are "
            f"{', '.join(tensor.dtype for tensor in outputs)}",
            "Quantize the model without --mixed.",
        )
    return make_detector(spec, [tensor.shape for tensor in outputs], scales)
