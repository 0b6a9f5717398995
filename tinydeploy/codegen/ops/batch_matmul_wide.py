"""BATCH_MATMUL of int16 as a call of td_batch_matmul_s16."""

from __future__ import annotations

from tinydeploy.codegen.ops.batch_matmul import emit_layer

__all__ = ["emit_layer"]
