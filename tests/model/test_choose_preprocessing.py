import pytest

from tinydeploy.errors import UsageError
from tinydeploy.model.choose_preprocessing import PictureOptions, choose_preprocessing


@pytest.mark.parametrize(
    ("channels", "mean", "std", "expected", "note"),
    [
        (3, None, None, ((0,) * 3, (255,) * 3), "(pixel - 0) / 255, a default"),
        (1, None, None, ((0,), (255,)), "--mean and --std do"),
        (1, (127.5,), (127.5,), ((127.5,), (127.5,)), "(pixel - 127.5) / 127.5"),
        (3, (128,), None, ((128,) * 3, (255,) * 3), "(pixel - 128) / 255"),
        (3, (1, 2, 3), (4,), ((1, 2, 3), (4,) * 3), "(pixel - [1, 2, 3]) / 4"),
        (3, (0.485,), (0.229,), ((0.485,) * 3, (0.229,) * 3), "multiplied by 255"),
    ],
)
def test_preprocessing(channels, mean, std, expected, note):
    preprocessing, said = choose_preprocessing(channels, PictureOptions(mean=mean, std=std))
    assert (preprocessing.mean, preprocessing.std) == expected
    assert preprocessing.color == ("gray" if channels == 1 else "rgb")
    assert note in said


@pytest.mark.parametrize(
    ("channels", "mean", "std", "message"),
    [
        (1, (1, 2, 3), None, "--mean has 3 numbers, the network 1 channel"),
        (3, None, (1, 2), "--std has 2 numbers"),
        (3, (), None, "--mean has 0 numbers"),
        (3, None, (0,), "normalizes no pixels"),
        (3, None, (5, 5, -5), "normalizes no pixels"),
        (3, (1e30,), None, "normalizes no pixels"),
        (3, None, (1e-30,), "normalizes no pixels"),
    ],
)
def test_preprocessing_that_makes_no_sense(channels, mean, std, message):
    with pytest.raises(UsageError, match=message) as caught:
        choose_preprocessing(channels, PictureOptions(mean=mean, std=std))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("channels", "options", "expected"),
    [
        (3, {}, ("rgb", "stretch", 0.875)),
        (1, {}, ("gray", "stretch", 0.875)),
        (3, {"color": "bgr", "resize": "crop"}, ("bgr", "center-crop", 0.875)),
        (1, {"color": "gray", "resize": "stretch"}, ("gray", "stretch", 0.875)),
        (3, {"resize": "crop", "crop_fraction": 0.5}, ("rgb", "center-crop", 0.5)),
    ],
)
def test_colors_and_sizes(channels, options, expected):
    preprocessing, note = choose_preprocessing(channels, PictureOptions(**options))
    assert (preprocessing.color, preprocessing.fit, preprocessing.crop_fraction) == expected
    assert ("cropped" in note) == (expected[1] == "center-crop")
    assert ("blue first" in note) == (expected[0] == "bgr")


@pytest.mark.parametrize(
    ("channels", "options", "message"),
    [
        (3, {"color": "gray"}, "--color gray does not fit an input of 3 channels"),
        (1, {"color": "bgr"}, "--color bgr does not fit an input of 1 channel"),
        (3, {"crop_fraction": 0.5}, "pictures are stretched"),
    ],
)
def test_what_does_not_fit(channels, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        choose_preprocessing(channels, PictureOptions(**options))
    assert caught.value.hint
