import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.load_data import load_data

UNIT = Preprocessing((0.0,) * 3, (255.0,) * 3, fit="stretch")
SHAPE = (1, 3, 4, 5)


def make_inputs(count, dtype=np.float32):
    """Inputs that are the fraction 1 / (1 + position) everywhere."""
    values = 1 / np.arange(1, count + 1, dtype=np.float64)
    return np.broadcast_to(values[:, None, None, None], (count, *SHAPE[1:])).astype(dtype)


def load(path, classes=10):
    return load_data(path, UNIT, SHAPE, classes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_alone_are_for_calibration(tmp_path, dtype):
    inputs = make_inputs(40, dtype)
    np.save(tmp_path / "x.npy", inputs)
    np.savez(tmp_path / "x.npz", whatever=inputs)
    np.savez_compressed(tmp_path / "y.NPZ.npz", inputs)
    for name in ("x.npy", "x.npz", "y.NPZ.npz"):
        data = load(tmp_path / name)
        assert data.calibration.dtype == np.float32
        np.testing.assert_array_equal(data.calibration, inputs.astype(np.float32))
        assert (data.test, data.labels, data.notes) == (None, (), ())


def test_pixels_are_preprocessed(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3), np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    for channels_last in (False, True):
        data = load_data(tmp_path / "x.npy", UNIT, SHAPE, 10, channels_last=channels_last)
        np.testing.assert_array_equal(data.calibration, UNIT.normalize(pixels))
    with pytest.raises(InputFileError, match=r"uint8 \[20, 4, 5, 3\]") as caught:
        load_data(tmp_path / "x.npy", None, SHAPE, 10)
    assert "--mean" in caught.value.hint


def test_few_inputs(tmp_path):
    np.save(tmp_path / "x.npy", make_inputs(15))
    assert "few calibration inputs" in load(tmp_path / "x.npy").notes[0]


def test_many_inputs_are_thinned_out_at_random(tmp_path):
    np.save(tmp_path / "x.npy", make_inputs(1000))
    data, again = load(tmp_path / "x.npy"), load(tmp_path / "x.npy")
    np.testing.assert_array_equal(data.calibration, again.calibration)
    places = np.rint(1 / data.calibration[:, 0, 0, 0])
    assert len(set(places)) == 512
    assert places.max() > 900


def test_classes_make_test_inputs(tmp_path):
    np.savez(tmp_path / "x.npz", x=make_inputs(50), y=np.arange(50, dtype=np.uint8) % 10)
    data = load(tmp_path / "x.npz")
    assert (len(data.calibration), len(data.test.inputs)) == (25, 25)
    assert data.test.classes.dtype == np.int64
    places = np.rint(1 / data.test.inputs[:, 0, 0, 0]).astype(int) - 1
    np.testing.assert_array_equal(data.test.classes, places % 10)
    others = np.rint(1 / data.calibration[:, 0, 0, 0]).astype(int) - 1
    assert sorted({*places, *others}) == list(range(50))


def test_one_input_is_not_tested_with(tmp_path):
    np.savez(tmp_path / "x.npz", x=make_inputs(1), y=np.array([3]))
    data = load(tmp_path / "x.npz")
    assert len(data.calibration) == 1
    assert data.test is None


X = make_inputs(6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X.astype(np.uint8)}, r"uint8 \[6, 3, 4, 5\] where .* float32 \[n, 3, 4, 5\]"),
        ({"x": np.moveaxis(X, 1, -1)}, r"float32 \[6, 4, 5, 3\] where"),
        ({"x": X[0]}, r"float32 \[3, 4, 5\] where"),
        ({"x": X[:0]}, r"float32 \[0, 3, 4, 5\] where"),
        ({"x": np.float32(1)}, r"float32 \[\] where"),
        ({"x": np.array(["a"])}, "where the network takes"),
        ({"x": X.astype(complex)}, "complex128"),
        ({"x": X * np.float32(np.inf)}, "not finite"),
        ({"x": X.astype(np.float64) * 1e300}, "not finite"),
        ({"x": 255 * X}, "from 42.5 to 255, the preprocessing of pictures gives 0 to 1"),
        ({"x": X - 1}, "from -0.8333 to 0, "),
        ({"x": X, "z": X}, "2 arrays of inputs: x, z"),
        ({"y": np.zeros(6, int)}, "0 arrays of inputs: none"),
        ({"x": X, "y": np.zeros(5, int)}, r"'y' is int64 \[5\], not .* the 6 inputs"),
        ({"x": X, "y": np.zeros((6, 10), int)}, r"int64 \[6, 10\]"),
        ({"x": X, "y": np.zeros(6)}, r"'y' is float64"),
        ({"x": X, "y": np.array([0, 1, 2, 3, 4, 10])}, "from 0 to 10, the network has 10 outputs"),
        ({"x": X, "y": np.array([0, 1, 2, 3, 4, -1])}, "from -1 to 4"),
    ],
)
def test_other_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputFileError, match=message):
        load(tmp_path / "x.npz")


