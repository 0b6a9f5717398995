"""The C definition of each rounding gives what the Python one gives."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest
from kernel_library import WARNINGS

from tinydeploy.codegen.ops.fully_connected import split_scale
from tinydeploy.graph.fixed_point import (
    multiply_double_rounding,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinydeploy.paths import FIRMWARE

WRAPPERS = """
#include "td_fixed.h"
extern int32_t multiply_high(int32_t a, int32_t b);
extern int32_t shift_right(int32_t value, int32_t n);
extern int32_t requantize(int32_t acc, int32_t multiplier, int32_t shift);
extern int32_t scale_rounding(int32_t acc, uint32_t high, uint32_t fraction);
extern int32_t leading_zeros(uint32_t value);
int32_t multiply_high(int32_t a, int32_t b) { return td_multiply_high(a, b); }
int32_t shift_right(int32_t value, int32_t n) { return td_shift_right_rounding(value, n); }
int32_t requantize(int32_t acc, int32_t m, int32_t shift) { return td_requantize(acc, m, shift); }
int32_t scale_rounding(int32_t acc, uint32_t high, uint32_t fraction)
{
    const td_scale scale = {high, fraction};
    return td_scale_rounding(acc, scale);
}
int32_t leading_zeros(uint32_t value) { return td_leading_zeros(value); }
"""
EDGES = [0, 1, -1, 2, -2, 3, -3, 2**30, -(2**30), 2**31 - 1, -(2**31) + 1, 2**30 - 1, 2**30 + 1]


# Compilers that nobody knows get the portable count of leading zeros, and are told how to align.
UNKNOWN_COMPILER = ("-U__GNUC__", "-DTD_ALIGNED(bytes)=__attribute__((aligned(bytes)))")


@pytest.fixture(scope="module", params=[(), UNKNOWN_COMPILER], ids=["gnu", "portable"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("fixed")
    (folder / "fixed.c").write_text(WRAPPERS)
    command = ["gcc", *WARNINGS, *request.param, "-O2", "-shared", "-fPIC"]
    command += [
        f"-I{FIRMWARE / 'include'}",
        "-o",
        str(folder / "fixed.so"),
        str(folder / "fixed.c"),
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "fixed.so"))


def numbers(rng: np.random.Generator, count: int) -> list[int]:
    """int32 values of every magnitude, the edges among them; without -2^31."""
    bits = rng.integers(1, 32, count)
    signs = rng.choice([-1, 1], count)
    return [*EDGES, *(int(rng.integers(1 << b)) * int(s) for b, s in zip(bits, signs, strict=True))]


def test_multiply_high(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(1)
    a, b = numbers(rng, 2000), numbers(rng, 2000)
    got = [library.multiply_high(x, y) for x, y in zip(a, b, strict=True)]
    assert got == saturating_rounding_doubling_high_mul(a, b).tolist()


def test_shift_right_rounding(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(2)
    for n in range(1, 32):
        values = numbers(rng, 100)
        values += [
            k * (1 << max(n - 1, 0)) for k in (-3, -1, 1, 3) if abs(k) << max(n - 1, 0) < 2**31
        ]
        got = [library.shift_right(value, n) for value in values]
        assert got == rounding_divide_by_pot(values, n).tolist()


def test_requantize(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(3)
    for shift in range(-31, 31):
        values = [x >> max(shift, 0) for x in numbers(rng, 200)]
        multipliers = [0, *rng.integers(1 << 30, 1 << 31, len(values) - 1).tolist()]
        got = [library.requantize(x, m, shift) for x, m in zip(values, multipliers, strict=True)]
        assert got == multiply_double_rounding(values, multipliers, shift).tolist()


def test_scale_rounding(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(4)
    library.scale_rounding.argtypes = [ctypes.c_int32, ctypes.c_uint32, ctypes.c_uint32]
    scales = [p / q for p, q in rng.integers(1, 400, (60, 2)).tolist()]
    scales += [
        *(2.0 ** rng.uniform(-33, 8, 60)).tolist(),
        0.0,
        0.5,
        0.25,
        1.0,
        1e-12,
        1e12,
    ]
    for scale in scales:
        # Near halves, where the product as a double decides, and anywhere.
        halves = np.arange(-300, 300) + 0.5
        near = np.round(halves / scale)[:, None] + np.arange(-1, 2) if scale else np.zeros(1)
        accs = np.concatenate((near.ravel(), numbers(rng, 50), [-(2.0**31)]))
        accs = np.clip(accs, -(2**31), 2**31 - 1)
        products = accs * scale
        rounded = np.sign(products) * np.trunc(np.abs(products))
        rounded += np.sign(products) * (np.abs(products) - np.trunc(np.abs(products)) >= 0.5)
        high, fraction = split_scale(scale)
        got = [library.scale_rounding(int(acc), high, fraction) for acc in accs]
        assert got == np.clip(rounded, -512, 512).astype(int).tolist(), scale


def test_leading_zeros(library: ctypes.CDLL) -> None:
    library.leading_zeros.argtypes = [ctypes.c_uint32]
    for bit in range(32):
        for value in (1 << bit, (1 << (bit + 1)) - 1):
            assert library.leading_zeros(value) == 31 - bit
