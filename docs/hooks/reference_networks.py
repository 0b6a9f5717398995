"""The page of the networks that have a name, from the zoo's registry."""

from __future__ import annotations

from markdown_text import cell

from tinydeploy.zoo.registry import list_families, list_models

_INTRO = """\
# Networks

Made from the zoo's registry: what `MODEL` may name. Each takes `--weights` and `--data`
([models](../models.md)); the input is without the batch, channels first. Published figures are
those of whoever published the net.

| name | what | input | published |
|---|---|---|---|
"""

_FAMILIES = ("Of these any size has a name:", "")


def write_networks() -> str:
    """The page."""
    rows = [
        f"| `{each.name}` | {cell(each.title)} | {_shape(each.input_shape[1:])} "
        f"| {cell(each.published.describe()) if each.published else ''} |"
        for each in list_models()
    ]
    families = [f"* `{pattern}`: {title}." for pattern, title in list_families()]
    return "\n".join([_INTRO + "\n".join(rows), "", *_FAMILIES, *families, ""])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
