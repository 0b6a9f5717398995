"""Option types that several commands share."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.errors import UsageError


class OptimizeChoice(StrEnum):
    """Values of --optimize; the same words as tinydeploy.plan.kernel.Optimize."""

    BALANCED = "balanced"
    SPEED = "speed"
    RAM = "ram"
    FLASH = "flash"


class EffortChoice(StrEnum):
    """Values of --effort; the same words as tinydeploy.source.options.Effort."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class AcceleratorChoice(StrEnum):
    """Accelerators by name."""

    TINYNPU = "tinynpu"


class LinkChoice(StrEnum):
    """How an accelerator is linked."""

    SPI = "spi"
    SDIO = "sdio"


class FirmwareChoice(StrEnum):
    """Values of --firmware."""

    STANDARD = "standard"
    MLPERF = "mlperf"


class InputChoice(StrEnum):
    """Values of --input; the same words as tinydeploy.plan.plan.InputForm."""

    ARENA = "arena"
    KEPT = "kept"
    ROWS = "rows"


class FormatChoice(StrEnum):
    """Values of --format; the same words as tinydeploy.project.formats.make.Format."""

    CMAKE = "cmake"
    LIBRARY = "library"
    TFLM = "tflm"
    ZEPHYR = "zephyr"
    PLATFORMIO = "platformio"
    ARDUINO = "arduino"


class IoChoice(StrEnum):
    """Values of --io."""

    INT8 = "int8"
    FLOAT = "float"


class LayoutChoice(StrEnum):
    """Values of --layout; the same words as tinydeploy.source.options.Layout."""

    NCHW = "nchw"
    NHWC = "nhwc"


class ColorChoice(StrEnum):
    """Values of --color; the same words as tinydeploy.model.float_model.Color."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"


class ResizeChoice(StrEnum):
    """Values of --resize; the same words as tinydeploy.model.choose_preprocessing.Resize."""

    STRETCH = "stretch"
    CROP = "crop"


class TaskChoice(StrEnum):
    """Values of --task; the same words as tinydeploy.source.options.Task."""

    CLASSIFICATION = "classification"
    DETECTION = "detection"


_UNITS = {"": 1, "k": 1024, "m": 1024 * 1024}


def parse_bytes(text: str) -> int:
    """`65536`, `64K`, `64KB`, `64KiB` or `1.5M` in bytes; K is 1024.

    Raises:
        UsageError: It is none of these.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([km]?)(?:i?b)?\s*", text.lower())
    if match is None:
        raise UsageError(f"'{text}' is no size", "Write bytes or a unit: 65536, 64K, 1.5M.")
    return int(float(match[1]) * _UNITS[match[2]])


def parse_percent(option: str, text: str | None) -> float | None:
    """`10%` as 0.1.

    Raises:
        UsageError: Something else, or less than nothing.
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", text)
    if match is None:
        raise UsageError(
            f"{option} '{text}' is no percentage from 0% on",
            f"Write a number and the sign: {option} 10%",
        )
    return float(match[1]) / 100


def parse_numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Numbers with commas between: `123.7,116.3,103.5`.

    Raises:
        UsageError: Something else.
    """
    if text is None:
        return None
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise UsageError(
            f"{option} '{text}' is no list of numbers",
            f"Write one, or one per channel: {option} 127.5 or {option} 123.7,116.3,103.5",
        )
    return numbers


