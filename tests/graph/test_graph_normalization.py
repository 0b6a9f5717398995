"""The preprocessing that a file's metadata tell: what is written comes back, nonsense does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinydeploy.errors import InputFileError
from tinydeploy.graph.normalization import Normalization, Rules, parse_rules, read_normalization
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.quantize import metadata
from tinydeploy.quantize.metadata import describe_preprocessing
from tinydeploy.quantize.tflite_writer import TfliteWriter


def write(normalization: metadata.Normalization | None, channels: int = 3) -> bytes:
    writer = TfliteWriter()
    shape = (1, 4, 6, channels)
    x, y = (writer.add_tensor(n, shape, "int8", scales=1.0, zero_points=0) for n in "xy")
    writer.add_op("RELU", [x], [y])
    return writer.finish([x], [y], normalization=normalization)


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        (
            Preprocessing((1.0, 2.0, 3.5), (4.0, 5.0, 6.0), "rgb", "stretch"),
            Normalization((1.0, 2.0, 3.5), (4.0, 5.0, 6.0), "rgb", "stretch"),
        ),
        (
            Preprocessing((128.0,) * 3, (1.0,) * 3, "bgr", "center-crop", 0.75),
            Normalization((128.0,) * 3, (1.0,) * 3, "bgr", "crop", 0.75),
        ),
        (
            Preprocessing((0.0,), (255.0,), "gray", "stretch"),
            Normalization((0.0,), (255.0,), "gray", "stretch"),
        ),
    ],
)
def test_what_is_written_comes_back(preprocessing: Preprocessing, expected: Normalization) -> None:
    channels = preprocessing.channels
    data = write(describe_preprocessing(preprocessing, (1, channels, 4, 6)), channels)
    assert read_normalization(data) == expected
    assert read_graph(data, "net").normalization == expected


def test_the_standard_fields_alone() -> None:
    """Files of other tools have no rules."""
    for space, color in (("RGB", "rgb"), ("GRAYSCALE", "gray"), ("", "")):
        data = write(metadata.Normalization((1.0,), (2.0,), space, (4, 6)))
        assert read_normalization(data) == Normalization((1.0,), (2.0,), color)
    assert read_graph(data, "net").normalization == Normalization((1.0,), (2.0,))
    assert read_normalization(write(None)) is None


@pytest.mark.parametrize("rules", ["color = 3", "not toml", "resize = 'crop'\nextra = 1", "\0"])
def test_rules_that_make_no_sense_are_left_out(rules: str) -> None:
    data = write(metadata.Normalization((1.0,), (2.0,), "RGB", (4, 6), rules))
    assert read_normalization(data) == Normalization((1.0,), (2.0,), "rgb")


@pytest.mark.parametrize(
    ("normalization", "channels"),
    [
        (metadata.Normalization((1.0,), (2.0,), "GRAYSCALE"), 3),
        (metadata.Normalization((1.0,), (2.0,), "RGB"), 1),
        (metadata.Normalization((1.0, 2.0), (2.0, 1.0)), 3),
        (metadata.Normalization((1.0,), (0.0,)), 3),
        (metadata.Normalization((float("nan"),), (1.0,)), 3),
    ],
)
def test_metadata_that_do_not_fit_the_input(
    normalization: metadata.Normalization, channels: int
) -> None:
    assert read_graph(write(normalization, channels), "net").normalization is None


def test_damaged_metadata() -> None:
    """Whatever the bytes are, reading them ends, in something or None."""
    preprocessing = Preprocessing((1.0,) * 3, (2.0,) * 3)
    data = write(describe_preprocessing(preprocessing, (1, 3, 4, 6)))
    start = data.index(b"M001") - 4
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(start, len(data), 3):
            damaged[place] = rng.integers(256)
        read_normalization(bytes(damaged))


def test_rules() -> None:
    text = 'mean = [1, 2.5, 3]\nstd = 4\ncolor = "bgr"\nlayout = "nhwc"\n'
    rules = Rules(mean=(1.0, 2.5, 3.0), std=(4.0,), color="bgr", layout="nhwc")
    assert parse_rules(text, "p.toml") == rules
    assert parse_rules("resize = 'crop'\ncrop_fraction = 1", "p.toml").crop_fraction == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean = ", "p.toml is no TOML"),
        ("means = 3", "there is no entry 'means'"),
        ("mean = 'x'", "mean is 'x'"),
        ("mean = []", r"mean is \[\]"),
        ("mean = true", "mean is True"),
        ("mean = inf", "mean is inf"),
        ("std = [1, 0]", r"std is \[1, 0\]"),
        ("std = nan", "std is nan"),
        ("color = 'cmyk'", "color is 'cmyk'"),
        ("resize = 3", "resize is 3"),
        ("layout = 'hwc'", "layout is 'hwc'"),
        ("crop_fraction = 1.5", "crop_fraction is 1.5"),
        ("crop_fraction = [0.5]", r"crop_fraction is \[0.5\]"),
        ("[mean]\nx = 1", "mean is {'x': 1}"),
    ],
)
def test_bad_rules(text: str, message: Any) -> None:
    with pytest.raises(InputFileError, match=message) as caught:
        parse_rules(text, "p.toml")
    assert caught.value.hint
