"""Constants as C text: short lines, every value once, in time for large nets."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct


@pytest.mark.parametrize("count", [1, 2, 22, 23, 24, 1000])
@pytest.mark.parametrize(
    ("c_type", "low", "high"), [("int8_t", -128, 127), ("int32_t", -(2**31), 2**31 - 1)]
)
def test_arrays_hold_their_values(count: int, c_type: str, low: int, high: int) -> None:
    values = np.random.default_rng(count).integers(low, high, count, endpoint=True)
    values[0] = low
    text = format_array(c_type, "name", values)
    assert text.startswith(f"static const {c_type} name[{count}] = {{\n")
    assert text.endswith("};\n")
    assert max(map(len, text.splitlines())) <= 120
    body = text.partition("{")[2]
    assert [int(number) for number in re.findall(r"-?\d+", body)] == values.tolist()


def test_structs_and_elements() -> None:
    assert format_elements("pair", "p", ["{1, 2}", "{3, 4}"]) == (
        "static const pair p[2] = {\n    {1, 2}, {3, 4},\n};\n"
    )
    assert format_struct("td_pad", "op", {"top": 1, "table": "NULL"}) == (
        "static const td_pad op = {\n    .top = 1,\n    .table = NULL,\n};\n"
    )


def test_a_million_weights_take_little_time() -> None:
    weights = np.random.default_rng(1).integers(-127, 128, 1 << 20)
    start = time.process_time()
    format_array("int8_t", "weights", weights)
    assert time.process_time() - start < 2
