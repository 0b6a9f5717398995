"""A net that computes in float as its int8 form will: values are rounded to what int8 can hold.

Rounded are the weights of convolutions and fully connected layers, symmetric with a scale per
output channel, and every tensor that the int8 net keeps, asymmetric with one scale. A BN, and a
ReLU or its bounded forms, are part of the layer in front of them, so nothing is rounded between.
A BN needs no folding for that: a factor per output channel changes the scale of a channel's
weights, and not the integers.

Gradients pass a rounding as if it were not there, and end where a value is clipped (the
straight-through estimator).

Source: Jacob et al.: Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference (CVPR 2018), section 3; statistics of BN are frozen.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from tinydeploy.errors import UnsupportedModelError

_LAYERS = (nn.Conv2d, nn.Linear)
_NORMALIZATIONS = (nn.BatchNorm1d, nn.BatchNorm2d)
_BOUNDS = (nn.ReLU, nn.ReLU6, nn.Hardtanh)
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


class FakeQuantize(nn.Module):
    """Rounds a tensor to the 256 values of its int8 form; in training its range follows the data.

    `bounds`, float32 [2], are the range before 0 is added to it; `batches` how many it has seen.
    """

    bounds: Tensor
    batches: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", torch.zeros(2))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Any) -> Any:
        """A tensor of any shape -> the same; what is none is handed on."""
        if not isinstance(x, Tensor):
            return x
        if self.training:
            with torch.no_grad():
                self.batches += 1
                rate = 1 / min(int(self.batches), _BATCHES)
                self.bounds.lerp_(torch.stack(x.float().aminmax()), rate)
        return torch.fake_quantize_per_tensor_affine(x, *self.parameters_of_range(), -128, 127)

    def parameters_of_range(self) -> tuple[Tensor, Tensor]:
        """Scale, float32, and zero point, int32; 0 is exact."""
        low, high = self.bounds[0].clamp(max=0), self.bounds[1].clamp(min=0)
        scale = ((high - low) / 255).clamp(min=_LEAST_SCALE)
        return scale, (-128 - low / scale).round().to(torch.int32)


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

    Raises:
        UnsupportedModelError: Its forward depends on values, so it is not known what it computes.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        try:
            self.traced = fx.symbolic_trace(net.eval())
        except Exception as error:  # a forward may be any program, and fail anyhow
            raise UnsupportedModelError(
                f"{type(net).__name__} cannot be traced: {str(error).splitlines()[0]}",
                "Quantization-aware training needs a net whose steps do not depend on values.",
            ) from error
        _insert(self.traced)
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
        rounded = {
            f"{name}.weight": round_weights(module.weight)
            for name, module in self.traced.named_modules()
            if isinstance(module, _LAYERS)
        }
        scores: Tensor = functional_call(self.traced, rounded, (x,))
        return scores

    def hand_over(self, net: nn.Module) -> nn.Module:
        """Puts the weights, as they are before rounding, into a net of the same kind."""
        weights = self.traced.state_dict()
        net.load_state_dict({name: weights[name] for name in net.state_dict()})
        return net.eval()


def _insert(traced: fx.GraphModule) -> None:
    modules = dict(traced.named_modules())
    for index, node in enumerate(list(traced.graph.nodes)):
        if not _is_kept(node, modules):
            continue
        name = f"int8_{index}"
        traced.add_submodule(name, FakeQuantize())
        with traced.graph.inserting_after(node):
            rounded = traced.graph.call_module(name, (node,))
        node.replace_all_uses_with(rounded, delete_user_cb=_all_but(rounded))
    traced.recompile()


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


def _all_but(kept: fx.Node) -> Callable[[fx.Node], bool]:
    return lambda user: user is not kept
