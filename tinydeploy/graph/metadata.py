"""Buffers that a .tflite carries along, by name."""

from __future__ import annotations

import tflite


def find_metadata(data: bytes, name: str) -> bytes | None:
    """The first metadata entry of this name, perhaps empty; None where there is none.

    Args:
        data: A .tflite file that `parse_tflite` has accepted; its metadata is still not trusted.
        name: Of the entry.

    Raises:
        Exception: struct.error, IndexError, ValueError and their kin, where it is damaged.
    """
    model = tflite.Model.GetRootAs(data, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == name.encode():
            if not entry.Buffer() < model.BuffersLength():
                return None
            buffer = model.Buffers(entry.Buffer())
            return None if buffer.DataIsNone() else bytes(buffer.DataAsNumpy().tobytes())
    return None
