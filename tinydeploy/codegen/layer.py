"""The C text of one layer, and the dispatch from an op of the graph to the module that writes it.

An op is written by tinydeploy/codegen/ops/<stem>.py, its stem most often being the name of the
module that defines it, whose one public function is `emit_layer(op, context) -> LayerCode`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.plan.kernel import Kernel


@dataclass(frozen=True)
class LayerContext:
    """What a layer's C text depends on besides the op itself.

    Args:
        graph: The graph that the op belongs to.
        prefix: Prefix of every C name that the layer defines, e.g. "vww_layer3".
        tensors: C expression of type `const td_tensor *` by tensor id, for every input and output.
        scratch: C expression of type `void *`, aligned to 4 bytes, for as many bytes as `kernel`
            needs; "NULL" where it needs none.
        kernel: The kernel that the plan has chosen; the layer's code calls it.
        state: C expression of type `void *`, aligned to 4 bytes, for the bytes that the op keeps;
            "NULL" where it keeps none.
    """

    graph: Graph
    prefix: str
    tensors: Mapping[int, str]
    scratch: str
    kernel: Kernel
    state: str = "NULL"


@dataclass(frozen=True)
class SharedCall:
    """A call `function(&<prefix>_op, in, out, first, last, scratch)`, which layers can share.

    Args:
        function: The kernel's.
        struct: Type of its parameters.
    """

    function: str
    struct: str


@dataclass(frozen=True)
class LayerCode:
    """The C text of one layer; empty strings where there is nothing to say.

    Args:
        kernels: What of firmware/kernels/ the call needs: paths without suffix. One names its .c
            file, its .S file, or both (see `tinydeploy.paths.kernel_sources`).
        constants: Definitions of the constant arrays (`static const`), at file scope, before
            `parameters`.
        parameters: Definition of the parameter structs (`static const`), at file scope.
        call: Statements inside a function that has `int32_t first, int32_t last`.
        shared: What `call` is, if it has that form.
    """

    kernels: tuple[str, ...]
    constants: str
    parameters: str
    call: str
    shared: SharedCall | None = None


def emit_layer(op: Op, context: LayerContext) -> LayerCode:
    """Writes the C text of one op.

    Args:
        op: Any op of the graph that computes something.
        context: Names and expressions to use.

    Returns:
        The text; equal arguments give equal text.

    Raises:
        InternalError: There is no writer for this class of op.
    """
    try:
        module = importlib.import_module(f"tinydeploy.codegen.ops.{op.stem}")
    except ModuleNotFoundError as error:
        raise InternalError(f"no code generator for {type(op).__name__} ({op.stem})") from error
    return cast(LayerCode, module.emit_layer(op, context))