def npy():
    stream = io.BytesIO()
    np.save(stream, X)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", b""),
        ("x.npy", b"no array"),
        ("x.npy", npy()[:-1]),
        ("x.npy", npy()[:30]),
        ("x.npy", npy().replace(b"(6, 3, 4, 5)", b"(6, 3, 4, 9)")),
        ("x.npy", npy().replace(b"(6, 3, 4, 5), }", b"(6, 3, 4, 5" + b"0" * 13 + b")}")),
        ("x.npy", b"\x93NUMPY\x09\x00"),
        ("x.npz", b""),
        ("x.npz", b"PK\x03\x04" + bytes(40)),
        ("x.npz", npy()[:100]),
    ],
)
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputFileError, match=r"not a readable \.np[yz] file") as caught:
        load(tmp_path / name)
    assert "numpy.save" in caught.value.hint


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def test_pickles_are_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "x.npy", np.array([Trap()], dtype=object))
    np.savez(tmp_path / "x.npz", x=np.array([Trap()], dtype=object))
    for name in ("x.npy", "x.npz"):
        with pytest.raises(InputFileError, match="not a readable"):
            load(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def test_files_that_are_too_large_are_not_unpacked(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1 << 20))
    data = bytearray(stream.getvalue())
    place = data.rindex(b"PK\x01\x02") + 24  # the size in the central directory
    data[place : place + 4] = (0xFFFFFFFE).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputFileError, match="it holds 4294967294 bytes"):
        load(tmp_path / "x.npz")


def test_inputs_that_are_no_pictures(tmp_path):
    inputs = 1000 * np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)
    np.save(tmp_path / "x.npy", inputs)
    data = load_data(tmp_path / "x.npy", None, (1, 7), 10)
    np.testing.assert_array_equal(data.calibration, inputs)
    with pytest.raises(InputFileError, match=r"float32 \[20, 7\] where .* float32 \[n, 8\]"):
        load_data(tmp_path / "x.npy", None, (1, 8), 10)
    with pytest.raises(InputFileError, match=r"inputs \[7\] are no pictures") as caught:
        load_data(tmp_path, None, (1, 7), 10)
    assert "numpy.save" in caught.value.hint


def test_what_is_neither_folder_nor_array(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputFileError, match="neither a folder nor") as caught:
        load(tmp_path / "a.png")
    assert "16 or more" in caught.value.hint
    with pytest.raises(InputFileError, match="there is no file"):
        load(tmp_path / "missing.npz")
    with pytest.raises(InputFileError, match="there is no folder"):
        load(tmp_path / "missing")


def test_folders_hold_pictures_whatever_they_are_called(tmp_path):
    folder = tmp_path / "set.npy"
    folder.mkdir()
    for index in range(20):
        Image.new("RGB", (5, 4), (index, 0, 255)).save(folder / f"{index}.png")
    data = load(folder)
    assert data.calibration.shape == (20, 3, 4, 5)
    assert data.calibration[:, 2].min() == 1.0
