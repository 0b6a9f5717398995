"""A net that computes in float as its int8 form will: values are rounded to what int8 can hold.

Rounded are the weights of convolutions and fully connected layers, symmetric with a scale per
output channel, and every tensor that the int8 net keeps, asymmetric with one scale. A BN, and a
ReLU or its bounded forms, are part of the layer in front of them, so nothing is rounded between.
A BN needs no folding for that: a factor per output channel changes the scale of a channel's
weights, and not the integers.

Quantization equalizes channels, see `quantize.equalize`; the net is not changed for that, but
rounded as it would be: where channels may be equalized each has a scale of its own, and weights
that read them are rounded multiplied by these.

Gradients pass a rounding as if it were not there, and end where a value is clipped (the
straight-through estimator).

Equalized channels have limits, which are learned: a rare value, such as those beside the zeros
around a picture, costs all others resolution, and the net may do without it. A limit's gradient
comes from what it clips, and from the errors of all that its scale rounds. The limits become part
of the net, see `limits`: its float form clips too, and quantization finds ranges within them.

Source: Jacob et al.: Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference (CVPR 2018), section 3; statistics of BN are frozen. Learned
limits: Choi et al.: PACT (2018); a scale's gradient: Esser et al.: Learned Step Size Quantization
(ICLR 2020).
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.train.channel_groups import ChannelGroup, find_channel_groups
from tinydeploy.train.limits import (
    Limit,
    clip,
    insert_behind,
    insert_limits,
    spread_channels,
    trace,
)

_LAYERS = (nn.Conv2d, nn.Linear)
_NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d)
_BOUNDS = (nn.ReLU, nn.ReLU6, nn.Hardtanh, Limit)
_BOUND_FUNCTIONS = (torch.relu, nn.functional.relu, nn.functional.relu6, nn.functional.hardtanh)
# What only moves values keeps the quantization that they have.
_MOVES = (nn.Identity, nn.Flatten, nn.MaxPool2d, nn.Dropout, nn.ChannelShuffle, nn.ZeroPad2d)
_MOVE_FUNCTIONS = (
    *(operator.getitem, getattr, torch.flatten, torch.transpose, torch.chunk, torch.split),
    *(nn.functional.dropout, nn.functional.max_pool2d, nn.functional.pad),
)
_MOVE_METHODS = ("view", "reshape", "flatten", "transpose", "permute", "contiguous", "chunk")

# Ranges follow the mean of the batches' extremes, of so many at most.
_BATCHES = 100
_LEAST_SCALE = 1e-8
# Of equalized channels, as `quantize.channel_factors` has it.
_HEADROOM = 1.0
_LEAST_REACH = 1e-6


class FakeQuantize(nn.Module):
    """Rounds a tensor to the 256 values of its int8 form; in training its range follows the data.

    `bounds`, float32 [2, channels], are each channel's extremes; `batches` how many it has seen.
    `logs`, float32 [channels], are learned: of limits as parts of the largest magnitudes.

    Args:
        channels: Of a tensor that is equalized, and limited; 1 for any other.
    """

    bounds: Tensor
    batches: Tensor

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.zeros(2, channels))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.logs = nn.Parameter(torch.zeros(channels)) if channels > 1 else None
        # Those that share its divisors. A list, as they are no parts of this one.
        self.partners = [self]

    def forward(self, x: Any) -> Any:
        """A tensor [n, channels, ...], or any for 1 channel -> the same; what is none passes."""
        if not isinstance(x, Tensor):
            return x
        channels = self.bounds.shape[1]
        if self.training:
            with torch.no_grad():
                apart = x if channels == 1 else x.transpose(0, 1)
                values = apart.float().reshape(channels, -1)
                self.batches += 1
                rate = 1 / min(int(self.batches), _BATCHES)
                self.bounds.lerp_(torch.stack(values.aminmax(dim=1)), rate)
        scale, zero = self.parameters_of_range()
        if self.logs is None:
            return torch.fake_quantize_per_tensor_affine(x, scale[0], zero, -128, 127)
        scale = spread_channels(scale, x)
        exact = (clip(x, self.limits()) / scale + zero).clamp(-128, 127)
        return (exact + (exact.round() - exact).detach() - zero) * scale

    def limits(self) -> Tensor:
        """Where each channel is clipped at both sides; float32 [channels]."""
        reach = self.bounds.abs().amax(0).clamp(min=_LEAST_SCALE)
        return reach if self.logs is None else reach * self.logs.exp()

    def limited_bounds(self) -> Tensor:
        """The extremes, float32 [2, channels], of what the limits leave."""
        limits = self.limits()
        # A copy: partners that come later may not change what gradients are computed from.
        return torch.maximum(torch.minimum(self.bounds.clone(), limits), -limits)

    def reach(self) -> Tensor:
        """Each channel's largest magnitude with headroom, as a part of the largest of them."""
        reach = self.limited_bounds().abs().amax(0)
        reach = reach + _HEADROOM * reach.median() if len(reach) > 1 else reach
        return (reach / reach.max().clamp(min=_LEAST_SCALE)).clamp(min=_LEAST_REACH)

    def divisors(self) -> Tensor:
        """By what each channel is divided where channels are equalized; float32 [channels]."""
        return torch.stack([each.reach() for each in self.partners]).amax(0)

    def parameters_of_range(self) -> tuple[Tensor, Tensor]:
        """Scales, float32 [channels], and their zero point, int32; 0 is exact."""
        divisors = self.divisors()
        bounds = self.limited_bounds() / divisors
        low, high = bounds[0].amin().clamp(max=0), bounds[1].amax().clamp(min=0)
        scale = ((high - low) / 255).clamp(min=_LEAST_SCALE)
        return scale * divisors, (-128 - low / scale).detach().round().to(torch.int32)


