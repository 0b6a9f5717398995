"""The manual's page on operators: what each one must fulfil, in the words of its constraints."""

from __future__ import annotations

from collections.abc import Iterator

from tinydeploy.graph.ops import OPS


def format_rules() -> str:
    """Writes docs/operators.md: the operators that can be deployed and the rules for each."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "# Operators"
    yield ""
    yield "An int8 model is made of these operators. All rules of each of them hold; a model that"
    yield "breaks one is refused, naming the operator, its number, its output and the rule."
    yield "This page is what `tinydeploy.graph.op_rules.format_rules` writes."
    by_rules: dict[tuple[str, ...], list[str]] = {}
    for builtin in sorted(OPS):
        rules = tuple(constraint.__doc__ or "" for constraint in OPS[builtin].constraints)
        by_rules.setdefault(rules, []).append(builtin)
    for rules, builtins in by_rules.items():
        yield ""
        yield f"## {', '.join(builtins)}"
        yield ""
        for rule in rules:
            yield f"* {rule}"
