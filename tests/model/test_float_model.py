import numpy as np
import pytest

from tinydeploy.errors import InternalError
from tinydeploy.model.float_model import FloatModel, LabeledInputs, Preprocessing

MINUS_128 = Preprocessing(mean=(128.0,) * 3, std=(1.0,) * 3)
GRAY = Preprocessing(mean=(78.0,), std=(96.0,), color="gray", fit="stretch")
IMAGENET = Preprocessing.from_unit((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("preprocessing", "channels", "value_range", "quantization"),
    [
        (MINUS_128, 3, (-128, 127), (1.0, 0)),
        (GRAY, 1, (-78 / 96, 177 / 96), (1 / 96, -50)),
        (IMAGENET, 3, (-0.485 / 0.229, (1 - 0.406) / 0.225), None),
        (Preprocessing((127.5,), (127.5,), "gray"), 1, (-1, 1), None),
        (Preprocessing((0.0,) * 3, (255.0,) * 3), 3, (0, 1), (1 / 255, -128)),
    ],
)
def test_ranges(preprocessing, channels, value_range, quantization):
    assert preprocessing.channels == channels
    assert preprocessing.value_range == pytest.approx(value_range)
    assert preprocessing.int8_quantization == quantization


@pytest.mark.parametrize("preprocessing", [MINUS_128, GRAY])
def test_int8_input_is_the_pixel_minus_128(preprocessing):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(preprocessing.channels, 2)
    scale, zero_point = preprocessing.int8_quantization
    values = preprocessing.normalize(pixels)
    quantized = np.rint(values / np.float32(scale)) + zero_point
    np.testing.assert_array_equal(quantized, np.moveaxis(pixels, -1, 0).astype(int) - 128)


def test_normalize_is_the_formula_per_channel():
    image = np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8)
    result = IMAGENET.normalize(image)
    assert result.dtype == np.float32
    assert result.shape == (3, 1, 2)
    for channel, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        expected = (image[..., channel] / 255 - mean) / std
        np.testing.assert_allclose(result[channel], expected, rtol=1e-6)


def test_normalize_takes_batches_and_gray_without_channel_axis():
    assert MINUS_128.normalize(np.zeros((5, 8, 9, 3), np.uint8)).shape == (5, 3, 8, 9)
    assert GRAY.normalize(np.zeros((8, 9), np.uint8)).shape == (1, 8, 9)
    assert GRAY.normalize(np.zeros((8, 9, 1), np.uint8)).shape == (1, 8, 9)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8)])
def test_normalize_refuses_other_arrays(image):
    with pytest.raises(InternalError):
        MINUS_128.normalize(image)


@pytest.mark.parametrize(
    "arguments",
    [
        {"mean": (1.0,), "std": (1.0,)},
        {"mean": (1.0,) * 3, "std": (1.0,) * 3, "color": "gray"},
        {"mean": (1.0,) * 3, "std": (1.0, 0.0, 1.0)},
        {"mean": (1.0,) * 3, "std": (1.0,) * 3, "crop_fraction": 0.0},
    ],
)
def test_impossible_preprocessing(arguments):
    with pytest.raises(InternalError):
        Preprocessing(**arguments)


def make_model(**changes):
    inputs = np.zeros((2, 1, 4, 4), np.float32)
    arguments = {
        "name": "m",
        "onnx": b"",
        "input_shape": (1, 1, 4, 4),
        "preprocessing": GRAY,
        "labels": (),
        "calibration": inputs,
        "test": LabeledInputs(inputs, np.zeros(2, np.int64)),
    }
    return FloatModel(**(arguments | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": np.zeros((2, 1, 4, 5), np.float32)},
        {"calibration": np.zeros((2, 1, 4, 4), np.float64)},
        {"preprocessing": MINUS_128},
        {"test": LabeledInputs(np.zeros((2, 1, 4, 4), np.float32), np.zeros(3, np.int64))},
    ],
)
def test_a_model_whose_parts_disagree(changes):
    make_model()
    with pytest.raises(InternalError):
        make_model(**changes)
