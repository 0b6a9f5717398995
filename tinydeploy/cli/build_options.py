"""What several commands have in common: the same options of models and of builds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any, get_args, get_type_hints

from tinydeploy.cli.options import (
    BaudOption,
    BoardOption,
    ColorOption,
    DataOption,
    EffortOption,
    FirmwareChoice,
    FirmwareOption,
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
    MixedOption,
    ModelArgument,
    OptimizeChoice,
    OptimizeOption,
    PreprocessOption,
    ResizeOption,
    StdOption,
    TaskOption,
    VectorsOption,
    WatchdogOption,
    WeightsOption,
    parse_bytes,
    parse_numbers,
    parse_percent,
    parse_shape,
)
from tinydeploy.errors import UsageError
from tinydeploy.pipeline import BuildRequest
from tinydeploy.source.options import SourceOptions


def _make_source(
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
    mixed: MixedOption = None,
    task: TaskOption = None,
) -> tuple[str | None, SourceOptions]:
    return model, SourceOptions(
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
        mixed=parse_percent("--mixed", mixed),
        task=None if task is None else task.value,
    )


def _make_request(
    board: BoardOption,
    optimize: OptimizeOption = OptimizeChoice.BALANCED,
    input_form: InputOption = InputChoice.ARENA,
    io: IoOption = IoChoice.INT8,
    max_ram: MaxRamOption = None,
    max_flash: MaxFlashOption = None,
    max_extra_macs: MaxExtraMacsOption = None,
    min_snr: MinSnrOption = None,
    max_drop: MaxDropOption = None,
    vectors: VectorsOption = 0,
    baud: BaudOption = None,
    watchdog: WatchdogOption = None,
    firmware: FirmwareOption = FirmwareChoice.STANDARD,
) -> BuildRequest:
    return BuildRequest(
        board=board,
        optimize=optimize.value,
        input_form=input_form.value,
        float_ends=io is IoChoice.FLOAT,
        max_ram=None if max_ram is None else parse_bytes(max_ram),
        max_flash=None if max_flash is None else parse_bytes(max_flash),
        max_extra_macs=parse_percent("--max-extra-macs", max_extra_macs),
        min_snr=min_snr,
        max_drop=max_drop,
        vectors=vectors,
        baud=baud,
        watchdog=watchdog,
        mlperf=firmware is FirmwareChoice.MLPERF,
    )


def takes_source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all options that say what the model is.

    Args:
        command: Takes the model's name and SourceOptions, and options of its own with defaults.
    """

    def call(given: dict[str, Any]) -> None:
        model, options = _make_source(**_take(_make_source, given))
        command(model, options, **given)

    return _with_options(command, call, [_make_source], taken=2)


def takes_build_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command all options that say what to build, and calls it with the request.

    Args:
        command: Takes a BuildRequest, and options of its own with defaults.
    """

    def call(given: dict[str, Any]) -> None:
        model, options = _make_source(**_take(_make_source, given))
        request = _make_request(**_take(_make_request, given))
        command(replace(request, model=model, options=options), **given)

    return _with_options(command, call, [_make_source, _make_request], taken=1)


def takes_optional_build_options(command: Callable[..., None]) -> Callable[..., None]:
    """The same, but without --board, and so without anything to build, the request is None.

    Args:
        command: As of `takes_build_options`, but for that.
    """
    shared: list[Callable[..., Any]] = [_make_source, _make_request]

    def call(given: dict[str, Any]) -> None:
        if given["board"] is not None:
            built(**given)
            return
        for each in [p for function in shared for p in _parameters(function)]:
            value = given.pop(each.name)
            default = None if each.default is inspect.Parameter.empty else each.default
            if value != default:
                name = each.name.replace("_", "-")
                what = f"the model {value}" if each.name == "model" else f"--{name}"
                advice = (
                    "Name the board too: --board stm32h743. Without a model and a board, the "
                    "targets of tinydeploy.toml are checked."
                )
                if str(value).endswith(".json"):
                    advice = f"--json prints on stdout. To write a file: --json-file {value}"
                raise UsageError(f"{what} is given without --board", advice)
        command(None, **given)

    built = takes_build_options(command)
    return _with_options(command, call, shared, taken=1, optional="board")


def _with_options(
    command: Callable[..., None],
    call: Callable[[dict[str, Any]], None],
    shared: Sequence[Callable[..., Any]],
    taken: int,
    optional: str = "",
) -> Callable[..., None]:
    """The command with the options of other functions before its own, but for those `taken`.

    `optional` is None where it is not given.
    """
    own = _parameters(command)[taken:]
    parameters = [each for function in shared for each in _parameters(function)] + own
    parameters = [_allow_none(each) if each.name == optional else each for each in parameters]

    @wraps(command)
    def called(**options: Any) -> None:
        call(options)

    # Typer reads a command's options from its signature; those without a default come first.
    parameters.sort(key=lambda each: each.default is not inspect.Parameter.empty)
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def _take(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The function's arguments, taken out of what was given."""
    return {each.name: given.pop(each.name) for each in _parameters(function)}


def _allow_none(parameter: inspect.Parameter) -> inspect.Parameter:
    kind, *metadata = get_args(parameter.annotation)
    return parameter.replace(annotation=Annotated[(kind | None, *metadata)], default=None)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Parameters with their annotations evaluated."""
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
    ]
