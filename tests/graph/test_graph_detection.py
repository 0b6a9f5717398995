"""The description of a detector travels in the .tflite; one that does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinydeploy.detection.spec import METADATA_NAME, AnchorSource, DetectionSpec
from tinydeploy.errors import InputFileError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.quantize.tflite_writer import TfliteWriter

SPEC = DetectionSpec(
    image_size=(8, 16), sources=(AnchorSource(8, ((4.0, 6.0), (8.0, 8.0))),), classes=("ä", "b")
)


def write(text: bytes | None, size: tuple[int, int] = (8, 16)) -> bytes:
    """Max-pooling of 8x8 windows instead of a net: two maps of as many channels as boxes need."""
    writer = TfliteWriter()
    outputs = []
    x = writer.add_tensor("x", (1, *size, 8), "int8", scales=0.5, zero_points=0)
    window = {"Padding": "VALID", "StrideH": 8, "StrideW": 8, "FilterHeight": 8, "FilterWidth": 8}
    y = writer.add_tensor("y", (1, 1, size[1] // 8, 8), "int8", scales=0.5, zero_points=0)
    writer.add_op("MAX_POOL_2D", [x], [y], window)
    for channels in (6, 8):
        z = writer.add_tensor(f"z{channels}", (1, 1, size[1] // 8, channels), "int8", scales=0.5)
        begin, sizes = (
            writer.add_tensor(f"{name}{channels}", (4,), "int32", data=np.array(values, np.int32))
            for name, values in (("b", (0, 0, 0, 0)), ("s", (1, 1, size[1] // 8, channels)))
        )
        writer.add_op("SLICE", [y, begin, sizes], [z])
        outputs.append(z)
    entries = {} if text is None else {METADATA_NAME: text}
    return writer.finish([x], outputs, metadata=entries)


def test_the_description_comes_back_and_passes_keep_it() -> None:
    graph = read_graph(write(SPEC.to_json().encode()), "net")
    assert graph.detection == SPEC
    assert fuse_graph(graph).detection == SPEC
    assert read_graph(write(None), "net").detection is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"x", "it is no JSON"),
        (b"{}", "it is not of version 1"),
        (replace(SPEC, classes=("a",)).to_json().encode(), "it speaks of outputs"),
        (replace(SPEC, image_size=(1, 9)).to_json().encode(), "speaks of one picture"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(text: bytes, what: str) -> None:
    with pytest.raises(InputFileError, match=what):
        read_graph(write(text), "net")


def test_a_damaged_place_is_told() -> None:
    data = write(SPEC.to_json().encode())
    start = data.index(b'{"version"')
    with pytest.raises(InputFileError, match="tinydeploy_detection"):
        read_graph(data[:start] + b"\xff" * 4 + data[start + 4 :], "net")
