"""Budgets as users write them: `200 KB`, `1_000_000`, or `+1 %` of a stored baseline."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_K = 1024
_BYTES: Final = {
    "": 1, "b": 1, "k": _K, "kb": _K, "kib": _K, "m": _K * _K, "mb": _K * _K, "mib": _K * _K,
}  # fmt: skip
_COUNTS: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
_TIMES: Final = {"": 1, "us": 1e-3, "ms": 1, "s": 1e3}
_NUMBER = re.compile(r"\s*([+-]?)\s*(\d[\d_,]*(?:\.\d+)?)\s*([a-z%]*)\s*", re.IGNORECASE)
_LEAST_BYTES: Final = 1024


@dataclass(frozen=True)
class Resource:
    """What a budget may limit.

    Args:
        name: Its key in a budget.
        title: In tables.
        unit: In words, behind a number; empty for counts.
        units: Factor by the unit's lower-case name.
        most: The limit is the most allowed; False: the least.
        example: An absolute and a relative limit.
        points: `%` is meant absolutely: of a share, points.
    """

    name: str
    title: str
    unit: str
    units: Mapping[str, float]
    most: bool
    example: tuple[str, str]
    points: bool = False

    def show(self, value: float, *, signed: bool = False) -> str:
        """The value with its unit, `12,288 bytes`, `98.44 %`; with a sign where it is a change."""
        sign = "+" if signed and value >= 0 else ""
        if self.points:
            return f"{sign}{100 * value:.2f} {'points' if signed else '%'}"
        number = f"{value:,.0f}" if self.unit in ("", "bytes") else f"{value:,.4g}"
        return f"{sign}{number} {self.unit}".rstrip()


RESOURCES: Final = {
    resource.name: resource
    for resource in (
        Resource("flash", "flash", "bytes", _BYTES, True, ("400 KB", "+1 %")),
        Resource("ram", "RAM", "bytes", _BYTES, True, ("64 KB", "+512 B")),
        Resource("stack", "stack", "bytes", _BYTES, True, ("1200", "+64 B")),
        Resource("instructions", "instructions", "", _COUNTS, True, ("9.2 M", "+1 %")),
        Resource("latency", "latency (est.)", "ms", _TIMES, True, ("20 ms", "+2 %")),
        Resource("accuracy", "accuracy", "%", {"": 1, "%": 0.01}, False, ("97 %", "-0.5 %"), True),
        Resource(
            "max_drop", "int8 costs", "points", {"": 1, "points": 1}, True, ("1.0", "+0.2 points")
        ),
        Resource("snr", "SNR", "dB", {"": 1, "db": 1}, False, ("25 dB", "-1 dB")),
    )
}


@dataclass(frozen=True)
class Limit:
    """One limit of one resource.

    Args:
        resource: Of what.
        text: As the user wrote it.
        value: The limit itself, or what may be added to the baseline's figure.
        relative: To the baseline.
        share: `value` is a share of the baseline's figure.
    """

    resource: Resource
    text: str
    value: float
    relative: bool
    share: bool = False

    def bound(self, baseline: float | None) -> float:
        """The most, or the least, that is allowed; a relative limit needs the baseline's figure."""
        if not self.relative:
            return self.value
        assert baseline is not None
        return baseline + self.value * (abs(baseline) if self.share else 1.0)

    def allows(self, value: float, baseline: float | None) -> bool:
        """Whether a figure keeps to it."""
        bound = self.bound(baseline)
        # Shares and decibels come from sums of floats: what is equal when shown is equal.
        slack = 0.0 if self.resource.unit in ("", "bytes") else 1e-9 * max(1.0, abs(bound))
        return value <= bound + slack if self.resource.most else value >= bound - slack


def parse_limits(resource: Resource, value: Any) -> tuple[Limit, ...]:
    """One limit, or an array of limits that all hold.

    Raises:
        ValueError: It is none; the first argument says why, the second what to write.
    """
    return tuple(
        _parse_limit(resource, each) for each in (value if isinstance(value, list) else [value])
    )


def parse_size(value: Any) -> int:
    """Bytes of a build option: `65536`, `"64K"`, `"1.5 MB"`.

    Raises:
        ValueError: As of `parse_limits`.
    """
    limit = _parse_limit(RESOURCES["ram"], value)
    if limit.relative:
        raise ValueError(f"{value!r} is relative", 'Write bytes, or a size: 65536, "64 KB".')
    return int(limit.value)


def _parse_limit(resource: Resource, value: Any) -> Limit:
    absolute, relative = resource.example
    advice = f'Write, for example, "{absolute}", or "{relative}" of the baseline.'
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if not math.isfinite(number) or number < 0:
            raise ValueError(f"{value!r} is no limit: it cannot be negative or infinite", advice)
        return _check(Limit(resource, str(value), number, relative=False), advice)
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no limit of {resource.name}", advice)
    sign, digits, unit = match[1], match[2].replace(",", "").replace("_", ""), match[3].lower()
    share = unit == "%" and not resource.points
    if share and (not sign or resource.unit in ("points", "dB")):
        why = "a share of nothing" if not sign else f"no change of {resource.unit}"
        raise ValueError(f"{value!r} is {why}", advice)
    if not share and unit not in resource.units:
        known = ", ".join(name for name in resource.units if name)
        raise ValueError(
            f"'{match[3]}' in {value!r} is no unit of {resource.name} ({known})", advice
        )
    number = float(digits) * (0.01 if share else resource.units[unit])
    if not sign:
        return _check(Limit(resource, value.strip(), number, relative=False), advice)
    if (sign == "+") != resource.most and number:
        words = "most" if resource.most else "least"
        raise ValueError(
            f"{value!r} would ask for better than the baseline: {resource.name} has a limit of "
            f"the {words}",
            advice,
        )
    number = number if sign == "+" else -number
    return Limit(resource, value.strip(), number, relative=True, share=share)


def _check(limit: Limit, advice: str) -> Limit:
    """An absolute limit that can be meant."""
    name, value = limit.resource.name, limit.value
    if name in ("flash", "ram") and value < _LEAST_BYTES:
        raise ValueError(
            f"{limit.text} are {value:g} bytes: no firmware is that small",
            f'Write the unit: "{limit.text} KB".' if limit.text.isdigit() else advice,
        )
    if limit.resource.points and value > 1:
        raise ValueError(
            f"{limit.text} is more than all",
            f'Write "{limit.text} %", or a share of 1.' if "%" not in limit.text else advice,
        )
    return limit
