"""What a method is to the loop: a loss for each step, from the batches that it draws itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# From pixels, float32 [n, C, H, W] from 0 to 1, to scores [n, classes]; the net in training.
Forward = Callable[[Tensor], Tensor]


class Objective(nn.Module, ABC):
    """A method's loss. Its buffers, if any, are what it remembers between steps."""

    @abstractmethod
    def loss(self, forward: Forward, part: float) -> Tensor:
        """The loss of one step.

        Args:
            forward: The net that is trained.
            part: How much of the training is done, 0 to 1.
        """


def draw(count: int, wanted: int) -> Tensor:
    """Indices below `count`, int64 [wanted]; all of them once before any comes again."""
    rounds = math.ceil(wanted / count)
    return torch.cat([torch.randperm(count) for _ in range(rounds)])[:wanted]


def to_unit(pixels: NDArray, indices: Tensor) -> Tensor:  # type: ignore[type-arg]
    """Pictures of uint8 [n, H, W, C] as float32 [k, C, H, W] from 0 to 1."""
    chosen = torch.from_numpy(pixels[indices.numpy()])
    return chosen.permute(0, 3, 1, 2).float() / 255
