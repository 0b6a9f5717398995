"""What a file says of a detector's outputs."""

from __future__ import annotations

import struct

from tinydeploy.detection.spec import METADATA_NAME, DetectionSpec, check_outputs
from tinydeploy.errors import InputFileError
from tinydeploy.graph.metadata import find_metadata
from tinydeploy.graph.tflite_file import TfliteFile


def read_detection(data: bytes, file: TfliteFile) -> DetectionSpec | None:
    """The description of a detector; None where the file has none.

    Args:
        data: The .tflite file. Its metadata is not trusted.
        file: The same, parsed.

    Raises:
        InputFileError: It is damaged, or is not that of these inputs and outputs.
    """
    try:
        text = find_metadata(data, METADATA_NAME)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as error:
        raise InputFileError(f"the metadata of the file is damaged: {error}") from error
    if text is None:
        return None
    spec = DetectionSpec.from_json(text)
    check_outputs(spec, [file.tensors[tensor].shape for tensor in file.outputs])
    shapes = [file.tensors[tensor].shape for tensor in file.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1:3] != spec.image_size:
        raise InputFileError(
            f"the detector's description ({METADATA_NAME}) speaks of one picture of "
            f"{list(spec.image_size)}, the model takes {', '.join(str(list(s)) for s in shapes)}",
            "Build the file again with tinydeploy build --task detection.",
        )
    return spec
