"""Folders of COCO's format: JSON files that name pictures and the boxes in them.

`annotations/*.json`, or JSON files in the folder or in its subfolders; those with "val" or "test"
in their path test. Pictures lie beside a JSON file, in the folder, in its `images/`, or in a
subfolder that the JSON file is called after: `instances_val2017.json` and `val2017/`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinydeploy.errors import InputFileError
from tinydeploy.train.detection.annotations import (
    ADVICE,
    Annotations,
    MarkedObject,
    MarkedPicture,
    Skipped,
    check_box,
    split_pictures,
)

_MAX_BYTES = 1 << 30
_TESTS = ("val", "test")


def find_files(folder: Path) -> list[Path]:
    """The JSON files, sorted; none where the folder is of another format."""
    found = [*folder.glob("*.json"), *folder.glob("*/*.json")]
    instances = [file for file in found if file.name.startswith("instances_")]
    return sorted(instances or found)


def read_folder(folder: Path) -> Annotations:
    """Reads all pictures; what cannot be used is left out and named.

    Raises:
        InputFileError: A JSON file is damaged, nothing can be used, or most of it cannot.
    """
    skipped, total = Skipped(), 0
    parts: dict[bool, list[MarkedPicture]] = {False: [], True: []}
    for file in find_files(folder):
        content = _load(file)
        total += len(content["images"]) + len(content["annotations"])
        tests = any(word in str(file.relative_to(folder)).lower() for word in _TESTS)
        parts[tests] += _read_file(folder, file, content, skipped)
    notes = skipped.tell("pictures and objects", total, folder)
    train, test = tuple(parts[False]), tuple(parts[True])
    if not train or not test:
        train, test = split_pictures((*train, *test))
    if not train:
        raise InputFileError(f"no picture in {folder} is left to train or calibrate with", ADVICE)
    return Annotations(train, test, notes)


def _load(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputFileError(f"{file} is larger than {_MAX_BYTES >> 30} GB", ADVICE)
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise InputFileError(f"cannot read {file}: {error.strerror or error}", ADVICE) from error
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(f"{file} is no JSON: {reason}", ADVICE) from error
    for name in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise InputFileError(f"{file} has no list '{name}', so it is not COCO's", ADVICE)
    found: dict[str, Any] = content
    return found


def _read_file(
    folder: Path, file: Path, content: dict[str, Any], skipped: Skipped
) -> list[MarkedPicture]:
    names = {
        each["id"]: each["name"]
        for each in content["categories"]
        if _has(each, id=int, name=str) and each["name"]
    }
    pictures: dict[int, tuple[Path, float, float]] = {}
    for image in content["images"]:
        if not _has(image, id=int, file_name=str, width=(int, float), height=(int, float)):
            skipped.add(_show(image), "a picture without id, file_name, width or height")
            continue
        path = _find_picture(folder, file, image["file_name"])
        if path is None:
            skipped.add(image["file_name"], "the picture is missing")
        else:
            pictures[image["id"]] = (path, image["width"], image["height"])
    known = {image["id"] for image in content["images"] if _has(image, id=int)}
    objects: dict[int, list[MarkedObject]] = {identity: [] for identity in pictures}
    for each in content["annotations"]:
        title = f"annotation {each['id']}" if _has(each, id=int) else _show(each)
        if not _has(each, image_id=int, category_id=int, bbox=list):
            skipped.add(title, "no image_id, category_id or bbox")
        elif each["category_id"] not in names:
            skipped.add(title, f"there is no category {each['category_id']}")
        elif each["image_id"] not in known:
            skipped.add(title, f"there is no picture {each['image_id']}")
        elif each["image_id"] in pictures:  # else it was told of the picture
            _, width, height = pictures[each["image_id"]]
            box = _read_box(each["bbox"])
            why = "a box is not four numbers" if box is None else check_box(box, width, height)
            if why or box is None:
                skipped.add(title, why)
                continue
            ignored = each.get("iscrowd") == 1
            name = names[each["category_id"]]
            objects[each["image_id"]].append(MarkedObject(name, box, ignored))
    return [MarkedPicture(pictures[i][0], tuple(found)) for i, found in objects.items()]


def _has(value: Any, **kinds: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), kind) and not isinstance(value[name], bool)
        for name, kind in kinds.items()
    )


def _show(value: Any) -> str:
    return json.dumps(value)[:60]


def _read_box(values: list[Any]) -> tuple[float, float, float, float] | None:
    """(x, y, w, h) as corners."""
    if len(values) != 4 or not all(_has({"v": value}, v=(int, float)) for value in values):
        return None
    x, y, w, h = (float(value) for value in values)
    return x, y, x + w, y + h


def _find_picture(folder: Path, file: Path, name: str) -> Path | None:
    """A picture inside of the folder; None where there is none."""
    split = file.stem.removeprefix("instances_")
    root = folder.resolve()
    for place in (
        file.parent,
        folder,
        folder / "images",
        folder / split,
        folder / "images" / split,
    ):
        try:
            path = (place / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                return place / name
        except (OSError, ValueError):  # names that no file can have
            return None
    return None
