"""From a float net and data for it to a FloatModel: preprocessing, calibration, checks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinydeploy.errors import UsageError
from tinydeploy.model.check_finite import check_onnx_weights
from tinydeploy.model.choose_preprocessing import choose_preprocessing
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.import_onnx import OnnxNet, check_batches
from tinydeploy.model.load_data import ARRAY_ADVICE, is_array_file, load_data
from tinydeploy.model.picture_folder import ADVICE
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.text_files import read_label_file

if TYPE_CHECKING:
    from tinydeploy.model.float_model import Preprocessing


def prepare_model(net: OnnxNet, title: str, options: SourceOptions) -> FloatModel:
    """A float net with its preprocessing and calibration inputs.

    Args:
        net: The net, as ONNX with a free batch, its channels in front.
        title: What the user calls it.
        options: What the user says of it.

    Raises:
        UsageError: There are no data, or options that do not fit the net.
        InputFileError: The data cannot be used, or weights are not finite.
        UnsupportedModelError: Nodes that cannot be quantized, or a batch that is not free.
    """
    # What is wrong with the net is told before any data are read.
    check_onnx_weights(net.onnx, title)
    network = read_onnx(net.onnx, net.input_shape, title)
    outputs = network.shapes[network.output]
    classes = outputs[-1] if math.prod(outputs) == outputs[-1] else 0
    shown = f"float32 inputs [n, {', '.join(map(str, net.taken_shape[1:]))}]"
    if options.data is None and network.given:
        return _prepare_quantized(net, title, options, classes)
    if options.data is None:
        kinds = f"pictures, or {shown}" if net.takes_pictures else shown
        advice = ADVICE if net.takes_pictures else ARRAY_ADVICE
        raise UsageError(f"{title} needs calibration data: {kinds}", f"Use --data PATH. {advice}")
    preprocessing, note = _choose_preprocessing(net, title, options, shown)
    labels = () if options.labels is None else read_label_file(options.labels, classes)
    found = load_data(
        options.data,
        preprocessing,
        net.input_shape,
        classes,
        channels_last=net.channels_last,
        labels=labels,
    )
    check_batches(net, found.calibration)
    return FloatModel(
        name=net.name,
        onnx=net.onnx,
        input_shape=net.input_shape,
        preprocessing=preprocessing,
        labels=labels or found.labels,
        calibration=found.calibration,
        test=found.test,
        notes=(note, *found.notes),
    )


def _prepare_quantized(
    net: OnnxNet, title: str, options: SourceOptions, classes: int
) -> FloatModel:
    """A net that brings its own scales along needs no data."""
    pictures = options.pictures
    preprocessing, note = None, "the scales are those of the file"
    if not pictures.empty:
        if not net.takes_pictures:
            raise UsageError(f"{title} does not take pictures", "Leave their options out.")
        preprocessing, more = choose_preprocessing(net.input_shape[1], pictures)
        note = f"{note}; {more}"
    return FloatModel(
        name=net.name,
        onnx=net.onnx,
        input_shape=net.input_shape,
        preprocessing=preprocessing,
        labels=() if options.labels is None else read_label_file(options.labels, classes),
        calibration=np.zeros((0, *net.input_shape[1:]), np.float32),
        notes=(note,),
    )


def _choose_preprocessing(
    net: OnnxNet, title: str, options: SourceOptions, shown: str
) -> tuple[Preprocessing | None, str]:
    pictures = options.pictures
    if not net.takes_pictures:
        for option, field in options.given().items():
            if hasattr(pictures, field):
                raise UsageError(
                    f"{option} is for pictures", f"{title} takes {shown}: leave it out."
                )
    assert options.data is not None
    are_pictures = isinstance(options.data, Path) and not is_array_file(options.data)
    if pictures.empty and not (are_pictures and net.takes_pictures):
        return None, "the int8 input has the range of the calibration inputs"
    return choose_preprocessing(net.input_shape[1], pictures)
