"""Folders of marked pictures: what is read, what is left out and named, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marked_folders import NAMES, draw_picture, voc_text, write_coco, write_voc

from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import InputFileError, TrainingError, UsageError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.train.detection.annotations import Annotations, read_annotations
from tinydeploy.train.detection.picture_data import load_marked_folder, make_picture_data

GRAY = Preprocessing((0.0,), (1.0,), "gray", "stretch")
SPEC = DetectionSpec((32, 48), (AnchorSource(8, ((8.0, 8.0),)),), NAMES)


def test_voc(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 8)
    found = read_annotations(tmp_path / "voc")
    assert [picture.path.name for picture in found.train] == [f"{k}.png" for k in range(6)]
    assert [picture.path.name for picture in found.test] == ["6.png", "7.png"]
    assert (found.names, found.notes) == (NAMES, ())
    for index, picture in enumerate((*found.train, *found.test)):
        _, box, kind = draw_picture(index)
        (marked,) = picture.objects
        assert (marked.box, marked.name, marked.ignored) == (box, NAMES[kind], False)


def test_lists_of_pictures_that_nobody_has_marked(tmp_path: Path) -> None:
    write_voc(tmp_path, 8)
    lists = tmp_path / "ImageSets" / "Main"
    (lists / "test.txt").write_text("6\n7\nnosuch\n", encoding="utf-8")
    found = read_annotations(tmp_path)
    assert [picture.path.stem for picture in found.test] == ["6", "7"]
    (note,) = found.notes
    assert note == "left out 1 of 3 pictures in test.txt: nosuch (it has no annotations)"
    # VOC's own: the tests' annotations are withheld, and val.txt says what tests.
    (lists / "test.txt").write_text("a\nb\n", encoding="utf-8")
    (lists / "val.txt").write_text("5\n", encoding="utf-8")
    found = read_annotations(tmp_path)
    assert [picture.path.stem for picture in found.test] == ["5"]
    assert found.notes == ()
    (lists / "val.txt").unlink()
    assert len(read_annotations(tmp_path).test) == 2  # a quarter


def test_voc_beside_the_pictures(tmp_path: Path) -> None:
    for index in range(8):
        picture, box, _ = draw_picture(index)
        picture.save(tmp_path / f"{index}.jpg")
        text = voc_text(f"C:\\photos\\{index}.jpg", box, "thing", difficult=1)
        (tmp_path / f"{index}.xml").write_text(text, encoding="utf-8")
    found = read_annotations(tmp_path)
    assert (len(found.train), len(found.test)) == (6, 2)
    assert found == read_annotations(tmp_path)  # the same quarter tests each time
    assert found.train[0].objects[0].ignored


def test_coco(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco", {"train2017": range(5), "val2017": range(5, 8)})
    found = read_annotations(tmp_path / "coco")
    assert [picture.path.name for picture in found.test] == ["5.png", "6.png", "7.png"]
    assert (len(found.train), found.names, found.notes) == (5, NAMES, ())
    for index, picture in enumerate((*found.train, *found.test)):
        _, box, kind = draw_picture(index)
        (marked,) = picture.objects
        assert (marked.box, marked.name) == (box, NAMES[kind])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<annotation>", "no XML"),
        ("", "no XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "it defines entities"),
        (voc_text("0.png", (5, 5, 9, 9), ""), "an object without a name"),
        (voc_text("0.png", (5, 5, 5, 9), "round"), "smaller than a pixel"),
        (voc_text("0.png", (70, 5, 90, 9), "round"), "outside of its picture"),
        (voc_text("0.png", (5, 5, 9, 9), "round").replace(">9<", ">x<"), "bndbox/xmax is 'x'"),
        (voc_text("0.png", (5, 5, 9, 9), "round").replace(">9<", ">nan<"), "is no numbers"),
        (voc_text("0.png", (5, 5, 9, 9), "a").replace("<width>64</width>", ""), "size/width is mi"),
        (voc_text("../../other.png", (5, 5, 9, 9), "round"), "its picture is missing"),
    ],
)
def test_voc_entries_that_cannot_be_used_are_named(tmp_path: Path, text: str, why: str) -> None:
    write_voc(tmp_path / "voc", 8)
    picture, _, _ = draw_picture(0)
    picture.save(tmp_path / "other.png")
    (tmp_path / "voc" / "Annotations" / "bad.xml").write_text(text, encoding="utf-8")
    (note,) = read_annotations(tmp_path / "voc").notes
    assert note.startswith("left out 1 of 9 annotations: bad.xml (")
    assert why in note


@pytest.mark.parametrize(
    ("where", "entry", "why"),
    [
        ("annotations", {"id": 9, "image_id": 0, "category_id": 1, "bbox": [1, 1, 5, 5]}, "catego"),
        ("annotations", {"id": 9, "image_id": 99, "category_id": 7, "bbox": [1, 1, 5, 5]}, "pictu"),
        ("annotations", {"id": 9, "image_id": 0, "category_id": 7, "bbox": [1, 1, 5]}, "four numb"),
        ("annotations", {"id": 9, "image_id": 0, "category_id": 7, "bbox": [1, 1, 0, 5]}, "smalle"),
        ("annotations", {"id": 9, "image_id": 0}, "no image_id, category_id or bbox"),
        ("annotations", [1, 2], "no image_id"),
        ("images", {"id": 99, "file_name": "no.png", "width": 64, "height": 64}, "is missing"),
        ("images", {"id": 99, "file_name": "../a.png", "width": 9, "height": 9}, "is missing"),
        ("images", {"id": 99, "file_name": "\0", "width": 9, "height": 9}, "is missing"),
        ("images", {"file_name": "0.png"}, "without id"),
    ],
)
def test_coco_entries_that_cannot_be_used_are_named(
    tmp_path: Path, where: str, entry: Any, why: str
) -> None:
    write_coco(tmp_path / "coco", {"train": range(6)})
    draw_picture(0)[0].save(tmp_path / "a.png")
    path = tmp_path / "coco" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content[where].append(entry)
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_annotations(tmp_path / "coco")
    (note,) = found.notes
    assert note.startswith("left out 1 of 13 pictures and objects: ")
    assert why in note
    assert len(found.train) + len(found.test) == 6


def _remove(folder: Path) -> None:
    for picture in list((folder / "JPEGImages").iterdir())[:5]:
        picture.unlink()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda folder: None, "there are no annotations"),
        (lambda folder: folder.rmdir(), "there is no folder"),
        (lambda folder: (folder / "a.json").write_text("{"), "is no JSON"),
        (lambda folder: (folder / "a.json").write_text("[]"), "has no list 'images'"),
        (lambda folder: (folder / "a.json").write_text('{"images": 1}'), "has no list 'images'"),
        (lambda folder: (write_voc(folder, 8), _remove(folder)), "5 of 8 annotations in .* cannot"),
    ],
)
def test_folders_that_are_refused(
    tmp_path: Path, change: Callable[[Path], object], what: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    change(folder)
    with pytest.raises(InputFileError, match=what) as error:
        read_annotations(folder)
    assert "VOC" in error.value.hint


def test_pictures_are_stretched_with_their_boxes(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 8)
    data = load_marked_folder(tmp_path / "voc", SPEC, GRAY)
    assert data.calibration.shape == (6, 1, 32, 48)
    assert data.test is not None
    assert data.test.inputs.shape == (2, 1, 32, 48)
    _, box, kind = draw_picture(6)
    scale = np.array([48 / 64, 32 / 64, 48 / 64, 32 / 64])
    assert data.test.objects[0].boxes[0] == pytest.approx(box * scale)
    assert data.test.objects[0].classes.tolist() == [kind]


def test_training_parts_keep_boxes_round_the_objects(tmp_path: Path) -> None:
    """However a picture is cut, mirrored or brightened: what is bright is in a box."""
    write_voc(tmp_path / "voc", 8)
    spec = DetectionSpec((64, 64), SPEC.sources, NAMES)
    draw = load_marked_folder(tmp_path / "voc", spec, GRAY).make_draw(0)
    inputs, scenes = draw(60)
    shapes = set()
    for picture, scene in zip(inputs[:, 0], scenes, strict=True):
        (box,) = scene.boxes
        bright = np.argwhere(picture > 0.6 * picture.max())
        edges = np.array([*bright.min(0)[::-1], *(bright.max(0)[::-1] + 1)])
        # Part of an object whose centre is outside of the view is nobody's; here all are inside.
        assert np.abs(edges - box).max() <= 3
        shapes.add(round(float(box[2] - box[0])))
    assert len(shapes) > 10  # of many sizes
    again = load_marked_folder(tmp_path / "voc", spec, GRAY).make_draw(0)(60)[0]
    assert np.array_equal(inputs, again)


def test_classes_that_the_net_does_not_know(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 12)
    some = DetectionSpec((64, 64), SPEC.sources, ("square", "other"))
    data = load_marked_folder(tmp_path / "voc", some, GRAY)
    assert "objects that the net does not know are left out: round" in data.notes
    _, scenes = data.make_draw(0)(20)
    assert {int(kind) for scene in scenes for kind in scene.classes} == {0}
    none = DetectionSpec((64, 64), SPEC.sources, ("other",))
    with pytest.raises(InputFileError, match="are round, square; the net finds other"):
        load_marked_folder(tmp_path / "voc", none, GRAY)


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 8)
    (tmp_path / "voc" / "JPEGImages" / "2.png").write_bytes(b"no picture")
    data = load_marked_folder(tmp_path / "voc", SPEC, GRAY)
    assert len(data.calibration) == 5
    assert any("left out 1 of 6 pictures: 2.png (" in note for note in data.notes)
    data.make_draw(0)(30)


def test_nothing_to_train_with(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 8)
    found = read_annotations(tmp_path / "voc")
    kind = {o.name for p in found.test for o in p.objects}.pop()
    empty = Annotations(tuple(type(p)(p.path, ()) for p in found.train), found.test, found.notes)
    spec = DetectionSpec((64, 64), SPEC.sources, (kind,))
    data = make_picture_data(tmp_path, empty, spec, GRAY)
    with pytest.raises(TrainingError, match="no pictures to train with"):
        data.make_draw(0)(1)


def test_cropped_pictures_are_refused(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc", 8)
    crop = Preprocessing((0.0,), (1.0,), "gray", "center-crop")
    with pytest.raises(UsageError, match="cropped"):
        load_marked_folder(tmp_path / "voc", SPEC, crop)
