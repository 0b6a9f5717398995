"""What the user may say of a model besides its name, and which of it fits what kind of source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tinydeploy.errors import UsageError
from tinydeploy.source.text_files import read_rules_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinydeploy.model.choose_preprocessing import PictureOptions

Layout = Literal["nchw", "nhwc"]
Effort = Literal["low", "normal", "high"]
Task = Literal["classification", "detection"]


@dataclass(frozen=True)
class SourceOptions:
    """None everywhere: not said.

    Args:
        weights: Trained weights, for a net that comes without: .params, .pt or .safetensors.
        data: Calibration data: a folder of pictures, a .npy or .npz file, or an iterable of inputs.
        labels: Names of the classes, one per line.
        preprocess: A .toml file that says what the fields below say; they have precedence.
        mean: Of the preprocessing, in units of the pixel, 0 to 255: one, or one per channel.
        std: Likewise.
        color: Order of the channels of a picture.
        resize: How a picture gets the input's size.
        crop_fraction: Part of a picture's shorter side that a crop keeps.
        input_shape: Of a net that does not tell: (C, H, W), (C, steps) or (features,); another size
            of pictures for a net of the zoo.
        layout: Order of the axes of the net's input, and of the arrays in `data`.
        effort: How much time quantization may take.
        mixed: Share of RAM and instructions that int16 activations may add, 0.15 for 15 %.
        task: What the net is for; for "detection", `data` is a folder of marked pictures.
    """

    weights: Path | None = None
    data: Path | Iterable[NDArray[Any]] | None = None
    labels: Path | None = None
    preprocess: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    color: Literal["rgb", "bgr", "gray"] | None = None
    resize: Literal["stretch", "crop"] | None = None
    crop_fraction: float | None = None
    input_shape: tuple[int, ...] | None = None
    layout: Layout | None = None
    effort: Effort | None = None
    mixed: float | None = None
    task: Task | None = None

    def given(self) -> Mapping[str, str]:
        """Names of the fields that are set, by the option of the command line that sets them."""
        return {
            f"--{field.name.replace('_', '-')}": field.name
            for field in fields(self)
            if getattr(self, field.name) is not None
        }

    def fill(self, defaults: Mapping[str, Any]) -> SourceOptions:
        """The same, with what is not said filled in; defaults may be None."""
        return replace(
            self,
            **{name: value for name, value in defaults.items() if getattr(self, name) is None},
        )

    def read_preprocess(self) -> SourceOptions:
        """The same, with what the preprocess file says filled in.

        Raises:
            InputFileError: The file cannot be used.
        """
        if self.preprocess is None:
            return self
        rules = read_rules_file(self.preprocess)
        return self.fill({field.name: getattr(rules, field.name) for field in fields(rules)})

    @property
    def pictures(self) -> PictureOptions:
        """What is said of pictures."""
        from tinydeploy.model.choose_preprocessing import PictureOptions

        return PictureOptions(
            **{field.name: getattr(self, field.name) for field in fields(PictureOptions)}
        )


PREPROCESSING = frozenset(
    {"preprocess", "mean", "std", "color", "resize", "crop_fraction", "layout"}
)
FLOAT_FILE = PREPROCESSING | {"data", "labels", "effort", "mixed"}
ZOO = frozenset({"weights", "data", "labels", "effort", "mixed", "input_shape"})


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
            why, advice = reasons[field if field in reasons else ""]
            raise UsageError(f"{option} {why}", advice)
