"""The operators that can be deployed, in the words of their constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS
from tinydeploy.graph.ops import OPS
from tinydeploy.graph.refused_ops import REFUSED


@dataclass(frozen=True)
class OpRules:
    """Operators that fulfil the same rules.

    Args:
        builtins: Their names in TFLite's schema, sorted.
        rules: A sentence each, those aside that hold for all operators.
    """

    builtins: tuple[str, ...]
    rules: tuple[str, ...]


COMMON_RULES = tuple(constraint.__doc__ or "" for constraint in ACTIVATION_CONSTRAINTS[1:])
"""Rules that all operators fulfil, a sentence each."""


def list_rules() -> tuple[OpRules, ...]:
    """The operators that can be deployed, by rules, in the order of their names."""
    by_rules: dict[tuple[str, ...], list[str]] = {}
    for builtin in sorted(OPS):
        sentences = (constraint.__doc__ or "" for constraint in OPS[builtin].constraints)
        rules = tuple(sentence for sentence in sentences if sentence not in COMMON_RULES)
        by_rules.setdefault(rules, []).append(builtin)
    return tuple(OpRules(tuple(names), rules) for rules, names in by_rules.items())


def list_refused() -> tuple[OpRules, ...]:
    """Operators that cannot be deployed, by reason; the reason is their only rule."""
    by_reason: dict[str, list[str]] = {}
    for builtin in sorted(REFUSED):
        by_reason.setdefault(REFUSED[builtin], []).append(builtin)
    return tuple(OpRules(tuple(names), (reason,)) for reason, names in by_reason.items())


def format_rules() -> str:
    """Writes docs/operators.md: the operators that can be deployed and the rules for each."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "# Operators"
    yield ""
    yield "An int8 model is made of these operators. All rules of each of them hold; a model that"
    yield "breaks one is refused, naming the operator, its number, its output and the rule."
    yield "This page is what `tinydeploy ops --markdown` writes."
    yield ""
    yield "## All operators"
    yield ""
    for rule in COMMON_RULES:
        yield f"* {rule}"
    for entry in list_rules():
        yield ""
        yield f"## {', '.join(entry.builtins)}"
        yield ""
        for rule in entry.rules:
            yield f"* {rule}"
    yield ""
    yield "## Not supported"
    yield ""
    yield "`tests/graph/test_reference_ops.py` asks LiteRT's reference which operators it runs in"
    yield "int8. Of those that it refuses, or that are not supported for another reason:"
    yield ""
    for entry in list_refused():
        yield f"* {', '.join(entry.builtins)}: {entry.rules[0]}."
    yield ""
    yield "What operators compute from shapes, such as SHAPE in front of a RESHAPE, is left out:"
    yield "the shapes in the file count. At the ends of a model, conversions from float32 or uint8"
    yield "to int8 and back are cut off: the firmware takes and gives int8."
