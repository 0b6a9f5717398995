"""Shows what a detector found: as a table, and drawn into the picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from tinydeploy.cli.console import stdout
from tinydeploy.cli.model_input import choose_picture_preprocessing, import_pictures
from tinydeploy.detection.postprocess import CORNERS, SCORE_ONE, UNITS, Detector
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.graph.graph import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_drawing(graph: Graph, image: Path, output: Path) -> None:
    """Says early what `draw_found` cannot do.

    Raises:
        UsageError: There is no picture, or nothing to draw into it.
    """
    if graph.detector is None:
        raise UsageError(
            f"{graph.name} finds no boxes, so there is nothing to draw",
            "Leave --output out: the classes are shown.",
        )
    if image.suffix == ".npy":
        raise UsageError("boxes are drawn into a picture, not into a .npy file", "Give a picture.")
    if output.suffix.lower() != ".png":
        raise UsageError(f"{output} is no .png file", "Boxes are drawn as --output found.png.")


def show_found(detector: Detector, found: NDArray[np.void]) -> None:
    """A table of boxes, best first, in pixels of the net's input."""
    height, width = detector.spec.image_size
    stdout.print(
        f"{len(found)} found, in pixels of the net's picture, {height} high and {width} wide"
        if len(found)
        else f"nothing found with a score of at least {detector.spec.score_threshold:g}",
        markup=False,
    )
    if not len(found):
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("class", "label", "score", "left", "top", "right", "bottom"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for box in found:
        number = int(box["label"])
        corners = (f"{box[corner] / UNITS:.2f}" for corner in CORNERS)
        score = f"{box['score'] / SCORE_ONE:.3f}"
        table.add_row(str(number), detector.spec.classes[number], score, *corners)
    stdout.print(table)


def draw_found(graph: Graph, found: NDArray[np.void], image: Path, output: Path) -> None:
    """Writes the picture with the boxes in it, as large as it was.

    Raises:
        OutputError: The file cannot be written.
    """
    detector = graph.detector
    assert detector is not None
    import_pictures()
    from tinydeploy.model.picture import read_picture, unfit_boxes
    from tinydeploy.report.draw_boxes import draw_boxes

    preprocessing = choose_picture_preprocessing(graph)
    picture = read_picture(image, preprocessing)
    corners: NDArray[Any] = np.stack([found[corner] for corner in CORNERS], axis=-1) / UNITS
    drawn = draw_boxes(
        picture,
        unfit_boxes(corners, picture, preprocessing, *detector.spec.image_size),
        [detector.spec.classes[number] for number in found["label"]],
        (found["score"] / SCORE_ONE).tolist(),
        found["label"].tolist(),
    )
    try:
        drawn.save(output)
    except OSError as error:
        raise OutputError(
            f"cannot write {output}: {error.strerror or error}", "Choose another place."
        ) from error
    stdout.print(f"{output}: the picture with its boxes", markup=False, soft_wrap=True)
