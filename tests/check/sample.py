"""Small figures and a small tinydeploy.toml for tests of checks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinydeploy.check.figures import Figures, HeldFigures, LayerFigures

CONFIG = """\
# Budgets of all our nets.
[defaults]
board = "stm32h743"

[targets.net]
model = "net.tflite"

[targets.net.budget]
flash = "64 KB"
ram = ["16 KB", "+1 %"]
instructions = "+1 %"
"""


def write_config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "tinydeploy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def conv_layer(
    index: int,
    channels: int,
    inputs: int = 8,
    *,
    name: str | None = None,
    makers: Sequence[int] | None = None,
    **fields: Any,
) -> LayerFigures:
    """A 1x1 convolution on 4x4 pixels, whose figures follow from its channels."""
    return LayerFigures(
        **{
            "index": index,
            "name": f"conv{index}" if name is None else name,
            "op": "CONV_2D",
            "kernel": "conv_2d_gemm_s8",
            "inputs": tuple([index - 1] if makers is None else makers),
            "input_shapes": ((1, 4, 4, inputs),),
            "output_shape": (1, 4, 4, channels),
            "macs": 16 * inputs * channels,
            "flash": inputs * channels + 40,
            "held": 16 * channels,
            "live": 16 * (inputs + channels),
            "scratch": 0,
            "instructions": 20 * inputs * channels,
            "cycles": 22 * inputs * channels,
            **fields,
        }
    )


def chain(*channels: int, names: Sequence[str] | None = None) -> tuple[LayerFigures, ...]:
    """Convolutions one behind the other; the first number is of the model's input."""
    return tuple(
        conv_layer(k, now, before, name=None if names is None else names[k])
        for k, (before, now) in enumerate(pairwise(channels))
    )


def make_figures(
    layers: Sequence[LayerFigures], board: str = "stm32h743", **values: Any
) -> Figures:
    """Figures of a net whose layers run one after the other."""
    peak = max(layers, key=lambda layer: layer.live)
    held = [HeldFigures(peak.index, scratch=False, bytes=peak.held)]
    held += [HeldFigures(peak.index - 1, scratch=False, bytes=peak.live - peak.held)]
    held.sort(key=lambda each: -each.bytes)
    instructions = sum(layer.instructions or 0 for layer in layers)
    return Figures(
        board=board,
        compiler="gcc 12",
        values={
            "flash": 5000 + sum(layer.flash for layer in layers),
            "ram": 4096 + peak.live,
            "stack": 800,
            "instructions": instructions,
            "latency": instructions / 480_000,
            "accuracy": None,
            "max_drop": None,
            "snr": None,
            **values,
        },
        code=5000,
        arena=peak.live,
        peak_layer=peak.index,
        held=tuple(held),
        layers=tuple(layers),
    )
