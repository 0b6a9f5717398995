"""How good a classifier is, by the means over its classes, and how good the labels it learned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support


class Scores(NamedTuple):
    """In percent; precision, recall and F1 are macro averages.

    Args:
        accuracy: Part of the pictures that is classified correctly.
        precision: A class that is never predicted has 0.
        recall: Of the classes that there are.
        f1: Harmonic mean of both, per class.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float


class PseudoLabelCounts(NamedTuple):
    """Labels that teachers gave to pictures without one.

    Args:
        pictures: Without a label.
        accepted: Of these, labelled: the teachers were sure enough.
        known: Of the accepted, those whose label had been taken away: the right one is known.
        right: Of these, labelled right.
    """

    pictures: int
    accepted: int
    known: int
    right: int

    def __str__(self) -> str:
        told = f"{self.accepted} of {self.pictures} pictures got a label"
        if not self.known:
            return told
        whose = "them" if self.known == self.accepted else f"the {self.known} that had one"
        return f"{told}; {100 * self.right / self.known:.1f} % of {whose} the right one"


def measure_scores(predicted: NDArray[np.int64], classes: NDArray[np.int64]) -> Scores:
    """The scores of predicted classes [n] against the right ones [n]."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        classes, predicted, labels=np.unique(classes), average="macro", zero_division=0
    )
    accuracy = float((predicted == classes).mean())
    return Scores(100 * accuracy, 100 * precision, 100 * recall, 100 * f1)
