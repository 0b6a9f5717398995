"""From a trained detector to a FloatModel."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.model.float_model import FloatModel
from tinydeploy.train.detection.detection_data import DetectionData

_CHECKED_INPUTS = 8


def make_detection_model(
    name: str, net: nn.Module, data: DetectionData, notes: Sequence[str] = ()
) -> FloatModel:
    """The net as ONNX, checked, with the data to calibrate and test it.

    Args:
        name: Of the model.
        net: In inference mode; its outputs are those of the data's spec.
        data: Inputs and what they show.
        notes: What the user should know besides.
    """
    onnx = export_onnx(net, data.input_shape)
    return FloatModel(
        name=name,
        onnx=onnx,
        input_shape=data.input_shape,
        preprocessing=data.preprocessing,
        labels=(),
        calibration=data.calibration,
        export_error=check_onnx(net, onnx, data.calibration[:_CHECKED_INPUTS]),
        notes=(*data.notes, *notes),
        detection=data.spec,
        scenes=data.test,
    )
