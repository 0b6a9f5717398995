"""The findings of `tinydeploy inspect` as text of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinydeploy.validate.tensor_use import TensorUse

if TYPE_CHECKING:
    from tinydeploy.quantize.inspect_model import Inspection, LayerView, TensorView
    from tinydeploy.quantize.remedies import RemedyGain

WIDTH = 80
_BLOCKS = " ▁▂▃▄▅▆▇█"
_HISTOGRAMS = 6
# A histogram's least share that still shows: its scale is logarithmic.
_FAINTEST = 1e-5
_BINS = 32


def show_inspection(
    name: str, inspection: Inspection, snr_db: float, inputs: int, layers: int
) -> str:
    """A float net's layers by their share of the noise, their outputs, and the remedies.

    Args:
        name: Of the model.
        inspection: The findings.
        snr_db: Of the int8 outputs as built by default.
        inputs: Number of inputs that it and the remedies are measured on.
        layers: How many layers to show.
    """
    worst = sorted(inspection.layers, key=lambda view: -view.loss.share)[:layers]
    left = len(inspection.layers) - len(worst)
    lines = [
        f"{name}: {_decibels(snr_db)} dB at the int8 output, on {inputs} inputs",
        "",
        f"Layers by share of the noise; each quantized alone, on {inspection.samples} inputs:",
        "SNR at the net's output in dB with only its weights, biases or output in int8.",
        "",
        f"{'share':>6}{'weights':>9}{'biases':>8}{'output':>8}{'clipped':>9}{'dead':>9}  layer",
        *map(_layer_line, worst),
        *([f"and {left} more; --layers {len(inspection.layers)} shows all"] if left else []),
    ]
    shown = [view for view in worst if view.tensor is not None][:_HISTOGRAMS]
    if shown:
        lines += ["", "Values of their outputs (logarithmic; | ends of int8's range):", ""]
        for view in shown:
            assert view.tensor is not None
            lines += _histogram(view.loss.output, view.tensor)
    if inspection.remedies:
        lines += ["", f"What each remedy gives, alone; measured on {inputs} inputs:", ""]
        lines += map(_remedy_line, inspection.remedies)
    return "\n".join(lines)


def show_use(name: str, used: Sequence[TensorUse], inputs: int, layers: int) -> str:
    """An int8 net's tensors, those with most saturation or least use first.

    Args:
        name: Of the model.
        used: Its tensors.
        inputs: Number of inputs that it ran on.
        layers: How many tensors to show.
    """
    worst = sorted(used, key=lambda use: (-round(use.saturated, 4), use.used))[:layers]
    dead = sum(len(use.dead) for use in used)
    channels = sum(use.channels for use in used)
    left = len(used) - len(worst)
    lines = [
        f"{name}: {len(used)} int8 tensors on {inputs} inputs, {dead} of {channels} channels dead",
        "",
        "Tensors by saturation (values at an end of the range that is no activation",
        "function's), then by the part of the 256 numbers that they use:",
        "",
        f"{'saturated':>10}{'used':>7}{'from':>6}{'to':>5}{'dead':>11}  tensor",
    ]
    for use in worst:
        head = f"{_percent(use.saturated):>10}{100 * use.used:>5.0f} %{use.low:>6}{use.high:>5}"
        head += f"{_dead(len(use.dead), use.channels):>11}  "
        lines += [head + _shorten(f"{use.builtin} {use.name}", WIDTH - len(head))]
        lines += [f"{'':>10}  {_bars(_rebin(use.counts))}"]
    if left:
        lines.append(f"and {left} more; --layers {len(used)} shows all")
    return "\n".join(lines)


def _layer_line(view: LayerView) -> str:
    loss, tensor = view.loss, view.tensor
    parts = (loss.weights_db, loss.bias_db, loss.activations_db)
    weights, bias, output = map(_decibels, parts)
    dead = "" if tensor is None else _dead(len(tensor.dead), tensor.channels)
    head = f"{100 * loss.share:>5.1f}%{weights:>9}{bias:>8}{output:>8}"
    head += f"{_percent(loss.saturated):>9}{dead:>9}  "
    # What torch's exporter ends all names with tells nothing.
    name = loss.output.removesuffix("_output_0")
    return head + _shorten(f"{loss.kind} {name}", WIDTH - len(head))


def _histogram(name: str, tensor: TensorView) -> list[str]:
    span = tensor.seen_high - tensor.seen_low
    marks = [" "] * (len(tensor.histogram) + 1)
    for bound in (tensor.low, tensor.high):
        if tensor.seen_low < bound < tensor.seen_high:
            marks[round((bound - tensor.seen_low) / span * len(tensor.histogram))] = "|"
    lines = [
        f"  {_shorten(name, WIDTH - 2)}",
        f"{tensor.seen_low:>12.4g} {_bars(tensor.histogram)} {tensor.seen_high:.4g}"
        f"   int8 {tensor.low:.4g} to {tensor.high:.4g}",
    ]
    return [*lines, f"{'':>12} {''.join(marks)}".rstrip()] if "|" in marks else lines


def _remedy_line(gain: RemedyGain) -> str:
    change = "" if gain.gain_db == 0 else f"{gain.gain_db:>+8.1f}"
    return f"  {gain.remedy:<44}{_decibels(gain.snr_db):>8} dB{change}"


def _bars(parts: Sequence[float]) -> str:
    """One block per part, its height by the logarithm."""
    steps = len(_BLOCKS) - 1
    most = max(*parts, _FAINTEST)
    heights = [
        1 + math.log(part / most) / math.log(1 / _FAINTEST) if part > 0 else 0.0 for part in parts
    ]
    return "".join(
        _BLOCKS[max(1, math.ceil(height * steps))] if part > 0 else " "
        for part, height in zip(parts, heights, strict=True)
    )


def _rebin(counts: Sequence[int]) -> list[float]:
    width = len(counts) // _BINS
    total = sum(counts) or 1
    return [sum(counts[k * width : (k + 1) * width]) / total for k in range(_BINS)]


def _decibels(value: float) -> str:
    return "-" if math.isinf(value) else f"{value:.1f}"


def _percent(part: float) -> str:
    return "-" if part == 0 else f"{100 * part:.3f} %" if part >= 5e-6 else "<0.001 %"


def _dead(count: int, channels: int) -> str:
    return "-" if count == 0 else f"{count}/{channels}"


def _shorten(text: str, width: int) -> str:
    """The text, or its beginning and end with a gap between."""
    if len(text) <= width:
        return text
    kind, _, name = text.partition(" ")
    room = width - len(kind) - 2 if name else width - 1
    return f"{kind} …{name[-room:]}" if name else f"…{text[-room:]}"
