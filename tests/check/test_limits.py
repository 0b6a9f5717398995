"""Budgets as users write them, and how what makes no sense is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tinydeploy.check.limits import RESOURCES, parse_limits, parse_size

GOOD = [
    # resource, as written, baseline, bound
    ("flash", 200_000, None, 200_000),
    ("flash", "200_000", None, 200_000),
    ("flash", "200 KB", None, 204_800),
    ("flash", "1.5 MB", None, 1_572_864),
    ("ram", "64K", None, 65_536),
    ("ram", "64 kib", None, 65_536),
    ("ram", "+1 %", 1000, 1010),
    ("ram", "+512 B", 1000, 1512),
    ("ram", "+2KB", 1000, 3048),
    ("ram", "+0", 1000, 1000),
    ("stack", 900, None, 900),
    ("instructions", "9.2 M", None, 9_200_000),
    ("instructions", "+10_000", 50_000, 60_000),
    ("latency", "20 ms", None, 20),
    ("latency", "500 us", None, 0.5),
    ("latency", 20.5, None, 20.5),
    ("accuracy", "97 %", None, 0.97),
    ("accuracy", 0.97, None, 0.97),
    ("accuracy", "-0.5 %", 0.9, 0.895),
    ("max_drop", 1.0, None, 1.0),
    ("max_drop", "+0.2 points", 0.5, 0.7),
    ("snr", "25 dB", None, 25),
    ("snr", "-1 dB", 30, 29),
]


@pytest.mark.parametrize(("name", "text", "baseline", "bound"), GOOD)
def test_limits(name: str, text: Any, baseline: float | None, bound: float) -> None:
    (limit,) = parse_limits(RESOURCES[name], text)
    assert limit.relative == (baseline is not None)
    assert limit.bound(baseline) == pytest.approx(bound)
    assert limit.allows(limit.bound(baseline), baseline)
    worse = limit.bound(baseline) * (1.001 if RESOURCES[name].most else 0.999)
    assert not limit.allows(worse, baseline)


BAD = [
    # resource, as written, words of the message and the advice
    ("flash", 200, '200 KB'),
    ("flash", "200", '200 KB'),
    ("ram", 0, "no firmware is that small"),
    ("flash", -5, "negative"),
    ("flash", "-5 KB", "better than the baseline"),
    ("flash", "1 %", "share of nothing"),
    ("flash", "lots", "no limit of flash"),
    ("flash", "", "no limit of flash"),
    ("flash", "200 GB", "'GB'"),
    ("flash", "+1 dB", "'dB'"),
    ("flash", True, "no limit of flash"),
    ("flash", {"max": 5}, "no limit of flash"),
    ("flash", float("inf"), "infinite"),
    ("flash", float("nan"), "infinite"),
    ("instructions", "1 KB", "'KB'"),
    ("accuracy", 97, '97 %'),
    ("accuracy", "+1 %", "better than the baseline"),
    ("snr", "+1 dB", "better than the baseline"),
    ("snr", "-5 %", "no change of dB"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "words"), BAD)
def test_limits_that_are_none(name: str, text: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_limits(RESOURCES[name], text)
    assert words in " ".join(caught.value.args)


def test_several_limits_all_hold() -> None:
    absolute, relative = parse_limits(RESOURCES["ram"], ["64 KB", "+1 %"])
    assert (absolute.relative, relative.relative) == (False, True)
    assert parse_limits(RESOURCES["ram"], []) == ()


def test_equal_floats_are_within_the_limit() -> None:
    (limit,) = parse_limits(RESOURCES["accuracy"], "-0 %")
    assert limit.allows(0.1 + 0.2, 0.3)
    assert limit.allows(0.3, 0.1 + 0.2)
    assert not limit.allows(0.29999, 0.3)


def test_sizes_of_build_options() -> None:
    assert parse_size("64K") == parse_size(65536) == 65536
    with pytest.raises(ValueError, match="relative"):
        parse_size("+64K")


@pytest.mark.parametrize(
    ("name", "value", "signed", "text"),
    [
        ("flash", 12288, False, "12,288 bytes"),
        ("flash", -12288, True, "-12,288 bytes"),
        ("instructions", 1000, True, "+1,000"),
        ("accuracy", 0.9844, False, "98.44 %"),
        ("accuracy", -0.01, True, "-1.00 points"),
        ("latency", 1.5889, False, "1.589 ms"),
        ("snr", 29.7, False, "29.7 dB"),
    ],
)
def test_figures_are_shown_with_units(name: str, value: float, signed: bool, text: str) -> None:
    assert RESOURCES[name].show(value, signed=signed) == text
