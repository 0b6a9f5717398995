import dataclasses

import numpy as np
import pytest
from pictures import LABELS, make_pictures, write_folder
from PIL import Image

from tinydeploy.errors import InputFileError, TrainingError, UsageError
from tinydeploy.train.data import picture_files
from tinydeploy.train.data.load import load_training_data
from tinydeploy.train.data.training_data import keep_labels


@pytest.mark.parametrize(
    ("name", "shape", "classes", "train", "valid"),
    [("digits", (1, 1, 8, 8), 10, 1348, 449), ("faces", (1, 1, 25, 25), 2, 150, 50)],
)
def test_built_in_sets(name, shape, classes, train, valid):
    data = load_training_data(name)
    assert data.input_shape == shape
    assert len(data.labels) == classes
    assert (len(data.labelled.classes), len(data.valid.classes)) == (train, valid)
    assert data.preprocessing.int8_quantization is not None
    counts = np.bincount(data.valid.classes)
    assert counts.max() - counts.min() <= 2
    other = load_training_data(name, split_seed=1)
    assert not np.array_equal(data.valid.pixels, other.valid.pixels)


def test_a_folder_of_class_folders_is_split(tmp_path):
    data = load_training_data(str(write_folder(tmp_path / "bars", 48)), size=16)
    assert (data.name, data.labels) == ("bars", LABELS)
    assert data.input_shape == (1, 3, 16, 16)
    assert np.bincount(data.labelled.classes).tolist() == [12, 12, 12]
    assert np.bincount(data.valid.classes).tolist() == [4, 4, 4]
    again = load_training_data(str(tmp_path / "bars"), size=16)
    assert np.array_equal(again.valid.pixels, data.valid.pixels)
    assert not data.notes


def test_train_and_valid_folders_are_the_split(tmp_path):
    write_folder(tmp_path / "train", 30)
    write_folder(tmp_path / "valid", 9, seed=1)
    loose = tmp_path / "loose"
    loose.mkdir()
    for file in (tmp_path / "valid" / "down").iterdir():
        (loose / file.name).write_bytes(file.read_bytes())
    data = load_training_data(str(tmp_path), unlabelled=loose, size=8, gray=True)
    assert (len(data.labelled.classes), len(data.valid.classes)) == (30, 9)
    assert data.unlabelled.shape == (3, 8, 8, 1)


def test_damaged_files_are_named_and_skipped(tmp_path):
    folder = write_folder(tmp_path / "bars", 24)
    (folder / "down" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "down" / "empty.png").write_bytes(b"")
    (folder / "down" / "notes.txt").write_text("no picture, and none by its name")
    cut = (folder / "across" / "000.png").read_bytes()
    (folder / "across" / "000.png").write_bytes(cut[:40])
    data = load_training_data(str(folder), size=8)
    assert len(data.labelled.classes) + len(data.valid.classes) == 23
    assert "skipped 3 pictures" in data.notes[0]
    for name in ("across/000.png", "down/broken.jpg", "down/empty.png"):
        assert name in data.notes[0]


def test_a_table(tmp_path):
    pixels, classes = make_pictures(24)
    lines = ["file,label,split"]
    for index, (picture, kind) in enumerate(zip(pixels, classes, strict=True)):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
        lines.append(f"{index}.png,{LABELS[kind]},{'valid' if index >= 18 else 'train'}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    data = load_training_data(str(tmp_path / "labels.csv"), size=8, gray=True)
    assert (data.labels, len(data.labelled.classes), len(data.valid.classes)) == (LABELS, 18, 6)
    assert np.array_equal(data.valid.pixels[..., 0], pixels[18:])
    assert np.array_equal(data.valid.classes, classes[18:])
    (tmp_path / "labels.csv").write_text("0.png,a\n1.png\n")
    with pytest.raises(InputFileError, match="row 2"):
        load_training_data(str(tmp_path / "labels.csv"))


def test_arrays(tmp_path):
    pixels, classes = make_pictures(30)
    more = {"x_valid": pixels[:6], "y_valid": classes[:6], "x_unlabelled": pixels[:5]}
    np.savez(tmp_path / "bars.npz", x=pixels, y=classes, **more)
    data = load_training_data(str(tmp_path / "bars.npz"), size=8, gray=True)
    assert (len(data.labelled.classes), len(data.valid.classes)) == (30, 6)
    assert np.array_equal(data.unlabelled[..., 0], pixels[:5])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": np.zeros((4, 8, 8), np.float32), "y": np.arange(4) % 2}, "uint8"),
        ({"x": np.zeros((4, 8, 8), np.uint8)}, "no x with pictures and y"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.zeros(4, int)}, "at least two"),
        ({"x": np.zeros((4, 8, 8), np.uint8), "y": np.arange(6) % 2}, "4 pictures, 6 classes"),
    ],
)
def test_arrays_that_are_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputFileError, match=words):
        load_training_data(str(tmp_path / "x.npz"))


def test_what_is_no_data(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "one" / "class").mkdir(parents=True)
    for name, words in (("x.npz", "not a readable"), ("one", "0 class"), ("none", "no data")):
        with pytest.raises(InputFileError, match=words):
            load_training_data(str(tmp_path / name))
    with pytest.raises(InputFileError, match="no readable picture"):
        load_training_data("digits", unlabelled=tmp_path)
    with pytest.raises(UsageError, match="3x3"):
        load_training_data("digits", size=3)


def test_few_labels():
    whole = load_training_data("digits")
    few = keep_labels(whole, 4, seed=2)
    assert np.bincount(few.labelled.classes).tolist() == [4] * 10
    assert len(few.labelled.classes) + len(few.unlabelled) == len(whole.labelled.classes)
    # Nothing is lost, nothing is there twice.
    both = np.concatenate([few.labelled.pixels, few.unlabelled])
    for pixels in (both, whole.labelled.pixels):
        pixels.setflags(write=False)
    assert sorted(p.tobytes() for p in both) == sorted(p.tobytes() for p in whole.labelled.pixels)
    other = keep_labels(whole, 4, seed=3)
    assert not np.array_equal(other.labelled.pixels, few.labelled.pixels)
    note = keep_labels(load_training_data("faces"), 1000, seed=0).notes[-1]
    assert "fewer than 1000" in note
    with pytest.raises(TrainingError, match="too few"):
        keep_labels(whole, 0, seed=0)


def test_classes_out_of_balance_are_told(tmp_path):
    pixels, classes = make_pictures(60)
    kept = np.concatenate([np.flatnonzero(classes < 2), np.flatnonzero(classes == 2)[:3]])
    np.savez(tmp_path / "x.npz", x=pixels[kept], y=classes[kept])
    assert "out of balance: 15" in load_training_data(str(tmp_path / "x.npz"), size=8).notes[0]


def test_large_sets_are_mapped_from_a_file(tmp_path, monkeypatch):
    folder = str(write_folder(tmp_path / "bars", 12))
    small = load_training_data(folder, size=8)
    monkeypatch.setattr(picture_files, "_IN_MEMORY", 100)
    large = load_training_data(folder, size=8)
    for name in ("labelled", "valid"):
        assert np.array_equal(getattr(small, name).pixels, getattr(large, name).pixels)
    assert dataclasses.replace(large).name == "bars"
