"""Contrast of batches by their histograms: stretched, equalized on the luminance."""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_LEVELS = 256


def stretch_contrast(x: Tensor) -> Tensor:
    """Each channel of each picture [n, C, H, W] so that it reaches from 0 to 1."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-6), x)


def equalize(x: Tensor) -> Tensor:
    """Each picture's luminance so that all its levels are equally frequent; colours are kept.

    A colour picture's channels are moved by the same amount as its luminance, so hues do not turn
    as they would with each channel on its own.

    Args:
        x: float32 [n, 1 or 3, H, W], 0 to 1.
    """
    n, channels, height, width = x.shape
    if channels == 1:
        luma = x
    else:
        luma = (x * torch.tensor(_LUMA, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    levels = (luma * (_LEVELS - 1)).round().long().clamp(0, _LEVELS - 1).view(n, -1)
    counts = torch.zeros(n, _LEVELS, device=x.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=counts.dtype))
    below = counts.cumsum(1)
    first = below.gather(1, levels.amin(1, keepdim=True))
    spread = (height * width - first).clamp_min(1)  # 0 where a picture has but one level
    table = ((below - first) / spread).clamp(0, 1)
    equal = table.gather(1, levels).view(luma.shape)
    flat = (first == height * width).view(n, 1, 1, 1)
    return torch.where(flat, x, (x + equal - luma).clamp(0, 1))
