import numpy as np
import pytest
from PIL import Image

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.picture import (
    crop_picture,
    fit_picture,
    read_input,
    read_picture,
    unfit_boxes,
)

RGB = Preprocessing((128.0,) * 3, (1.0,) * 3)
BGR = Preprocessing((128.0,) * 3, (1.0,) * 3, color="bgr")
GRAY = Preprocessing((0.0,), (1.0,), color="gray", fit="stretch")


def make_pixels(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, (rows + columns) // 2], -1).astype(np.uint8)


def test_centre_crop_of_a_picture_of_just_the_right_size():
    # 16 / 0.875 rounds up to 19: nothing is scaled, the middle 16 are cut out.
    pixels = make_pixels(19, 30)
    fitted = fit_picture(Image.fromarray(pixels), RGB, 16, 16)
    np.testing.assert_array_equal(fitted, pixels[1:17, 7:23])
    reverse = fit_picture(Image.fromarray(pixels), BGR, 16, 16)
    np.testing.assert_array_equal(reverse, fitted[..., ::-1])


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (17, 300), (640, 427)])
@pytest.mark.parametrize("shape", [(32, 32), (24, 48), (1, 7)])
@pytest.mark.parametrize("preprocessing", [RGB, GRAY])
def test_any_picture_fits_any_input(size, shape, preprocessing):
    mode = "L" if preprocessing is GRAY else "RGB"
    image = Image.new(mode, size, 200)
    expected = np.asarray(Image.new(mode, shape[::-1], 200)).reshape(*shape, -1)
    np.testing.assert_array_equal(fit_picture(image, preprocessing, *shape), expected)
    rng = np.random.default_rng(0)
    for _ in range(20):
        np.testing.assert_array_equal(crop_picture(image, preprocessing, *shape, rng), expected)


@pytest.mark.parametrize("preprocessing", [RGB, GRAY])
@pytest.mark.parametrize("size", [(64, 40), (40, 64), (200, 100)])
def test_boxes_find_their_place_in_the_picture(preprocessing, size):
    """What shines in the input lies, in the picture, where its box does."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = size[1] // 2 - 4, size[0] // 2 - 6
    pixels[top : top + 10, left : left + 16] = 255
    image = Image.fromarray(pixels)
    image = image.convert("L") if preprocessing is GRAY else image
    rows, columns = np.nonzero(fit_picture(image, preprocessing, 48, 56)[..., 0] > 127)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]])
    found = unfit_boxes(box, image, preprocessing, 48, 56)
    np.testing.assert_allclose(found, [[left, top, left + 16, top + 10]], atol=2.5)


def test_stretching_by_a_whole_factor_keeps_the_mean():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    fitted = fit_picture(Image.fromarray(pixels), GRAY, 32, 32)
    assert fitted.shape == (32, 32, 1)
    assert abs(float(fitted.mean()) - float(pixels.mean())) < 0.5


def test_crops_are_seeded_and_differ():
    image = Image.fromarray(make_pixels(100, 120))
    first, again = (
        [crop_picture(image, RGB, 20, 20, rng) for _ in range(8)]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    np.testing.assert_array_equal(first, again)
    assert len({crop.tobytes() for crop in first}) == 8
    falling = [bool(crop[0, 0, 1] > crop[0, -1, 1]) for crop in first]
    assert 0 < sum(falling) < 8  # some mirrored, some not


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize(("preprocessing", "result"), [(RGB, "RGB"), (GRAY, "L")])
def test_every_kind_of_pixel(tmp_path, mode, preprocessing, result):
    path = tmp_path / "picture.tif"
    white = {"I;16": 65535, "I": 65535, "F": 255.0}
    Image.new(mode, (4, 3), white.get(mode, "white")).save(path)
    image = read_picture(path, preprocessing)
    assert (image.mode, image.size) == (result, (4, 3))
    if mode != "CMYK":
        assert np.asarray(image).min() == 255


def test_orientation_in_the_metadata_is_obeyed(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    assert read_picture(path, RGB).size == (20, 40)


def test_read_input(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (50, 40), (128, 129, 127)).save(path)
    inputs = read_input(path, RGB, (1, 3, 8, 8))
    assert inputs.shape == (1, 3, 8, 8)
    assert inputs[0, :, 0, 0].tolist() == [0, 1, -1]


def test_unreadable_pictures(tmp_path):
    good = tmp_path / "good.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(good)
    broken = {
        "empty.png": b"",
        "text.jpg": b"no picture at all",
        "cut.png": good.read_bytes()[:200],
        "flipped.png": good.read_bytes()[:60] + bytes(100) + good.read_bytes()[160:],
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
    for path in (*(tmp_path / name for name in broken), tmp_path / "missing.png", tmp_path):
        with pytest.raises(InputFileError, match="not a readable picture") as caught:
            read_picture(path, RGB)
        assert str(path) in caught.value.message


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.new("L", (300, 300)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(InputFileError, match="exceeds limit"):
        read_picture(path, RGB)
