"""The networks of four published comparisons, each beside what is counted here.

    compact       light and heavy classifiers by accuracy, size and latency
    distillation  nets for semi-supervised learning in medicine (compact-distillation)
    tinyml        nets of the same authors' earlier study
    etinynet      EtinyNet among its peers (the authors' table)

The rows are in literature.csv, figures as published. A row says in a remark why a figure is not
the one that is counted, where rounding does not explain it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from tinydeploy.model.count import Counts
from tinydeploy.zoo.counts import CountBook
from tinydeploy.zoo.registry import find_model

TITLES = {
    "compact": "Light and heavy classifiers",
    "distillation": "Nets for compact distillation",
    "tinyml": "Nets of a study of tiny models in medicine",
    "etinynet": "EtinyNet among its peers",
}
# What explains a figure as well as rounding to its last digit does.
_CLOSE = 0.005


@dataclass(frozen=True)
class LiteratureRow:
    """A network as a comparison names it.

    Args:
        comparison: A key of TITLES.
        network: Its name there.
        net: Name in the zoo; empty where there is no definition to count.
        size: Height and width of the input that the figures are for; None with no net.
        top1: Percent, as written; empty where not given.
        parameters: In millions, as written; likewise.
        macs: In millions, likewise.
        latency: In words; likewise.
        remark: What is wrong with the figures or another convention; why there is no net.
    """

    comparison: str
    network: str
    net: str
    size: int | None
    top1: str
    parameters: str
    macs: str
    latency: str
    remark: str

    def count(self, book: CountBook) -> Counts | None:
        """The net's size; None with no net."""
        return book.count(find_model(self.net), self.size) if self.net else None

    def disagreements(self, counts: Counts) -> tuple[str, ...]:
        """Which figures are neither the counted ones nor, for accuracy, those of the net's source.

        The convention is the net's: with BN's statistics and MACs where its source counts so.
        """
        published = find_model(self.net).published
        with_batch_norm = published is not None and published.with_batch_norm
        own = published is not None and published.top1 is not None
        found = []
        if not rounds_to(self.parameters, pick_parameters(counts, with_batch_norm) / 1e6):
            found.append("parameters")
        if not rounds_to(self.macs, pick_macs(counts, with_batch_norm) / 1e6):
            found.append("MACs")
        if own and published and published.top1 and not rounds_to(self.top1, published.top1, 0.001):
            found.append("top-1")
        return tuple(found)


def pick_parameters(counts: Counts, with_batch_norm: bool) -> int:
    """The count in one convention or the other."""
    return counts.parameters_with_statistics if with_batch_norm else counts.parameters


def pick_macs(counts: Counts, with_batch_norm: bool) -> int:
    """Likewise."""
    return counts.macs_with_batch_norm if with_batch_norm else counts.macs


def rounds_to(written: str, value: float, close: float = _CLOSE) -> bool:
    """Whether a written number stands for a value: by its last digit, or as close as that.

    Args:
        written: Such as "3.4"; empty stands for anything.
        value: What it may stand for.
        close: Relative difference that is accepted whatever the digits.
    """
    if not written:
        return True
    number = Decimal(written)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    unit = 10.0**exponent
    difference = abs(float(number) - value)
    return difference <= max(unit / 2 * 1.001, close * float(number))


@cache
def list_literature() -> tuple[LiteratureRow, ...]:
    """All rows, in the order of their comparisons."""
    path = Path(__file__).with_name("literature.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            LiteratureRow(
                comparison=row["list"],
                network=row["network"],
                net=row["net"],
                size=int(row["size"]) if row["net"] and row["size"] else None,
                top1=row["top1"],
                parameters=row["params_m"],
                macs=row["macs_m"],
                latency=row["latency"],
                remark=row["remark"],
            )
            for row in csv.DictReader(file)
        )
