"""MAXIMUM: the larger of two activations, or of an activation and a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.extremum import Extremum
from tinydeploy.graph.op import register_op


@register_op()
@dataclass(frozen=True, eq=False)
class Maximum(Extremum):
    """The larger of two quantized values; operands and output quantize alike."""

    builtin: ClassVar[str] = "MAXIMUM"
