"""Limits on what int8 may cost: kept, missed, or impossible to measure."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.detection.objects import Objects
from tinydeploy.detection.postprocess import Scale, make_detector
from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import BudgetError
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import Color, Preprocessing
from tinydeploy.quantize.metadata import describe_preprocessing
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.validate.quality import (
    Quality,
    add_precision,
    check_measurable,
    check_quality,
    measure_outputs,
    measure_quality,
    quantize_inputs,
    read_pixels,
)

SCORES = np.array([[3.0, 1.0], [0.0, 2.0], [5.0, 4.0], [1.0, 2.0]], np.float32)
CLASSES = np.array([0, 1, 0, 0])


def test_accuracy_is_of_both_nets() -> None:
    quality = measure_quality(SCORES, SCORES[:, ::-1].astype(np.float64), CLASSES)
    assert (quality.float_accuracy, quality.int8_accuracy) == (0.75, 0.25)
    assert quality.fidelity is not None
    assert quality.fidelity.top1_agreement == 0.0


def test_several_outputs_have_no_accuracy() -> None:
    outputs = [SCORES.astype(np.float64) + error for error in (0.0, 0.1)]
    quality = measure_outputs([SCORES, SCORES], outputs, CLASSES)
    assert (quality.float_accuracy, quality.int8_accuracy) == (None, None)
    assert quality.fidelity is not None
    assert quality.fidelity.snr_db == pytest.approx(10 * np.log10((SCORES**2).sum() / 0.08))
    assert measure_outputs(None, outputs, None) == Quality(None, None, None)
    one = measure_outputs([SCORES], outputs[:1], CLASSES)
    assert one == measure_quality(SCORES, outputs[0], CLASSES)


def test_limits() -> None:
    exact, off = SCORES.astype(np.float64), SCORES[:, ::-1].astype(np.float64)
    check_quality(measure_quality(SCORES, exact, CLASSES), 100.0, 0.0)
    bad = measure_quality(SCORES, off, CLASSES)
    check_quality(bad, None, None)
    check_quality(bad, None, 50.0)
    with pytest.raises(BudgetError, match=r"loses 50.00 points .* the limit is 49") as caught:
        check_quality(bad, None, 49.0)
    assert caught.value.exit_code == 3
    with pytest.raises(BudgetError, match=r"under the limit of 20 dB"):
        check_quality(bad, 20.0, None)


@pytest.mark.parametrize(
    ("has_float", "has_classes", "limits", "message"),
    [
        (False, False, {"min_snr": 10.0}, "--min-snr cannot be checked: there is no float net"),
        (False, False, {"max_drop": 1.0}, "--max-drop cannot be checked: there is no float net"),
        (True, False, {"max_drop": 1.0}, "--max-drop cannot be checked: there are no labelled"),
        (True, False, {"min_snr": 10.0}, ""),
        (True, True, {"max_drop": 1.0}, ""),
        (False, False, {}, ""),
    ],
)
def test_limits_that_nothing_can_be_held_against(
    has_float: bool, has_classes: bool, limits: dict[str, float], message: str
) -> None:
    given = {"min_snr": None, "max_drop": None} | limits
    if not message:
        check_measurable(has_float=has_float, has_classes=has_classes, **given)
        return
    with pytest.raises(BudgetError, match=message) as caught:
        check_measurable(has_float=has_float, has_classes=has_classes, **given)
    assert caught.value.hint


def test_a_detector_has_map_and_limits_on_it() -> None:
    pytest.importorskip("pycocotools")
    spec = DetectionSpec((32, 64), (AnchorSource(16, ((16.0, 16.0),)),), ("a",))
    detector = make_detector(spec, spec.output_shapes, [Scale(0.1, 0), Scale(0.1, 0)])
    scenes = [Objects(np.array([[0.0, 0, 16, 16]]), np.array([0]), np.array([False]))]
    exact = [np.zeros(shape, np.float32) for shape in spec.output_shapes]
    exact[0][..., 0] = 9.0
    exact[0][0, 0, 0] = 0, 9
    found = [np.round(output / 0.1).astype(np.int8) for output in exact]
    fidelity = measure_outputs(exact, [output * 0.1 for output in found], None)
    quality = add_precision(fidelity, detector, exact, found, scenes)
    assert quality.drop == (pytest.approx(1), pytest.approx(1))
    assert quality.describe().startswith("mAP@0.5 int8 100.00 %, float 100.00 %, SNR ")
    check_quality(quality, min_snr=None, max_drop=0.1)

    # The int8 net is surer of something that is not there than of what is.
    found[0][0, 1, 2] = -127, 127
    found[0][0, 0, 0] = 0, 5
    worse = add_precision(fidelity, detector, exact, found, scenes)
    assert worse.drop == (pytest.approx(1), pytest.approx(0.5))
    with pytest.raises(BudgetError, match=r"int8 loses 50.00 points of mAP@0.5 \(100.00 % to 50.0"):
        check_quality(worse, min_snr=None, max_drop=1.0)
    alone = add_precision(Quality(None, None, None), detector, None, found, scenes)
    assert alone.drop is None
    assert alone.describe() == "mAP@0.5 int8 50.00 %, no float net to compare with"


@pytest.mark.parametrize("color", ["rgb", "bgr", None])
def test_pixels_come_back(color: Color | None) -> None:
    """From quantized inputs, as the metadata says, or pixel - 128."""
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3) * 3
    said, scale, zero = None, 1.0, 0
    if color is not None:
        preprocessing = Preprocessing((64.0,) * 3, (50.0,) * 3, color, "stretch")
        said, (scale, zero) = describe_preprocessing(preprocessing, (1, 3, 3, 4)), (1 / 50, -64)
    writer = TfliteWriter()
    ends = [
        writer.add_tensor(name, (1, 3, 4, 3), "int8", scales=scale, zero_points=zero)
        for name in "xy"
    ]
    writer.add_op("RELU", ends[:1], ends[1:])
    graph = read_graph(writer.finish(ends[:1], ends[1:], normalization=said), "net")
    if color is None:
        inputs = (pixels.astype(np.int16) - 128).astype(np.int8)[:, None]
    else:
        stored = pixels[..., ::-1] if color == "bgr" else pixels
        inputs = quantize_inputs(graph, preprocessing.normalize(stored))
    assert np.array_equal(read_pixels(graph, inputs), pixels)
