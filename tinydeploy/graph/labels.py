"""Class names from a file's metadata: an archive behind the flatbuffer."""

from __future__ import annotations

from tinydeploy.graph.archive import read_members


def read_labels(data: bytes, count: int) -> tuple[str, ...]:
    """The labels of a model's output.

    Args:
        data: The .tflite file, perhaps with a zip archive behind it that has a text file of
            labels, one per line.
        count: Elements of the output's last dimension.

    Returns:
        `count` labels, or none where the file has no archive, or not that many labels in it.
    """
    for text in read_members(data, _holds_labels):
        lines = text.splitlines()
        if len(lines) == count:
            return tuple(line.strip() for line in lines)
    return ()


def _holds_labels(name: str) -> bool:
    return "label" in name.lower() and name.lower().endswith(".txt")