def round_weights(weights: Tensor) -> Tensor:
    """Weights [O, ...] as the nearest of 255 values from -max|w| to max|w| of their channel."""
    largest = weights.detach().abs().flatten(1).amax(1)
    scales = (largest / 127).clamp(min=_LEAST_SCALE)
    zeros = torch.zeros(len(scales), dtype=torch.int32, device=weights.device)
    return torch.fake_quantize_per_channel_affine(weights, scales, zeros, 0, -127, 127)


class FakeQuantizedNet(nn.Module):
    """See the module's text.

    Args:
        net: Is taken apart; afterwards its weights are part of this one.
        rounded: False: nothing is rounded, the rest is the same.

    Raises:
        UnsupportedModelError: Its forward depends on values, so it is not known what it computes.
    """

    def __init__(self, net: nn.Module, *, rounded: bool = True) -> None:
        super().__init__()
        self._rounded = rounded
        try:
            self.traced = trace(net.eval())
        except Exception as error:  # a forward may be any program, and fail anyhow
            raise UnsupportedModelError(
                f"{type(net).__name__} cannot be traced: {str(error).splitlines()[0]}",
                "Quantization-aware training needs a net whose steps do not depend on values.",
            ) from error
        # By layer, what rounds the input whose channels it reads one by one.
        self._read = _insert(self.traced) if rounded else {}
        self.train()

    def train(self, mode: bool = True) -> FakeQuantizedNet:
        """In training ranges follow the data; BN and dropout are in inference mode always."""
        super().train(mode)
        for module in self.traced.modules():
            if not isinstance(module, FakeQuantize):
                module.training = False
        return self

    def forward(self, x: Tensor) -> Tensor:
        """As the net's."""
        weights = {
            f"{name}.weight": self._round(name, module.weight)
            for name, module in self.traced.named_modules()
            if self._rounded and isinstance(module, _LAYERS)
        }
        scores: Tensor = functional_call(self.traced, weights, (x,))
        return scores

    def _round(self, name: str, weights: Tensor) -> Tensor:
        """A layer's weights [O, I, ...] as they are rounded where its input is equalized."""
        if name not in self._read:
            return round_weights(weights)
        divisors = self._read[name].divisors().detach().view(1, -1, *[1] * (weights.ndim - 2))
        return round_weights(weights * divisors) / divisors

    def hand_over(self, net: nn.Module) -> nn.Module:
        """Puts the weights, as they are before rounding, and the limits into a net of the kind."""
        weights = self.traced.state_dict()
        net.load_state_dict({name: weights[name] for name in net.state_dict()})
        parts = dict(self.traced.named_modules())
        kept = {
            node.all_input_nodes[0].name: parts.get(str(node.target))
            for node in self.traced.graph.nodes
            if node.op == "call_module"
        }
        limits = {
            name: part.limits().detach()
            for name, part in kept.items()
            if isinstance(part, FakeQuantize) and part.logs is not None
        }
        return insert_limits(net.eval(), limits) if limits else net.eval()


def _insert(traced: fx.GraphModule) -> dict[str, FakeQuantize]:
    """Puts a FakeQuantize behind each node whose tensor is kept.

    Returns:
        For each layer that reads equalized channels one by one, what rounds them.
    """
    modules = dict(traced.named_modules())
    groups = find_channel_groups(traced)
    read = {node: groups[node.all_input_nodes[0]] for node in groups if node.all_input_nodes}
    members: dict[ChannelGroup, list[FakeQuantize]] = {}
    for index, node in enumerate(list(traced.graph.nodes)):
        if not _is_kept(node, modules):
            continue
        group = groups[node]
        name = f"int8_{index}"
        kept = FakeQuantize(group.channels if group.scalable else 1)
        if group.scalable:
            kept.partners = members.setdefault(group, [])
            kept.partners.append(kept)
        insert_behind(traced, node, name, kept)
    traced.recompile()
    layers = {node: modules[str(node.target)] for node in groups if node.op == "call_module"}
    return {
        str(node.target): members[group][0]
        for node, layer in layers.items()
        if isinstance(layer, _LAYERS) and getattr(layer, "groups", 1) == 1
        for group in [read[node]]
        if group in members
    }


def _is_kept(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether the int8 net has a tensor of its own of what a node gives."""
    if node.op in ("placeholder", "get_attr", "output"):  # the input is the pixel itself
        return False
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    if (
        isinstance(module, _MOVES)
        or node.target in _MOVE_FUNCTIONS
        or (node.op == "call_method" and node.target in _MOVE_METHODS)
    ):
        return False
    users = list(node.users)
    return len(users) != 1 or not _is_part_of_producer(users[0], modules)


def _is_part_of_producer(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules.get(str(node.target)), (*_NORMALIZATIONS, *_BOUNDS))
    return node.target in _BOUND_FUNCTIONS
