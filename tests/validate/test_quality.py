"""Limits on what int8 may cost: kept, missed, or impossible to measure."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.errors import BudgetError
from tinydeploy.validate.quality import (
    Quality,
    check_measurable,
    check_quality,
    measure_outputs,
    measure_quality,
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
