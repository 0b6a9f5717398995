"""Folders of Pascal VOC's format: one XML file per picture.

`Annotations/*.xml` beside `JPEGImages/`, or XML files beside their pictures. The lists
`ImageSets/Main/test.txt` or `val.txt` say which pictures test. VOC counts pixels from 1, and the
last one is inside.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PureWindowsPath

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

_MAX_BYTES = 4 << 20
_MAX_OBJECTS = 10_000
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_PICTURES = ("JPEGImages", "images", ".")


def find_files(folder: Path) -> list[Path]:
    """The XML files, sorted; none where the folder is of another format."""
    return sorted((folder / "Annotations").glob("*.xml")) or sorted(folder.glob("*.xml"))


def read_folder(folder: Path) -> Annotations:
    """Reads all pictures; what cannot be used is left out and named.

    Raises:
        InputFileError: Nothing can be used, or most of it cannot.
    """
    files, skipped = find_files(folder), Skipped()
    pictures: dict[str, MarkedPicture] = {}
    for file in files:
        try:
            pictures[file.stem] = _read_picture(folder, file)
        except _UnusableError as error:
            skipped.add(file.name, str(error))
    notes = skipped.tell("annotations", len(files), folder)
    tests, unknown = _read_tests(folder, {file.stem for file in files})
    notes += unknown
    train = tuple(picture for stem, picture in pictures.items() if stem not in tests)
    test = tuple(picture for stem, picture in pictures.items() if stem in tests)
    if not tests:
        train, test = split_pictures(train)
    if not train:
        raise InputFileError(f"no picture in {folder} is left to train or calibrate with", ADVICE)
    return Annotations(train, test, notes)


class _UnusableError(Exception):
    """An entry that cannot be used; says why."""


def _read_picture(folder: Path, file: Path) -> MarkedPicture:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise _UnusableError(f"more than {_MAX_BYTES >> 20} MB")
        content = file.read_bytes()
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise _UnusableError("it defines entities")
        root = ElementTree.fromstring(content)
    except OSError as error:
        raise _UnusableError(error.strerror or "not readable") from error
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise _UnusableError(f"no XML: {str(error).splitlines()[0]}") from error
    path = _find_picture(folder, file, root.findtext("filename") or "")
    marked = root.findall("object")
    if len(marked) > _MAX_OBJECTS:
        raise _UnusableError(f"more than {_MAX_OBJECTS} objects")
    width, height = (_number(root, f"size/{side}") for side in ("width", "height"))
    return MarkedPicture(path, tuple(_read_object(each, width, height) for each in marked))


def _read_object(each: ElementTree.Element, width: float, height: float) -> MarkedObject:
    name = (each.findtext("name") or "").strip()
    if not name:
        raise _UnusableError("an object without a name")
    x0, y0, x1, y1 = (_number(each, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax"))
    box = (x0 - 1, y0 - 1, x1, y1)
    if why := check_box(box, width, height):
        raise _UnusableError(why)
    return MarkedObject(name, box, (each.findtext("difficult") or "0").strip() == "1")


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path)
    try:
        return float(text or "")
    except ValueError:
        raise _UnusableError(f"{path} is {'missing' if text is None else repr(text)}") from None


def _find_picture(folder: Path, file: Path, named: str) -> Path:
    """By the name that the file tells, without any folder, else by its own."""
    name = PureWindowsPath(named).name  # which knows both separators
    names = [name, *(file.stem + suffix for suffix in _SUFFIXES)]
    for place in (file.parent, *(folder / each for each in _PICTURES)):
        for each in names:
            if each and (place / each).is_file():
                return place / each
    raise _UnusableError("its picture is missing")


def _read_tests(folder: Path, known: set[str]) -> tuple[set[str], tuple[str, ...]]:
    """Names of the pictures that test, and notes of those that nobody has marked.

    A list of which no picture is marked counts as none: VOC's own tests come without annotations.
    """
    for name in ("test.txt", "val.txt"):
        try:
            lines = (folder / "ImageSets" / "Main" / name).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            continue
        listed = {line.split()[0] for line in lines if line.strip()}
        unknown = Skipped()
        for stem in sorted(listed - known):
            unknown.add(stem, "it has no annotations")
        if listed & known:
            return listed & known, unknown.tell(f"pictures in {name}", len(listed), folder)
    return set(), ()
