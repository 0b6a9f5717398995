"""Limits of a net's tensors: beyond them its channels are clipped.

A net that has them is traced, and remembers each limit as a part called after the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, fx, nn

_PREFIX = "limit_"


class Limit(nn.Module):
    """Clips each channel of a tensor [n, channels, ...] to +-limits, float32 [channels]."""

    limits: Tensor

    def __init__(self, limits: Tensor) -> None:
        super().__init__()
        self.register_buffer("limits", limits)

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, ...] -> the same."""
        return clip(x, self.limits)


def clip(x: Tensor, limits: Tensor) -> Tensor:
    """[n, channels, ...] clipped to +-limits [channels]; gradients of what is clipped go there."""
    limits = spread_channels(limits, x)
    return torch.maximum(torch.minimum(x, limits), -limits)


def spread_channels(values: Tensor, x: Tensor) -> Tensor:
    """[channels] as it broadcasts with a tensor [n, channels, ...]."""
    return values.view(-1, *[1] * (x.ndim - 2))


def trace(net: nn.Module) -> fx.GraphModule:
    """As torch traces it, a `Limit` being one step."""

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return isinstance(m, Limit) or super().is_leaf_module(m, module_qualified_name)

    return fx.GraphModule(net, Tracer().trace(net), type(net).__name__)


def insert_limits(net: nn.Module, limits: Mapping[str, Tensor]) -> fx.GraphModule:
    """A net that can be traced, with limits.

    Args:
        net: In inference mode; its parts become the new one's.
        limits: Float32 [channels] by the name of the traced net's node.
    """
    traced = trace(net)
    for node in traced.graph.nodes:  # those inserted too: a limit may have one behind it
        if node.name in limits:
            insert_behind(traced, node, _PREFIX + node.name, Limit(limits[node.name].clone()))
    traced.recompile()
    return traced.eval()


def read_limits(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `insert_limits` was given, from the state dict of what it made."""
    end = ".limits"
    return {
        name[len(_PREFIX) : -len(end)]: values
        for name, values in weights.items()
        if name.startswith(_PREFIX) and name.endswith(end)
    }


def insert_behind(traced: fx.GraphModule, node: fx.Node, name: str, part: nn.Module) -> None:
    """What read a node's tensor reads what a part makes of it."""
    traced.add_submodule(name, part)
    with traced.graph.inserting_after(node):
        made = traced.graph.call_module(name, (node,))
    node.replace_all_uses_with(made, delete_user_cb=_all_but(made))


def _all_but(kept: fx.Node) -> Callable[[fx.Node], bool]:
    return lambda user: user is not kept
