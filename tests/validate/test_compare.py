"""A difference of one byte is found, counted and named."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.errors import InternalError
from tinydeploy.validate.compare import Comparison, add_comparisons, compare_outputs


def test_equal_outputs_are_bit_exact() -> None:
    values = np.arange(24, dtype=np.int8).reshape(4, 1, 6)
    result = compare_outputs([values], [values.copy()])
    assert result.bit_exact
    assert (result.vectors, result.bytes_compared, result.bytes_mismatched) == (4, 24, 0)


def test_one_wrong_byte_is_named() -> None:
    exact = np.zeros((3, 1, 5), dtype=np.int8)
    found = exact.copy()
    found[2, 0, 4] = -7
    result = compare_outputs([exact, exact], [exact, found])
    assert not result.bit_exact
    assert result.bytes_mismatched == 1
    assert result.first_difference == "output 1, vector 2, element [0, 4]: -7 instead of 0"


def test_nothing_compared_is_not_bit_exact() -> None:
    assert not Comparison(0, 0, 0, 0, None).bit_exact


def test_other_shapes_are_a_bug_of_ours() -> None:
    with pytest.raises(InternalError, match="shapes"):
        compare_outputs([np.zeros((1, 2), np.int8)], [np.zeros((1, 3), np.int8)])


def test_a_differing_layer_is_named_before_the_output() -> None:
    outputs = Comparison(5, 50, 2, 0, "output 0 differs")
    tensors = Comparison(1, 10, 1, 3, "layer 2 differs")
    total = add_comparisons(outputs, tensors)
    assert total == Comparison(5, 60, 3, 3, "layer 2 differs")
