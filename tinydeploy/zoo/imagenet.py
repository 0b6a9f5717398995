"""What the nets for ImageNet have in common: input, preprocessing, names by width."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import nn

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.zoo.registry import ModelEntry, Published, register_family, register_model

CLASSES = 1000
INPUT_SHAPE = (1, 3, 224, 224)
# What torchvision's and timm's weights are trained with.
PREPROCESSING = Preprocessing.from_unit(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
WIDEST = 4


def make_entry(
    name: str,
    title: str,
    build: Callable[[], nn.Module],
    published: Published | None = None,
    alike: str = "",
) -> ModelEntry:
    """An entry for a classifier of ImageNet's pictures, 224x224."""
    return ModelEntry(
        name=name,
        title=f"{title}, for ImageNet pictures of 224x224",
        published=published,
        input_shape=INPUT_SHAPE,
        classes=CLASSES,
        preprocessing=PREPROCESSING,
        build=build,
        alike=alike,
    )


def register_widths(
    stem: str,
    title: str,
    build: Callable[[float], nn.Module],
    published: Mapping[float, Published],
    alike: str = "",
) -> None:
    """Registers the published widths of an architecture, and the family of all others.

    Args:
        stem: Names are stem-width, as in "mobilenet_v2-0.35".
        title: What it is.
        build: Makes the network of a width.
        published: Figures by width.
        alike: See ModelEntry.
    """

    def entry(width: float, name: str) -> ModelEntry:
        figures = published.get(width)
        return make_entry(name, f"{title}, width {width:g}", lambda: build(width), figures, alike)

    @register_family(f"{stem}-<width>", f"{title} of any width up to {WIDEST}")
    def parse(name: str) -> ModelEntry | None:
        width = parse_width(stem, name)
        return None if width is None else entry(width, name)

    for width in published:
        register_model(entry(width, f"{stem}-{width}"))


def parse_width(stem: str, name: str) -> float | None:
    """The width in a name such as "mobilenet_v2-0.35"; None for other names."""
    match = re.fullmatch(rf"{re.escape(stem)}-(\d\.\d{{1,4}}|[1-{WIDEST}])", name)
    return float(match[1]) if match and 0 < float(match[1]) <= WIDEST else None
