"""SUB: the kernels of ADD, with a factor below zero."""

from __future__ import annotations

from tinydeploy.plan.kernel_choice.add import choose_kernel

__all__ = ["choose_kernel"]
