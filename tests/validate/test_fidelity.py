"""SNR, agreement and accuracy against hand-computed figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinydeploy.validate.fidelity import measure_accuracy, measure_fidelity


def test_snr_of_a_known_error() -> None:
    exact = np.array([[3.0, 4.0], [0.0, 5.0]])
    found = exact + np.array([[0.5, 0.0], [0.0, 0.0]])
    result = measure_fidelity(exact, found, classes=True)
    assert result.snr_db == pytest.approx(10 * math.log10(50 / 0.25))
    assert result.top1_agreement == 1.0
    assert result.samples == 2


def test_equal_outputs_have_infinite_snr() -> None:
    exact = np.ones((2, 3))
    assert measure_fidelity(exact, exact, classes=False).snr_db == math.inf
    assert measure_fidelity(exact, exact, classes=False).top1_agreement is None


def test_agreement_and_accuracy_count_classes() -> None:
    exact = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    found = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert measure_fidelity(exact, found, classes=True).top1_agreement == 0.75
    assert measure_accuracy(found, np.array([0, 1, 0, 0])) == 0.5
