"""C text of boxes of bytes and of the loops over them."""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.codegen.c_data import format_array, format_elements
from tinydeploy.graph.movement import Level, Part

_ONCE = Level(1, 0, 0, 0)


def loops_of(part: Part) -> tuple[Level, ...]:
    """All loops of a part, those over bytes at least two, as kernels want them."""
    missing = (_ONCE,) * max(0, 2 - len(part.levels))
    return (*part.rows, *missing, *part.levels)


def box_fields(part: Part, levels: str) -> dict[str, int | str]:
    """The fields of a td_move; `levels` is the name of its loops."""
    return {
        "levels": levels,
        "row_levels": len(part.rows),
        "outer_levels": max(2, len(part.levels)) - 2,
        "first": part.first,
        "last": part.first + part.height,
        "offset": part.offset,
        "row": part.row,
        "column": part.column,
    }


def emit_indices(levels: Sequence[Level], name: str) -> str:
    """The arrays of indices that loops have."""
    return "".join(
        format_array("uint16_t", f"{name}_indices{k}", level.indices)
        for k, level in enumerate(levels)
        if level.indices is not None
    )


def emit_levels(levels: Sequence[Level], name: str, row_levels: int = 0) -> str:
    """The array of loops, of which so many run over rows of the output."""
    texts = [
        f"{{{level.count}, {level.row_step}, {level.step}, "
        f"{0 if k < row_levels else level.out_step}, "
        + ("NULL" if level.indices is None else f"{name}_indices{k}")
        + "}"
        for k, level in enumerate(levels)
    ]
    return format_elements("td_move_level", name, texts)
