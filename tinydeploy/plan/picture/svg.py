"""A scene as SVG: one file, no scripts, colours for light and for dark pages."""

from __future__ import annotations

from xml.sax.saxutils import escape

from tinydeploy.plan.picture.scene import Box, Scene, Shape

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "quiet": "#59636e",
    "faint": "#d1d9e0",
    "peak": "#cf222e",
}
_DARK = {
    "paper": "#0d1117",
    "ink": "#e6edf3",
    "quiet": "#9198a1",
    "faint": "#30363d",
    "peak": "#ff7b72",
}


def write_svg(scene: Scene) -> str:
    """The text of an SVG file; same scene, same bytes."""
    size = f"{_number(scene.width)} {_number(scene.height)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">',
        f"<title>{escape(scene.title)}</title>",
        "<style>",
        "text{font:10px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}",
        "text{pointer-events:none}",  # hints belong to what is below
        "path{shape-rendering:crispEdges}",
        *_rules(LIGHT),
        "@media(prefers-color-scheme:dark){",
        *_rules(_DARK),
        "}",
        "</style>",
        _shape(Shape("paper", ((0, 0, scene.width, scene.height),))),
        *(_shape(shape) for shape in scene.shapes),
    ]
    for label in scene.labels:
        anchor = "" if label.anchor == "start" else f' text-anchor="{label.anchor}"'
        place = f'x="{_number(label.x)}" y="{_number(label.y)}"'
        lines.append(f"<text {_colour(label.colour)} {place}{anchor}>{escape(label.text)}</text>")
    return "\n".join([*lines, "</svg>", ""])


def _rules(colours: dict[str, str]) -> list[str]:
    return [f".{role}{{fill:{colour}}}" for role, colour in colours.items()]


def _shape(shape: Shape) -> str:
    path = f'<path {_colour(shape.colour)} d="{"".join(map(_box, shape.boxes))}"'
    return f"{path}><title>{escape(shape.hint)}</title></path>" if shape.hint else f"{path}/>"


def _colour(colour: str) -> str:
    return f'fill="{colour}"' if colour.startswith("#") else f'class="{colour}"'


def _box(box: Box) -> str:
    x, y, width, height = map(_number, box)
    return f"M{x} {y}h{width}v{height}H{x}z"


def _number(value: float) -> str:
    """At most two decimals, none where there are none."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
