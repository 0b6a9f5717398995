"""Several processes train one net, each on its part of every batch, as one process would.

All processes draw the same random numbers and so see the same batch. Each runs the net on its part;
the scores are gathered, so that a method sees those of the whole batch and needs to know nothing of
this. Batch normalization takes its statistics over all parts, and gradients are added up. What
torchrun sets in the environment tells how many processes there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def process_group() -> Iterator[None]:
    """Joins the processes that torchrun started; without torchrun there is one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        yield
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def count_processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes files and shows progress."""
    return not dist.is_initialized() or dist.get_rank() == 0


def wait_for_all() -> None:
    """Returns when all processes have come here."""
    if dist.is_initialized():
        dist.barrier()


def run_parts(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What the net gives for a whole batch, computed in parts; gradients flow to this part.

    Args:
        net: From [n, ...] to [n, k].
        x: The whole batch, the same in all processes.
    """
    if count_processes() == 1:
        return net(x)
    parts = x.tensor_split(count_processes())
    mine = net(parts[dist.get_rank()])
    scores: Tensor = _Gather.apply(mine, [len(part) for part in parts])  # type: ignore[no-untyped-call]
    return scores


def add_gradients(net: nn.Module) -> None:
    """Makes each parameter's gradient the sum over all processes."""
    if count_processes() == 1:
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, values in zip(
        gradients, torch.split(flat, [gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(values.view_as(gradient))


def share_batch_norm(net: nn.Module) -> None:
    """Makes batch normalization take its statistics over all processes; torch's own needs CUDA."""
    if count_processes() == 1:
        return
    for module in net.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = _SharedBatchNorm


class _Gather(torch.autograd.Function):
    """The parts of all processes behind one another.

    Every process computes the same loss of the whole, so the gradient that arrives is the same
    everywhere, and that of the own part is a part of it.
    """

    @staticmethod
    def forward(context: Any, mine: Tensor, counts: list[int]) -> Tensor:
        most = max(counts)
        filled = mine.new_zeros((most, *mine.shape[1:]))
        filled[: len(mine)] = mine
        parts = [torch.empty_like(filled) for _ in counts]
        dist.all_gather(parts, filled)
        begin = sum(counts[: dist.get_rank()])
        context.own = slice(begin, begin + len(mine))
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][context.own], None


class _Sum(torch.autograd.Function):
    """The sum over all processes; what each of them does with it counts for all gradients."""

    @staticmethod
    def forward(context: Any, mine: Tensor) -> Tensor:
        total = mine.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalization whose statistics are those of all processes' parts together."""

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, H, W] -> the same."""
        if not self.training:
            return super().forward(x)
        ones = x.new_full((1,), x.numel() / x.shape[1])
        sums = torch.cat([x.sum((0, 2, 3)), (x * x).sum((0, 2, 3)), ones])
        total: Tensor = _Sum.apply(sums)  # type: ignore[no-untyped-call]
        channels, count = x.shape[1], total[-1]
        mean = total[:channels] / count
        variance = (total[channels:-1] / count - mean * mean).clamp_min(0)
        assert self.running_mean is not None and self.running_var is not None
        with torch.no_grad():
            momentum = self.momentum if self.momentum is not None else 0.1
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        shift = self.bias - mean * scale
        return x * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)
