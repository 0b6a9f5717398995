"""The measurements as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.measure import LayerType, Measurement
from benchmarks.peers import CMSIS_NN_PER_OP, MEASURED_CYCLES, PEERS


def show_models(measurements: Sequence[Measurement]) -> str:
    """One line per model, beside TFLite Micro and TinyEngine; all of one core."""
    rows = []
    for m in measurements:
        peer = PEERS.get(m.model)
        cmsis_nn = peer.cmsis_nn.get(m.core) if peer else None
        engine = peer.tiny_engine if peer and m.core == "cortex-m7" else None
        rows.append(
            [
                m.model,
                f"{m.macs:,}",
                f"**{m.instructions:,}**",
                f"{m.instructions / m.macs:.2f}",
                *_estimate(m),
                _count(cmsis_nn),
                _ratio(m.instructions, cmsis_nn),
                _count(engine),
                _ratio(m.instructions, engine),
            ]
        )
    head = ["model", "MACs", "instructions", "per MAC", "cycles, estimated", "per MAC"]
    head += ["TFLM + CMSIS-NN", "ratio", "TinyEngine", "ratio"]
    return _table(head, rows)


def show_sizes(measurements: Sequence[Measurement]) -> str:
    """One line per model: bytes of code and RAM, beside TFLite Micro."""
    rows = []
    for m in measurements:
        peer = PEERS.get(m.model)
        kernels = sum(m.kernel_code.values())
        row = [m.model, f"{m.code:,}", f"{kernels:,}", f"{m.flash:,}", f"{m.weights:,}"]
        row.append(f"{(m.flash - m.code) / (m.parameters + 12 * m.channels):.3f}")
        row += [f"{m.arena:,}", f"{m.scratch:,}"]
        row += [_count(peer.code if peer else None), _count(peer.arena if peer else None)]
        rows.append(row)
    head = [
        "model",
        "code",
        "of it kernels",
        "flash",
        "of it weights",
        "beside what is needed",
        "arena",
    ]
    head += ["scratch of one layer", "TFLM: code and tables", "TFLM: arena"]
    return _table(head, rows)


def show_types(measurements: Iterable[Measurement]) -> str:
    """One line per model and kind of layer."""
    rows = []
    for m in measurements:
        for kind in sorted(m.types, key=lambda kind: -kind.instructions):
            unit = "MAC" if kind.has_macs else "element"
            rows.append(
                [
                    m.model,
                    kind.name,
                    str(kind.layers),
                    f"{kind.work:,} {unit}s",
                    f"{kind.instructions:,}",
                    f"{kind.instructions / kind.work:.2f}",
                    f"{kind.cycles / kind.work:.2f}",
                    f"{kind.code:,}",
                    f"{kind.scratch:,}",
                    *_peer_of(kind),
                ]
            )
    head = ["model", "op", "layers", "work", "instructions", "each", "cycles each, estimated"]
    return _table([*head, "code", "scratch", "TFLM + CMSIS-NN, each", "ratio"], rows)


def show_kernels(measurements: Iterable[Measurement]) -> str:
    """Bytes of code of every kernel file that some model uses."""
    sizes: dict[str, int] = {}
    users: dict[str, list[str]] = {}
    for m in measurements:
        for name, size in m.kernel_code.items():
            sizes[name] = max(sizes.get(name, 0), size)
            users.setdefault(name, []).append(m.model)
    rows = [[f"`{name}`", f"{sizes[name]:,}", ", ".join(users[name])] for name in sorted(sizes)]
    return _table(["file", "bytes", "models"], rows)


def _estimate(m: Measurement) -> tuple[str, str]:
    """Cycles, and cycles per MAC: an estimate, or a bound where boards are known to need more.

    The estimate leaves out what makes real boards wait. Where it is below what the fastest code
    that anybody measured needs on such a core, that stands in its place.
    """
    measured = MEASURED_CYCLES.get(m.model, {}).get(m.core, 0)
    cycles = max(m.cycles, measured)
    sign = ">= " if measured > m.cycles else ""
    return f"{sign}{cycles:,}", f"{sign}{cycles / m.macs:.2f}"


def _peer_of(kind: LayerType) -> tuple[str, str]:
    """What TFLite Micro needs, and our share of it: of its worst layer, then of its best."""
    found = CMSIS_NN_PER_OP.get(kind.name.removesuffix(" + MAX_POOL_2D"))
    if found is None:
        return "", ""
    best, worst, note = found
    each = kind.instructions / kind.work
    text = f"{best:g}" if best == worst else f"{best:g} to {worst:g}"
    ratios = dict.fromkeys(f"{each / theirs:.2f}" for theirs in (worst, best))
    return text + (f" ({note})" if note else ""), " to ".join(ratios)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _ratio(ours: int, theirs: int | None) -> str:
    return "" if theirs is None else f"{ours / theirs:.2f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
