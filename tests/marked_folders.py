"""Small folders of the VOC and of the COCO format: bright squares of two classes on dark ground."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("round", "square")


def draw_picture(seed: int, side: int = 64) -> tuple[Image.Image, tuple[int, int, int, int], int]:
    """A picture with one object, its box (x0, y0, x1, y1) and its class."""
    rng = np.random.default_rng(seed)
    kind = int(rng.integers(2))
    size = int(rng.integers(16, 28))
    x0, y0 = (int(place) for place in rng.integers(0, side - size, 2))
    pixels = rng.integers(0, 40, (side, side), np.uint8)
    rows, columns = np.ogrid[:size, :size]
    middle = (size - 1) / 2
    inside = (rows - middle) ** 2 + (columns - middle) ** 2 <= (size / 2) ** 2
    pixels[y0 : y0 + size, x0 : x0 + size][inside | (kind == 1)] = 220
    return Image.fromarray(pixels), (x0, y0, x0 + size, y0 + size), kind


def write_voc(folder: Path, count: int) -> None:
    """Annotations/0.xml..., JPEGImages/0.png..., the last quarter in ImageSets/Main/test.txt."""
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        picture, box, kind = draw_picture(index)
        picture.save(folder / "JPEGImages" / f"{index}.png")
        text = voc_text(f"{index}.png", box, NAMES[kind])
        (folder / "Annotations" / f"{index}.xml").write_text(text, encoding="utf-8")
    tests = "".join(f"{index}\n" for index in range(count - count // 4, count))
    (folder / "ImageSets" / "Main" / "test.txt").write_text(tests, encoding="utf-8")


def voc_text(file: str, box: tuple[int, int, int, int], name: str, difficult: int = 0) -> str:
    """An annotation; VOC counts pixels from 1, the last one inside."""
    x0, y0, x1, y1 = box
    return (
        f"<annotation><filename>{file}</filename><size><width>64</width><height>64</height></size>"
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>"
        f"<xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object></annotation>"
    )


def write_coco(folder: Path, parts: dict[str, range]) -> None:
    """annotations/instances_<part>.json and <part>/<index>.png."""
    (folder / "annotations").mkdir(parents=True)
    for part, indices in parts.items():
        (folder / part).mkdir()
        images, annotations = [], []
        for index in indices:
            picture, (x0, y0, x1, y1), kind = draw_picture(index)
            picture.save(folder / part / f"{index}.png")
            images.append({"id": index, "file_name": f"{index}.png", "width": 64, "height": 64})
            annotations.append(
                {
                    "id": index,
                    "image_id": index,
                    "category_id": 7 + kind,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "iscrowd": 0,
                }
            )
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 7 + kind, "name": name} for kind, name in enumerate(NAMES)],
        }
        path = folder / "annotations" / f"instances_{part}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
