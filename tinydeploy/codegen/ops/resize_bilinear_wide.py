"""RESIZE_BILINEAR of int16 as a call of td_resize_bilinear_s16."""

from __future__ import annotations

from tinydeploy.codegen.ops.resize_bilinear import emit_layer

__all__ = ["emit_layer"]
