"""A 1x1 expansion inside of a depthwise convolution: td_expanded_depthwise_conv_2d_s8."""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext, SharedCall
from tinydeploy.codegen.layer import emit_layer as emit_part
from tinydeploy.errors import InternalError
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import TiledKernel


def emit_layer(op: ExpandedDepthwiseConv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of both convolutions; the layer's struct names theirs."""
    kernel = context.kernel
    if not isinstance(kernel, TiledKernel):
        raise InternalError(f"layer {context.prefix} has no kernel for tiles")
    expansion = _emit_part(op.expansion, kernel.expansion, "expansion", context)
    depthwise = _emit_part(op.depthwise, kernel.depthwise, "depthwise", context)
    prefix = context.prefix
    fields: dict[str, int | str] = {
        "expansion": f"&{prefix}_expansion_op",
        "depthwise": f"&{prefix}_depthwise_op",
        "channels": kernel.channels,
        "band": kernel.band,
        "tile_bytes": kernel.tile_bytes,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    function, struct = f"td_{kernel.stem}", "td_expanded_depthwise_conv_2d"
    return LayerCode(
        kernels=tuple(dict.fromkeys((kernel.stem, *expansion.kernels, *depthwise.kernels))),
        constants=expansion.constants + depthwise.constants,
        parameters=expansion.parameters
        + depthwise.parameters
        + format_struct(struct, f"{prefix}_op", fields),
        call=f"{function}(&{prefix}_op, {source}, {result}, first, last, {context.scratch});",
        shared=SharedCall(function, struct),
    )


def _emit_part(part: Op, kernel: Kernel, name: str, context: LayerContext) -> LayerCode:
    """Constants and parameters of a part; the layer's kernel makes the call, with tiles."""
    tensors = dict.fromkeys((*part.inputs, *part.outputs), "NULL")
    prefix = f"{context.prefix}_{name}"
    return emit_part(part, replace(context, prefix=prefix, tensors=tensors, kernel=kernel))
