import os

import numpy as np
import pytest
from PIL import Image

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.picture_folder import load_picture_folder

RGB = Preprocessing((128.0,) * 3, (1.0,) * 3)
GRAY = Preprocessing((0.0,), (1.0,), color="gray", fit="stretch")
SHAPE = (1, 3, 8, 8)


def write_pictures(folder, names):
    """Pictures of one color each: red is the position in the list."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + index, 16), (index, 0, 0)).save(path)


def count_reds(inputs):
    reds, counts = np.unique(inputs[:, 0, 0, 0].astype(int) + 128, return_counts=True)
    return dict(zip(reds.tolist(), counts.tolist(), strict=True))


def load(folder, classes=1000, shape=SHAPE, preprocessing=RGB, **options):
    return load_picture_folder(folder, preprocessing, shape, classes, **options)


def test_few_pictures_give_several_crops_each(tmp_path):
    write_pictures(tmp_path, ["a.png", "deep/er/b.PNG", "c.bmp"])
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.png").write_bytes(b"")
    data = load(tmp_path, calibration_count=10)
    assert data.calibration.shape == (10, 3, 8, 8)
    assert data.calibration.dtype == np.float32
    assert sorted(count_reds(data.calibration).values()) == [2, 4, 4]
    assert data.test is None
    assert data.labels == ()
    again = load(tmp_path, calibration_count=10)
    np.testing.assert_array_equal(data.calibration, again.calibration)


def test_many_pictures_give_one_crop_each(tmp_path):
    write_pictures(tmp_path, [f"{index:03}.png" for index in range(30)])
    data = load(tmp_path, calibration_count=20)
    reds = count_reds(data.calibration)
    assert len(reds) == 20
    assert set(reds.values()) == {1}
    assert max(reds) > 20  # not simply the first ones
    assert data.notes == ()
    other = load(tmp_path, calibration_count=20, seed=2)
    assert count_reds(other.calibration) != reds


def test_damaged_files_are_named_and_their_share_is_made_up_for(tmp_path):
    write_pictures(tmp_path, [f"{index:02}.png" for index in range(20)])
    for index in (3, 7):
        (tmp_path / f"{index:02}.png").write_bytes(b"damaged")
    data = load(tmp_path, calibration_count=20)
    assert len(data.calibration) == 20
    assert len(count_reds(data.calibration)) == 18
    assert data.notes == ("skipped 2 of 20 pictures, not readable: 03.png, 07.png",)


def test_too_many_damaged_files(tmp_path):
    write_pictures(tmp_path, [f"{index:02}.png" for index in range(20)])
    for index in range(11):
        (tmp_path / f"{index:02}.png").write_bytes(b"damaged")
    with pytest.raises(
        InputFileError, match=r"11 of 20 pictures in .* cannot be read: 00"
    ) as caught:
        load(tmp_path, calibration_count=20)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("dog", "cat"), [2, 0]),  # where the labels say, whatever the alphabet
        (("dog", "cow"), None),
        (("0", "2"), [0, 2]),
    ],
)
def test_known_labels(tmp_path, names, found):
    write_pictures(tmp_path, [f"{names[i % 2]}/{i:02}.png" for i in range(40)])
    data = load(tmp_path, classes=3, labels=("cat", "ant", "dog"))
    assert data.labels == ("cat", "ant", "dog")
    if found is None:
        assert data.test is None
        assert "(cow)" in data.notes[0]
    else:
        reds = (data.test.inputs[:, 0, 0, 0] + 128).astype(int)
        np.testing.assert_array_equal(data.test.classes, np.array(found)[reds % 2])


def test_a_pipe_is_not_waited_for(tmp_path):
    write_pictures(tmp_path, ["a.png", "b.png"])
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    data = load(tmp_path, calibration_count=4)
    assert data.notes[0] == "skipped 2 of 4 pictures, not readable: gone.png, pipe.png"


def test_a_network_that_stretches_sees_whole_pictures(tmp_path):
    write_pictures(tmp_path, [f"{index:02}.png" for index in range(5)])
    data = load(tmp_path, shape=(1, 1, 8, 8), preprocessing=GRAY, calibration_count=20)
    assert data.calibration.shape == (5, 1, 8, 8)
    assert "few calibration pictures" in data.notes[0]


def test_no_usable_picture(tmp_path):
    with pytest.raises(InputFileError, match="there is no folder"):
        load(tmp_path / "missing")
    with pytest.raises(InputFileError, match="there are no pictures"):
        load(tmp_path)
    for index in range(12):
        (tmp_path / f"{index:02}.png").write_bytes(b"damaged")
    with pytest.raises(InputFileError, match=r"\(00.png, .*09.png and 2 more\)") as caught:
        load(tmp_path)
    assert "16 or more" in caught.value.hint


def test_subfolders_named_by_index(tmp_path):
    write_pictures(tmp_path, [f"{285 + index % 3}/{index:02}.png" for index in range(40)])
    data = load(tmp_path, calibration_count=20)
    assert data.labels == ()
    assert len(data.test.inputs) == 20
    reds = (data.test.inputs[:, 0, 0, 0] + 128).astype(int)
    np.testing.assert_array_equal(data.test.classes, 285 + reds % 3)
    assert np.bincount(data.test.classes)[285:].tolist() == [7, 7, 6]
    assert not set(count_reds(data.calibration)) & set(reds.tolist())


def test_one_subfolder_for_each_class(tmp_path):
    write_pictures(tmp_path, [f"{('dog', 'cat')[i % 2]}/{i:02}.png" for i in range(40)])
    data = load(tmp_path, classes=2, test_count=10)
    assert data.labels == ("cat", "dog")
    assert data.test.classes.dtype == np.int64
    reds = (data.test.inputs[:, 0, 0, 0] + 128).astype(int)
    np.testing.assert_array_equal(data.test.classes, 1 - reds % 2)
    assert np.bincount(data.test.classes).tolist() == [5, 5]


def test_subfolders_that_are_not_the_classes(tmp_path):
    write_pictures(tmp_path, [f"{index % 3}x/{index:02}.png" for index in range(40)])
    data = load(tmp_path, classes=2)
    assert data.test is None
    assert "3 subfolders, the network 2 classes" in data.notes[0]


def test_a_damaged_test_picture_is_named(tmp_path):
    write_pictures(tmp_path, [f"0/{index:02}.png" for index in range(40)])
    whole = load(tmp_path, classes=2)
    chosen = (whole.test.inputs[:, 0, 0, 0] + 128).astype(int)
    (tmp_path / "0" / f"{chosen[0]:02}.png").write_bytes(b"damaged")
    data = load(tmp_path, classes=2)
    assert len(data.test.inputs) == len(whole.test.inputs) - 1
    assert data.notes == (f"skipped 1 of 40 pictures, not readable: 0/{chosen[0]:02}.png",)
