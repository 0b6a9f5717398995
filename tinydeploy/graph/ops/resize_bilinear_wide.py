"""RESIZE_BILINEAR of int16."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.resize_bilinear import ResizeBilinear


@register_op("RESIZE_BILINEAR", types=("int16",))
@dataclass(frozen=True, eq=False)
class ResizeBilinearWide(ResizeBilinear):
    """The same with sums below 2^38."""

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "resize_bilinear_s16"
