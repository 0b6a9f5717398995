"""Which layer of a net was which one before it was changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from tinydeploy.check.figures import LayerFigures


def align_layers(now: Sequence[LayerFigures], before: Sequence[LayerFigures]) -> Mapping[int, int]:
    """Positions in `before` by positions in `now`; new layers are absent.

    First what is equal in name, op and shapes, then what is equal but for its name, as names that
    count layers are behind a new one; between those by name, at last by op in their order.
    """
    keys: tuple[Callable[[LayerFigures], Hashable], ...] = (
        lambda layer: (layer.name, layer.op, layer.input_shapes, layer.output_shape, layer.macs),
        lambda layer: (layer.op, layer.input_shapes, layer.output_shape, layer.macs),
        lambda layer: (layer.name, layer.op),
        lambda layer: layer.op,
    )
    pairs: dict[int, int] = {}
    for key in keys:
        ends = [(-1, -1), *sorted(pairs.items()), (len(now), len(before))]
        for (first, old_first), (last, old_last) in pairwise(ends):
            news = [key(layer) for layer in now[first + 1 : last]]
            olds = [key(layer) for layer in before[old_first + 1 : old_last]]
            matcher = SequenceMatcher(None, news, olds, autojunk=False)
            for block in matcher.get_matching_blocks():
                for step in range(block.size):
                    pairs[first + 1 + block.a + step] = old_first + 1 + block.b + step
    return pairs