def parse_shape(option: str, text: str | None) -> tuple[int, ...] | None:
    """One to three sizes with commas between: `3,224,224`.

    Raises:
        UsageError: Something else.
    """
    if text is None:
        return None
    if not re.fullmatch(r"\s*[1-9]\d{0,8}\s*(,\s*[1-9]\d{0,8}\s*){0,2}", text, re.ASCII):
        raise UsageError(
            f"{option} '{text}' is no shape",
            f"Write it without the batch, channels first: {option} 3,224,224 (or {option} 640).",
        )
    return tuple(int(word) for word in text.split(","))


ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="A .tflite file, int8 or float; a float .onnx, .keras or .h5 file, or a folder with a "
        "SavedModel; a checkpoint of tinydeploy train; package.module:factory of a torch "
        "network, or a name from the zoo (etinynet-1.0). Left out: EtinyNet, trained on "
        "scikit-learn's handwritten digits.",
    ),
]
BoardOption = Annotated[
    str,
    typer.Option(
        "--board",
        "-b",
        metavar="BOARD",
        help="Board: a name, see `tinydeploy boards`, or a .toml file.",
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Trained weights, for a net of torch or the zoo: .pt, .safetensors, .params (MXNet).",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="What to calibrate a float net with: a folder of pictures, or a .npy or .npz file "
        "of inputs.",
    ),
]
TaskOption = Annotated[
    TaskChoice | None,
    typer.Option(
        help="What the net is for. detection: --data is a folder of pictures with marked objects, "
        "of the VOC or COCO format; without a model, digits are found in scenes."
    ),
]
MeanOption = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBERS",
        help="Mean of the pixels, 0 to 255, that the net was trained with: one number "
        "or one per channel, 123.7,116.3,103.5. Default: 0.",
    ),
]
StdOption = Annotated[
    str | None, typer.Option(metavar="NUMBERS", help="Their standard deviation. Default: 255.")
]
ColorOption = Annotated[
    ColorChoice | None,
    typer.Option(
        metavar="ORDER", help="Colours as the net takes them: rgb, bgr or gray. Default: rgb."
    ),
]
ResizeOption = Annotated[
    ResizeChoice | None,
    typer.Option(
        metavar="HOW",
        help="How pictures get the input's size: stretch, or crop, the centre of 7/8 of the "
        "shorter side. Default: stretch.",
    ),
]
PreprocessOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A preprocess.toml that says mean, std, color and so on."),
]
LabelsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Names of the classes, one per line.")
]
InputShapeOption = Annotated[
    str | None,
    typer.Option(
        metavar="C,H,W",
        help="Shape of the input of a net that does not tell: 3,224,224, or features alone, 640. "
        "For a net of the zoo: pictures of another size, 3,256,256.",
    ),
]
LayoutOption = Annotated[
    LayoutChoice | None,
    typer.Option(
        metavar="ORDER",
        help="Order of the axes in which a float net takes its input, and of the arrays in --data: "
        "nchw or nhwc. Default: nhwc for .tflite, else nchw.",
    ),
]
EffortOption = Annotated[
    EffortChoice | None,
    typer.Option(
        metavar="LEVEL",
        help="Time that the quantization of a float net may take for its accuracy: low (seconds), "
        "normal, high (minutes).",
        show_default="normal",
    ),
]
MixedOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Give int16 activations to the layers of a float net that gain most by them, for at "
        "most this share more RAM and instructions, as planned, e.g. 15%.",
        show_default="int8 everywhere",
    ),
]
OptimizeOption = Annotated[
    OptimizeChoice,
    typer.Option(
        metavar="GOAL",
        help="What to prefer where they are at odds: speed, ram, flash, or balanced.",
    ),
]
InputOption = Annotated[
    InputChoice,
    typer.Option(
        "--input",
        metavar="FORM",
        help="Where the input is: arena (in the arena, overwritten by the run), kept (in a buffer "
        "of yours, only read), rows (pushed row by row, as a camera's lines; least RAM).",
    ),
]
IoOption = Annotated[
    IoChoice,
    typer.Option(
        metavar="TYPE",
        help="int8, or float: model.h then has NAME_run_float() besides, on real values.",
    ),
]
MaxRamOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="RAM budget, e.g. 64K. Default: the board's.")
]
MaxFlashOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Flash budget, e.g. 512K. Default: the board's.")
]
MaxExtraMacsOption = Annotated[
    str | None,
    typer.Option(
        metavar="PERCENT",
        help="Compute 1x1 expansions again instead of storing them where that saves RAM, with at "
        "most so many more multiplications, e.g. 10%.",
    ),
]
MinSnrOption = Annotated[
    float | None, typer.Option(metavar="DB", help="Least SNR of the int8 outputs against float.")
]
MaxDropOption = Annotated[
    float | None,
    typer.Option(metavar="POINTS", help="Most accuracy, in points, that int8 may lose to float."),
]
FirmwareOption = Annotated[
    FirmwareChoice,
    typer.Option(
        "--firmware",
        metavar="KIND",
        help="standard, or mlperf: it also answers the runner of MLPerf Tiny. Needs --input kept.",
    ),
]
AcceleratorOption = Annotated[
    AcceleratorChoice | None,
    typer.Option(
        "--accelerator",
        metavar="NAME",
        help="tinynpu: the net runs on a TinyNPU beside the microcontroller, which the board must "
        "have pins for (stm32l4r9). docs/tinynpu.md says what that is.",
    ),
]
LinkOption = Annotated[
    LinkChoice | None,
    typer.Option(
        "--link",
        metavar="WIRES",
        help="How the accelerator is linked: spi (default), or sdio: four lines, for an SD card's "
        "socket.",
    ),
]
VectorsOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=1000,
        metavar="N",
        help="Inputs of the data set that go into flash, for the self-test at each boot.",
    ),
]
BaudOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Speed of the serial console, e.g. 921600. Default: 115200."),
]
WatchdogOption = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        help="Start the watchdog: a layer's call that takes longer than S seconds resets the chip.",
    ),
]
FormatOption = Annotated[
    FormatChoice,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="What to write besides the firmware project (cmake: CMake and Makefile): library, the "
        "model alone for any compiler (STM32CubeIDE, Keil, IAR); tflm, a program for TensorFlow "
        "Lite Micro; zephyr, platformio, arduino. docs/formats.md has a chapter on each.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every step of a stage, and all layers.")
]
