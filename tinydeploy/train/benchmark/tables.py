"""Results as tables: of each data set networks x methods, and of each method networks x data sets.

The forms are those of the benchmark of compact networks with semi-supervised methods by Inés et
al.: four tables per data set (accuracy, macro precision, recall, F1), and one per method whose last
column is the mean, and the population standard deviation, over the data sets. A cell is the mean
over the seeds, with their population standard deviation in brackets where there are several.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.train.benchmark.campaign import Result
from tinydeploy.train.methods.table import METHODS
from tinydeploy.train.metrics import PseudoLabelCounts, Scores
from tinydeploy.train.train_net import TrainRequest

_TITLES = {
    "accuracy": "Accuracy",
    "precision": "Macro precision",
    "recall": "Macro recall",
    "f1": "Macro F1",
}


@dataclass(frozen=True)
class Cell:
    """One combination over its seeds.

    Args:
        values: A score of each seed that succeeded, percent.
        failed: Seeds that did not.
    """

    values: tuple[float, ...]
    failed: int = 0

    @property
    def mean(self) -> float | None:
        """Mean over the seeds; None where one failed: a mean of the others would flatter."""
        return None if self.failed or not self.values else statistics.fmean(self.values)

    def __str__(self) -> str:
        if self.failed:
            return f"failed ({self.failed} of {self.failed + len(self.values)})"
        if not self.values:
            return "-"
        mean = f"{statistics.fmean(self.values):.1f}"
        if len(self.values) == 1:
            return mean
        return f"{mean} ({statistics.pstdev(self.values):.1f})"


def write_markdown(results: Sequence[Result]) -> str:
    """All tables, and a line for each run that failed."""
    data = list(dict.fromkeys(_name_data(result.request) for result in results))
    nets = list(dict.fromkeys(result.request.model for result in results))
    methods = list(dict.fromkeys(result.request.method for result in results))
    shorts = [METHODS[method].short for method in methods]
    parts = []
    for name in data:
        for score, title in _TITLES.items():
            rows = [
                [net, *(str(_cell(results, score, name, net, method)) for method in methods)]
                for net in nets
            ]
            heading = f"{title}, %: {name}"
            parts.append(_table(heading, ["Network", *shorts], _mark_best(rows)))
    if len(data) > 1:
        for method, short in zip(methods, shorts, strict=True):
            rows = []
            for net in nets:
                cells = [_cell(results, "f1", name, net, method) for name in data]
                rows.append([net, *map(str, cells), _over_data(cells)])
            parts.append(_table(f"Macro F1, %: {short}", ["Network", *data, "Mean(std)"], rows))
    parts.append(_lowest(results))
    if labelled := _pseudo_labels(results):
        parts.append(labelled)
    if deployed := _deployments(results):
        parts.append(deployed)
    failed = [result for result in results if result.scores is None]
    if failed:
        lines = [
            f"* {_name_data(r.request)}, {r.request.model}, {r.request.method}, "
            f"seed {r.request.seed}: {r.error}"
            for r in failed
        ]
        parts.append("\n".join(["**Failed runs**", "", *lines]))
    return "\n\n".join(parts) + "\n"


def write_accuracies(results: Sequence[Result]) -> str:
    """Of each data set networks x methods, each seed's accuracy, and the pseudo-labels."""
    data = list(dict.fromkeys(_name_data(result.request) for result in results))
    nets = list(dict.fromkeys(result.request.model for result in results))
    methods = list(dict.fromkeys(result.request.method for result in results))
    rows = [
        [name, net, *(str(_cell(results, "accuracy", name, net, method)) for method in methods)]
        for name in data
        for net in nets
    ]
    shorts = [METHODS[method].short for method in methods]
    parts = [_table("Accuracy, %", ["Data", "Network", *shorts], rows), _lowest(results)]
    if labelled := _pseudo_labels(results):
        parts.append(labelled)
    return "\n\n".join(parts) + "\n"


