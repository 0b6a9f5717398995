import itertools

import numpy as np
import pytest

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.load_data import load_data

SHAPE = (1, 3, 4, 5)
PIXELS = Preprocessing((1.0, 2.0, 3.0), (2.0, 2.0, 2.0), fit="stretch")


def load(items, preprocessing=None, **options):
    return load_data(items, preprocessing, SHAPE, 10, **options)


def test_an_endless_generator():
    rng = np.random.default_rng(0)
    taken = itertools.count()
    data = load(next(taken) + rng.random(SHAPE[1:]) for _ in itertools.count())
    assert data.calibration.shape == (512, *SHAPE[1:])
    assert data.calibration.dtype == np.float32
    assert next(taken) == 512
    assert (data.test, data.notes) == (None, ())


def test_channels_last():
    inputs = np.random.default_rng(0).random((20, 4, 5, 3), np.float32)
    data = load(iter(inputs), channels_last=True)
    np.testing.assert_array_equal(data.calibration, np.moveaxis(inputs, -1, 1))


@pytest.mark.parametrize("channels_last", [True, False])
def test_pixels_are_normalized(channels_last):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3), np.uint8)
    data = load(pixels, PIXELS, channels_last=channels_last)
    np.testing.assert_array_equal(data.calibration, PIXELS.normalize(pixels))


@pytest.mark.parametrize(
    ("items", "preprocessing", "message"),
    [
        ([], None, "is empty"),
        ([np.zeros((3, 4, 5)), np.zeros((3, 4, 6))], None, r"input 1 is float64 \[3, 4, 6\]"),
        ([np.zeros((1, 3, 4, 5))], None, r"not float32 \[3, 4, 5\]$"),
        ([np.zeros((4, 5, 3), np.uint8)], None, r"is uint8 \[4, 5, 3\]"),
        ([np.zeros((3, 4, 5), np.uint8)], PIXELS, r"or uint8 \[4, 5, 3\]"),
        ([np.zeros((3, 4, 5), int)], PIXELS, "is int64"),
        ([np.full((3, 4, 5), np.nan)], None, "input 0 holds values that are not finite"),
    ],
)
def test_other_inputs(items, preprocessing, message):
    with pytest.raises(InputFileError, match=message.replace("$", "")):
        load(items, preprocessing)


def test_few():
    assert "few calibration inputs" in load([np.ones(SHAPE[1:])]).notes[0]
