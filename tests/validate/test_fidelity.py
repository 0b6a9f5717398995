"""SNR, agreement and accuracy against hand-computed figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinydeploy.validate.fidelity import (
    combine_fidelities,
    count_confusion,
    measure_accuracy,
    measure_fidelity,
)


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


def test_cosine() -> None:
    exact = np.array([[3.0, 0.0], [0.0, 4.0]])
    found = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert measure_fidelity(exact, found, classes=False).cosine == pytest.approx(9 / 25)
    assert measure_fidelity(exact, 2 * exact, classes=False).cosine == pytest.approx(1.0)
    assert measure_fidelity(exact, -exact, classes=False).cosine == pytest.approx(-1.0)
    assert measure_fidelity(exact, 0 * exact, classes=False).cosine == 0.0


def test_top5_needs_ten_classes() -> None:
    exact = np.zeros((4, 12))
    exact[:, 3] = 1.0
    found = np.tile(np.arange(12.0), (4, 1))
    found[0, 3] = 20.0  # first
    found[1, 3] = 7.5  # fifth, behind 8 to 11
    found[2, 3] = 6.5  # sixth
    result = measure_fidelity(exact, found, classes=True)
    assert (result.top1_agreement, result.top5_agreement) == (0.25, 0.5)
    assert measure_fidelity(exact[:, :9], found[:, :9], classes=True).top5_agreement is None
    assert measure_fidelity(exact, found, classes=False).top5_agreement is None


def test_several_outputs_are_as_close_as_the_worst() -> None:
    exact = np.random.default_rng(0).normal(size=(5, 12))
    good = measure_fidelity(exact, exact + 0.01, classes=True)
    bad = measure_fidelity(exact, exact + 0.1, classes=True)
    worst = combine_fidelities([good, bad])
    assert (worst.snr_db, worst.cosine, worst.samples) == (bad.snr_db, bad.cosine, 5)
    assert worst.top1_agreement is None
    assert combine_fidelities([good]) is good


def test_confusion() -> None:
    outputs = np.eye(3)[[0, 1, 1, 2, 0, 0]]
    classes = np.array([0, 1, 2, 2, 0, 1])
    found = count_confusion(outputs.reshape(6, 1, 3), classes)
    assert found == ((0, 0, 2), (1, 0, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1))
    right = sum(count for a, b, count in found if a == b)
    assert right / 6 == measure_accuracy(outputs, classes)
