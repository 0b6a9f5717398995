from __future__ import annotations

from pathlib import Path

from tinydeploy.graph.op_rules import format_rules, list_rules
from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.refused_ops import REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_manual_is_up_to_date():
    assert PAGE.read_text() == format_rules(), "tinydeploy ops --markdown > docs/operators.md"


def test_every_operator_has_a_heading():
    headings = [line[3:] for line in format_rules().splitlines() if line.startswith("## ")]
    assert (headings[0], headings[-1]) == ("All operators", "Not supported")
    names = [name for heading in headings[1:-1] for name in heading.partition(" (")[0].split(", ")]
    assert set(names) == {*OPS, *WIDE_OPS}


def test_types_are_told():
    headings = [entry.heading for entry in list_rules()]
    assert any("TRANSPOSE" in heading and "(int8, int16)" in heading for heading in headings)
    assert all("(" not in heading for heading in headings if "ARG_MAX" in heading)


def test_no_operator_is_both_supported_and_refused():
    assert not REFUSED.keys() & OPS.keys()
