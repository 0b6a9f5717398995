"""Which classes the int8 net takes for which others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tinydeploy.report.build_report import AccuracyFacts, BuildReport
from tinydeploy.report.page.words import make_printable

_MOST_CLASSES = 24  # of a matrix that can still be read
_MOST_PAIRS = 20


@dataclass(frozen=True)
class Cell:
    """Samples, and their part of the row's, 0 to 1."""

    count: int
    share: float


@dataclass(frozen=True)
class MatrixRow:
    """A class, what its samples were taken for, and the part of them that was right."""

    title: str
    cells: tuple[Cell, ...]
    right: float | None


@dataclass(frozen=True)
class Pair:
    """A mistake, and how often it was made."""

    right: str
    named: str
    count: int


@dataclass(frozen=True)
class Confusion:
    """The matrix, where there are few enough classes; the most frequent mistakes in any case."""

    titles: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    pairs: tuple[Pair, ...]
    mistakes: int


def view_confusion(report: BuildReport) -> Confusion | None:
    """The confusion of a report's int8 net; None where there were no labels."""
    accuracy = report.accuracy
    if accuracy is None:
        return None
    labels = report.model.labels

    def title(number: int) -> str:
        return make_printable(labels[number]) if number < len(labels) else str(number)

    wrong = [entry for entry in accuracy.confusion if entry[0] != entry[1]]
    wrong.sort(key=lambda entry: -entry[2])
    small = accuracy.classes <= _MOST_CLASSES
    return Confusion(
        titles=tuple(map(title, range(accuracy.classes))) if small else (),
        rows=_rows(accuracy, list(map(title, range(accuracy.classes)))) if small else (),
        pairs=tuple(
            Pair(title(right), title(named), count) for right, named, count in wrong[:_MOST_PAIRS]
        ),
        mistakes=sum(count for _, _, count in wrong),
    )


def _rows(accuracy: AccuracyFacts, titles: list[str]) -> tuple[MatrixRow, ...]:
    counts = Counter({(right, named): count for right, named, count in accuracy.confusion})
    rows = []
    for right, text in enumerate(titles):
        row = [counts[right, named] for named in range(len(titles))]
        total = sum(row)
        cells = tuple(Cell(count, count / total if total else 0.0) for count in row)
        rows.append(MatrixRow(text, cells, row[right] / total if total else None))
    return tuple(rows)