def write_csv(results: Sequence[Result]) -> str:
    """One row per run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = ("data", "labels", "network", "method", "split_seed", "seed")
    writer.writerow([*fields, *Scores._fields, "seconds", "error"])
    for result in results:
        request = result.request
        scores: Sequence[object] = [""] * len(Scores._fields)
        if result.scores is not None:
            scores = [f"{value:.3f}" for value in result.scores]
        writer.writerow(
            [
                Path(request.data).stem,
                "" if request.labels_per_class is None else request.labels_per_class,
                request.model,
                request.method,
                request.split_seed,
                request.seed,
                *scores,
                f"{result.seconds:.1f}",
                result.error,
            ]
        )
    return text.getvalue()


def group_scores(results: Sequence[Result], score: str = "accuracy") -> dict[tuple[str, str], Cell]:
    """Cells by (data set and network, method)."""
    keys = {
        (f"{_name_data(r.request)}, {r.request.model}", r.request.method): (
            _name_data(r.request),
            r.request.model,
            r.request.method,
        )
        for r in results
    }
    return {key: _cell(results, score, *place) for key, place in keys.items()}


def _cell(results: Sequence[Result], score: str, data: str, net: str, method: str) -> Cell:
    here = [
        result
        for result in results
        if (_name_data(result.request), result.request.model, result.request.method)
        == (data, net, method)
    ]
    good = tuple(float(getattr(r.scores, score)) for r in here if r.scores is not None)
    return Cell(good, len(here) - len(good))


def _lowest(results: Sequence[Result]) -> str:
    """Accuracy of each seed, the lowest first: means hide a seed that went wrong."""
    rows = [
        [place, METHODS[method].short, ", ".join(f"{value:.1f}" for value in sorted(cell.values))]
        for (place, method), cell in group_scores(results).items()
    ]
    return _table("Accuracy of each seed, %, sorted", ["Data, network", "Method", "Seeds"], rows)


def _pseudo_labels(results: Sequence[Result]) -> str:
    """Labels that the methods gave themselves, all seeds together; "" where none did."""
    counts: dict[tuple[str, str, str], list[PseudoLabelCounts]] = {}
    for result in results:
        if result.pseudo_labels is not None:
            request = result.request
            key = (_name_data(request), request.model, METHODS[request.method].short)
            counts.setdefault(key, []).append(result.pseudo_labels)
    rows = []
    for key, found in counts.items():
        pictures, accepted, known, right = (sum(column) for column in zip(*found, strict=True))
        share = f"{100 * right / known:.1f}" if known else "-"
        rows.append([*key, f"{100 * accepted / pictures:.1f}", share])
    if not rows:
        return ""
    title = "Pictures without labels that the teachers labelled, %, and how many of them right, %"
    return _table(title, ["Data", "Network", "Method", "Labelled", "Right"], rows)


def _deployments(results: Sequence[Result]) -> str:
    """What the nets of the first seed are on their board; "" where none was built."""
    rows = []
    board = ""
    for result in results:
        if (built := result.deployment) is not None and result.scores is not None:
            board = built.board
            time = "-" if built.milliseconds is None else f"{built.milliseconds:.2f}"
            rows.append(
                [
                    _name_data(result.request),
                    result.request.model,
                    METHODS[result.request.method].short,
                    f"{result.scores.f1:.1f}",
                    f"{built.float_accuracy:.2f}",
                    f"{built.int8_accuracy:.2f}",
                    f"{built.ram_bytes:,}",
                    f"{built.flash_bytes:,}",
                    f"{built.instructions:,}",
                    time,
                ]
            )
    if not rows:
        return ""
    figures = ["F1", "float, %", "int8, %", "RAM", "flash", "instructions", "ms"]
    title = f"As firmware for {board}, bit-exact: first seed, bytes, ms estimated"
    return _table(title, ["Data", "Network", "Method", *figures], rows)


def _over_data(cells: Sequence[Cell]) -> str:
    means = [cell.mean for cell in cells]
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means):
        return "-"
    return f"{statistics.fmean(known):.1f}({statistics.pstdev(known):.1f})"


def _name_data(request: TrainRequest) -> str:
    name = Path(request.data).stem
    if request.labels_per_class is None:
        return name
    return f"{name}, {request.labels_per_class} per class"


def _mark_best(rows: list[list[str]]) -> list[list[str]]:
    """The best cell of the table in bold."""

    def worth(cell: str) -> float:
        head = cell.split(" ")[0]
        return float(head) if head.replace(".", "").isdigit() else -1.0

    best = max((worth(cell) for row in rows for cell in row[1:]), default=-1.0)
    return [
        [row[0], *(f"**{cell}**" if worth(cell) == best >= 0 else cell for cell in row[1:])]
        for row in rows
    ]


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"**{title}**", "", f"| {' | '.join(headings)} |", "|" + "--|" * len(headings)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)
