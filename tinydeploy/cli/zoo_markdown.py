"""The tables of docs/zoo.md: the zoo's nets and the rows of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinydeploy.cli.zoo_text import Counted, short

if TYPE_CHECKING:
    from tinydeploy.model.count import Counts
    from tinydeploy.zoo.literature import LiteratureRow


def list_nets_markdown(nets: Sequence[Counted], families: Sequence[tuple[str, str]]) -> str:
    """A table of the nets, and a list of the names of other widths."""
    head = ["net", "input", "parameters", "MACs", "published", "MACs", "top-1, %", "source"]
    lines = [head, ["---", "---", "---:", "---:", "---:", "---:", "---:", "---"]]
    for net in nets:
        entry, published = net.entry, net.entry.published
        size = "x".join(map(str, entry.input_shape[1:]))
        cells = [f"{net.counts.parameters:,}", f"{net.counts.macs:,}"]
        if published is None:
            cells += ["", "", "", ""]
        else:
            notes = [published.source]
            if published.with_batch_norm:
                notes.append("BN's statistics and values counted")
            notes += [published.remark] * bool(published.remark)
            top1 = "" if published.top1 is None else f"{published.top1:g}"
            cells += [short(published.parameters), short(published.macs), top1, "; ".join(notes)]
        lines.append([f"`{entry.name}`", size, *cells])
    names = "".join(f"* `{pattern}`: {title}\n" for pattern, title in families)
    return f"{_table(lines)}\nOther names:\n\n{names}"


def list_rows_markdown(title: str, rows: Sequence[tuple[LiteratureRow, Counts | None]]) -> str:
    """A table of one comparison: figures as given there, and as counted."""
    head = ["network", "parameters, M", "counted", "MACs, M", "counted", "top-1, %", "net"]
    lines = [[*head, "remark"], ["---", *["---:"] * 5, "---", "---"]]
    for row, counts in rows:
        ours = ("", "")
        if counts is not None:
            ours = (f"{counts.parameters / 1e6:.2f}", f"{counts.macs / 1e6:.1f}")
        net = f"`{row.net}`" if row.net else ""
        net += f" at {row.size}" if row.size else ""
        remark = "; ".join(text for text in (row.latency, row.remark) if text)
        cells = [row.network, row.parameters, ours[0], row.macs, ours[1], row.top1, net, remark]
        lines.append(cells)
    return f"### {title}\n\n{_table(lines)}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
