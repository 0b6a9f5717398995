"""Turns a layer's constants into definitions for weights.c and declarations for weights.h."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinydeploy.errors import InternalError

# Layers write file-scope arrays, `static const int8_t name[9] = {`, each beginning a line.
_DEFINITION = re.compile(r"^static (const [^={;]*\[[^={;]*\])(?= = \{)", re.MULTILINE)


@dataclass(frozen=True)
class Constants:
    """C text of constant arrays with external linkage."""

    definitions: str
    declarations: tuple[str, ...]


def split_constants(text: str) -> Constants:
    """Gives external linkage to file-scope constant arrays.

    Args:
        text: Definitions of arrays, each `static const <type> <name>[<size>] = {...};`.

    Raises:
        InternalError: Something else is defined, which would stay invisible to the layer.
    """
    declarations = tuple(f"extern {found};" for found in _DEFINITION.findall(text))
    definitions = _DEFINITION.sub(r"\1", text)
    if "static" in definitions or len(declarations) != text.count(" = "):
        raise InternalError(f"not definitions of constant arrays: {text[:200]}")
    return Constants(definitions, declarations)
