"""The manual's page of ONNX operators is fresh, and says what is true."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.graph.ops import OPS
from tinydeploy.quantize.onnx_reader import NODE_READERS
from tinydeploy.quantize.onnx_refused import ADVICE
from tinydeploy.quantize.onnx_table import format_onnx_rules, list_onnx_rules

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"


def test_page_is_fresh() -> None:
    assert PAGE.read_text() == format_onnx_rules(), "tinydeploy ops --onnx --markdown"


def test_every_operator_becomes_what_can_be_deployed() -> None:
    rules = list_onnx_rules()
    assert {op for rule in rules for op in rule.ops} == set(NODE_READERS)
    for rule in rules:
        assert rule.text, rule.ops
        assert set(rule.builtins) <= set(OPS), rule.ops


def test_what_is_refused_is_not_read() -> None:
    assert not set(ADVICE) & set(NODE_READERS)
    assert all(advice for advice in ADVICE.values())
