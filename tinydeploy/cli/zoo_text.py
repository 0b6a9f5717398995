"""The zoo's nets and the rows of the literature as text of 80 columns, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinydeploy.model.count import Counts
    from tinydeploy.zoo.literature import LiteratureRow
    from tinydeploy.zoo.registry import ModelEntry

WIDTH = 80


@dataclass(frozen=True)
class Counted:
    """A net and its size at its own input."""

    entry: ModelEntry
    counts: Counts

    @property
    def top1(self) -> float | None:
        """As published, percent."""
        return None if self.entry.published is None else self.entry.published.top1


def show_nets(nets: Sequence[Counted], families: Sequence[tuple[str, str]]) -> str:
    """One line per net; what is published stands beside what is counted."""
    sources: list[str] = []
    lines = [
        f"{'':38}{'counted':>8}{'published':>20}",
        f"{'name':<31}{'params':>9}{'MACs':>9}{'params':>9}{'MACs':>9}{'top-1':>6} source",
    ]
    for net in nets:
        entry, published = net.entry, net.entry.published
        line = f"{entry.name:<31}{short(net.counts.parameters):>9}{short(net.counts.macs):>9}"
        if published is not None:
            if published.source not in sources:
                sources.append(published.source)
            accuracy = "" if published.top1 is None else f"{published.top1:g} %"
            line += f"{short(published.parameters):>9}{short(published.macs):>9}{accuracy:>8}"
            marks = ("b" if published.with_batch_norm else "") + ("*" if published.remark else "")
            line += f" {sources.index(published.source) + 1}{marks}"
        lines.append(line.rstrip())
    lines += ["", *_describe_marks(nets)]
    for number, text in enumerate(sources, 1):
        lines += textwrap.wrap(f"{number:>3} {text}", WIDTH, subsequent_indent="    ")
    if families:
        lines += ["", "Other names:"]
        for pattern, title in families:
            lines += textwrap.wrap(f"{pattern:<35} {title}", WIDTH, subsequent_indent=" " * 36)
    return "\n".join(lines)


def _describe_marks(nets: Sequence[Counted]) -> list[str]:
    published = [(net.entry.name, net.entry.published) for net in nets if net.entry.published]
    lines = []
    if any(figures.with_batch_norm for _, figures in published):
        text = "b: their parameters include BN's statistics, their MACs one for each value of BN"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="   ")
    for name, figures in published:
        if figures.remark:
            lines += textwrap.wrap(f"* {name}: {figures.remark}", WIDTH, subsequent_indent="    ")
    return lines


def show_literature(title: str, rows: Sequence[tuple[LiteratureRow, Counts | None]]) -> str:
    """One line per network of a comparison, and its remark below."""
    lines = [
        title,
        f"{'':22}{'params, M':>13}{'MACs, M':>15}",
        f"{'network':<22}{'given':>6}{'ours':>7}{'given':>7}{'ours':>8}{'top-1':>6} net",
    ]
    for row, counts in rows:
        line = f"{row.network:<22}{row.parameters:>6}{_megas(counts, 'parameters', 2):>7}"
        line += f"{row.macs:>7}{_megas(counts, 'macs', 1):>8}{row.top1:>6}"
        lines.append(f"{line} {row.net}".rstrip())
        for text in (row.latency, row.remark):
            lines += textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def _megas(counts: Counts | None, name: str, digits: int) -> str:
    return "" if counts is None else f"{getattr(counts, name) / 1e6:.{digits}f}"


def short(count: float) -> str:
    """Three or four digits with a unit: 964 K, 3.50 M, 113.7 M, 15.5 G."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= factor:
            value = count / factor
            return f"{value:.{2 if value < 10 else 1}f} {unit}"
    return f"{count:g}"


def describe_net(net: Counted) -> dict[str, Any]:
    """A net for JSON; counts are exact, published figures as their source has them."""
    entry, published, counts = net.entry, net.entry.published, net.counts
    return {
        "name": entry.name,
        "title": entry.title,
        "input_shape": list(entry.input_shape),
        "classes": entry.classes,
        "parameters": counts.parameters,
        "parameters_with_statistics": counts.parameters_with_statistics,
        "macs": counts.macs,
        "macs_with_batch_norm": counts.macs_with_batch_norm,
        "published": None
        if published is None
        else {
            "parameters": published.parameters,
            "macs": published.macs,
            "top1": published.top1,
            "source": published.source,
            "with_batch_norm": published.with_batch_norm,
            "remark": published.remark or None,
        },
    }


def describe_row(row: LiteratureRow, counts: Counts | None) -> dict[str, Any]:
    """A row of the literature for JSON."""
    return {
        "comparison": row.comparison,
        "network": row.network,
        "published": {
            "parameters_millions": float(row.parameters) if row.parameters else None,
            "macs_millions": float(row.macs) if row.macs else None,
            "top1": float(row.top1) if row.top1 else None,
            "latency": row.latency or None,
        },
        "net": row.net or None,
        "resolution": row.size,
        "counted": None
        if counts is None
        else {"parameters": counts.parameters, "macs": counts.macs},
        "disagreements": [] if counts is None else list(row.disagreements(counts)),
        "remark": row.remark or None,
    }
