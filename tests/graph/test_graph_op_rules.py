from __future__ import annotations

from pathlib import Path

from tinydeploy.graph.op_rules import format_rules
from tinydeploy.graph.ops import OPS

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


def test_the_manual_is_up_to_date():
    assert PAGE.read_text() == format_rules(), "write docs/operators.md anew with format_rules()"


def test_every_operator_has_a_heading():
    headings = [line[3:] for line in format_rules().splitlines() if line.startswith("## ")]
    assert sorted(name for heading in headings for name in heading.split(", ")) == sorted(OPS)
