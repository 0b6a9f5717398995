"""Says in words how a picture becomes the bytes of the model's input."""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.graph.graph import Graph

_COLORS = {"rgb": "RGB", "bgr": "BGR", "gray": "gray"}
_NEARLY = 1e-5


def describe_pixels(graph: Graph) -> tuple[str, ...]:
    """Sentences for a comment; none where the file does not tell."""
    found = graph.normalization
    if found is None:
        return ()
    tensor = graph.tensors[graph.inputs[0]]
    color = f", {_COLORS[found.color]}" if found.color else ""
    sentences = [
        f"For pixels of 0 to 255{color}, the real value is (pixel - MEAN) / STD.",
        f"MEAN is {_list(found.mean)}, STD {_list(found.std)}.",
    ]
    scale, zero_point = tensor.affine
    offset = found.mean[0] - zero_point
    same = len(set(found.mean)) == len(set(found.std)) == 1
    if same and offset == round(offset) and abs(found.std[0] * scale - 1) < _NEARLY:
        sentences.append(f"So the byte is the pixel minus {round(offset)}.")
    height, width, _ = tensor.rows
    if found.resize == "stretch":
        sentences.append(f"A picture is stretched to {height} x {width}.")
    elif found.resize == "crop":
        part = f"{found.crop_fraction:g} of its shorter side"
        sentences.append(f"A picture is cropped: its centre, {part}, becomes {height} x {width}.")
    return tuple(sentences)


def _list(numbers: Sequence[float]) -> str:
    shown = [f"{number:g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else ", ".join(shown)
