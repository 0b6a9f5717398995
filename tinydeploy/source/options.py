"""What the user may say of a model besides its name, and which of it fits what kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from tinydeploy.errors import UsageError

Layout = Literal["nchw", "nhwc"]


@dataclass(frozen=True)
class SourceOptions:
    """None everywhere: not said.

    Args:
        weights: Trained weights, for a net that comes without: .params, .pt or .safetensors.
        data: Calibration data: a folder of pictures, or a .npy or .npz file.
        mean: Of the preprocessing, in units of the pixel, 0 to 255: one, or one per channel.
        std: Likewise.
        layout: Order of the axes of the net's input, and of the arrays in `data`.
    """

    weights: Path | None = None
    data: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    layout: Layout | None = None

    def given(self) -> Mapping[str, str]:
        """Names of the fields that are set, by the option of the command line that sets them."""
        return {
            f"--{field.name.replace('_', '-')}": field.name
            for field in fields(self)
            if getattr(self, field.name) is not None
        }


PREPROCESSING = frozenset({"mean", "std", "layout"})
FLOAT_FILE = PREPROCESSING | {"data"}


def check_options(
    options: SourceOptions, allowed: frozenset[str], reasons: Mapping[str, tuple[str, str]]
) -> None:
    """Refuses options that say nothing about this kind of source.

    Args:
        options: What the user said.
        allowed: Fields that may be set.
        reasons: By field, "" for all others: what the option is for, and the advice.

    Raises:
        UsageError: One of the others is set.
    """
    for option, field in sorted(options.given().items()):
        if field not in allowed:
            why, advice = reasons.get(field, reasons[""])
            raise UsageError(f"{option} {why}", advice)
