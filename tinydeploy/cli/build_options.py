"""What `build` and `check` have in common: the same options, the same request."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints

from tinydeploy.cli.options import (
    BoardOption,
    ColorOption,
    DataOption,
    EffortOption,
    InputChoice,
    InputOption,
    InputShapeOption,
    IoChoice,
    IoOption,
    LabelsOption,
    LayoutOption,
    MaxDropOption,
    MaxExtraMacsOption,
    MaxFlashOption,
    MaxRamOption,
    MeanOption,
    MinSnrOption,
    ModelArgument,
    OptimizeChoice,
    OptimizeOption,
    PreprocessOption,
    ResizeOption,
    StdOption,
    WeightsOption,
    parse_bytes,
    parse_numbers,
    parse_percent,
    parse_shape,
)
from tinydeploy.pipeline import BuildRequest
from tinydeploy.source.options import SourceOptions


def _make_request(
    board: BoardOption,
    model: ModelArgument = None,
    weights: WeightsOption = None,
    data: DataOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    color: ColorOption = None,
    resize: ResizeOption = None,
    preprocess: PreprocessOption = None,
    labels: LabelsOption = None,
    input_shape: InputShapeOption = None,
    layout: LayoutOption = None,
    effort: EffortOption = None,
    optimize: OptimizeOption = OptimizeChoice.BALANCED,
    input_form: InputOption = InputChoice.ARENA,
    io: IoOption = IoChoice.INT8,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_extra_macs: MaxExtraMacsOption = None,
    min_snr: MinSnrOption = None,
    max_drop: MaxDropOption = None,
) -> BuildRequest:
    return BuildRequest(
        board=board,
        model=model,
        options=SourceOptions(
            weights=weights,
            data=data,
            mean=parse_numbers("--mean", mean),
            std=parse_numbers("--std", std),
            labels=labels,
            preprocess=preprocess,
            color=None if color is None else color.value,
            resize=None if resize is None else resize.value,
            input_shape=parse_shape("--input-shape", input_shape),
            layout=None if layout is None else layout.value,
            effort=None if effort is None else effort.value,
        ),
        optimize=optimize.value,
        input_form=input_form.value,
        float_ends=io is IoChoice.FLOAT,
        max_ram=None if max_ram is None else parse_bytes(max_ram),
        max_flash=None if max_flash is None else parse_bytes(max_flash),
        max_extra_macs=parse_percent("--max-extra-macs", max_extra_macs),
        min_snr=min_snr,
        max_drop=max_drop,
    )


def takes_build_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all options that say what to build, and calls it with the request.

    Args:
        command: Takes a BuildRequest, and options of its own with defaults.
    """
    shared = _parameters(_make_request)
    own = _parameters(command)[1:]

    @wraps(command)
    def called(**options: Any) -> None:
        request = _make_request(**{each.name: options.pop(each.name) for each in shared})
        command(request, **options)

    # Typer reads a command's options from its signature.
    called.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    return called


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Parameters with their annotations evaluated."""
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
    ]
