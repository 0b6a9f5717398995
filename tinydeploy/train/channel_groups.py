"""Which tensors of a traced net quantization may equalize, and which have to share their factors.

The rules are those of `quantize.equalize`: a convolution may give a channel times any factor if all
that read it divide their weights by it; clamps, sums, pools and means pass factors on. The net's
input, its output, and what any other operation reads or gives stay as they are.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field

import torch
from torch import fx, nn

from tinydeploy.train.limits import Limit

_PASSED = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Identity, nn.Dropout),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d, nn.Flatten),
    Limit,
)
_PASSED_FUNCTIONS = (
    *(torch.relu, torch.flatten, operator.add, operator.iadd, torch.add),
    *(nn.functional.relu, nn.functional.relu6, nn.functional.hardtanh, nn.functional.dropout),
    *(nn.functional.max_pool2d, nn.functional.avg_pool2d, nn.functional.adaptive_avg_pool2d),
)
_PASSED_METHODS = ("flatten", "mean", "contiguous")


@dataclass(eq=False)
class ChannelGroup:
    """Nodes whose tensors share their channels' factors.

    Args:
        nodes: All of them.
        channels: Of each tensor; 0 where no convolution gave them yet.
        scalable: Whether there may be factors.
    """

    nodes: list[fx.Node] = field(default_factory=list)
    channels: int = 0
    scalable: bool = True

    def join(self, other: ChannelGroup) -> None:
        """Takes over another group."""
        self.nodes += other.nodes
        self.scalable &= other.scalable and self.channels in (0, other.channels)
        self.channels = other.channels


def find_channel_groups(traced: fx.GraphModule) -> dict[fx.Node, ChannelGroup]:
    """The group of each node; those that are not scalable have no factors."""
    modules = dict(traced.named_modules())
    found: dict[fx.Node, ChannelGroup] = {}
    for node in traced.graph.nodes:
        group = ChannelGroup([node])
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.Conv2d | nn.Linear):
            inputs = {source: found[source] for source in node.all_input_nodes}
            wanted = module.in_channels if isinstance(module, nn.Conv2d) else module.in_features
            grouped = isinstance(module, nn.Conv2d) and module.groups not in (1, wanted)
            for read in inputs.values():
                read.scalable &= read.channels == wanted and not grouped
            group.channels = (
                module.out_channels if isinstance(module, nn.Conv2d) else module.out_features
            )
        elif _passes(node, module):
            for source in node.all_input_nodes:
                if found[source] is not group:
                    group.join(found[source])
        else:
            group.scalable = False
            for source in node.all_input_nodes:
                found[source].scalable = False
        found.update(dict.fromkeys(group.nodes, group))
    return found


def _passes(node: fx.Node, module: nn.Module | None) -> bool:
    if node.op == "call_module":
        return isinstance(module, _PASSED)
    if node.op == "call_function":
        return node.target in _PASSED_FUNCTIONS
    return node.op == "call_method" and node.target in _PASSED_METHODS
