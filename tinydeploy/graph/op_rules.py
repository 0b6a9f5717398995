"""The operators that can be deployed, in the words of their constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.graph.constraints import (
    activations_int8,
    activations_int16,
    batch_of_one,
    shapes_known,
)
from tinydeploy.graph.op import TYPES
from tinydeploy.graph.op_table import list_constraints
from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.refused_ops import REFUSED


@dataclass(frozen=True)
class OpRules:
    """Operators that fulfil the same rules.

    Args:
        builtins: Their names in TFLite's schema, sorted.
        rules: A sentence each, those aside that hold for all operators.
        types: That their activations may have, e.g. "int8"; empty for operators not supported.
    """

    builtins: tuple[str, ...]
    rules: tuple[str, ...]
    types: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The names, with the type of activations where it is not int8 alone."""
        names = ", ".join(self.builtins)
        return names if self.types in ((), ("int8",)) else f"{names} ({', '.join(self.types)})"


COMMON_RULES = tuple(constraint.__doc__ or "" for constraint in (shapes_known, batch_of_one))
"""Rules that all operators fulfil, a sentence each."""

TYPE_RULES = tuple(constraint.__doc__ or "" for constraint in (activations_int8, activations_int16))
"""What is asked of activations of each of TYPES."""


def list_rules() -> tuple[OpRules, ...]:
    """The operators that can be deployed, by rules, in the order of their names."""
    types: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for dtype, builtin in ((d, b) for d in TYPES for b in (OPS if d == "int8" else WIDE_OPS)):
        constraints = list_constraints((OPS if dtype == "int8" else WIDE_OPS)[builtin], dtype)
        sentences = (constraint.__doc__ or "" for constraint in constraints)
        rules = tuple(s for s in sentences if s not in (*COMMON_RULES, *TYPE_RULES))
        types.setdefault((builtin, rules), []).append(dtype)
    by_rules: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (builtin, rules), found in sorted(types.items()):
        by_rules.setdefault((rules, tuple(found)), []).append(builtin)
    return tuple(OpRules(tuple(names), *key) for key, names in by_rules.items())


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
    yield "A quantized model is made of these operators, with int8 activations where nothing else"
    yield "is said. All rules of each of them hold; a model that breaks one is refused, naming the"
    yield "operator, its number, its output and the rule."
    yield "This page is what `tinydeploy ops --markdown` writes."
    yield ""
    yield "## All operators"
    yield ""
    for dtype, rule in zip(TYPES, TYPE_RULES, strict=True):
        yield f"* Where operators take {dtype}: {rule[0].lower()}{rule[1:]}"
    for rule in COMMON_RULES:
        yield f"* {rule}"
    for entry in list_rules():
        yield ""
        yield f"## {entry.heading}"
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
