"""Where TFLite's RESIZE operators take an output's pixels from, along one axis."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import Array


def _step(size: int, outputs: int, align_corners: bool) -> np.float32:
    if align_corners and outputs > 1:
        return np.float32(np.float32(size - 1) / np.float32(outputs - 1))
    return np.float32(np.float32(size) / np.float32(outputs))


def nearest_places(size: int, outputs: int, align_corners: bool, half_pixel: bool) -> Array:
    """The input's pixel for each of the output's: [outputs]."""
    step = _step(size, outputs, align_corners)
    offset = np.float32(0.5 if half_pixel else 0)
    places = (np.arange(outputs, dtype=np.float32) + offset) * step
    whole = np.floor(places + np.float32(0.5)) if align_corners else np.floor(places)
    places = np.clip(whole, 0, size - 1)
    return np.asarray(places, np.float64)


def bilinear_weights(size: int, outputs: int, align_corners: bool, half_pixel: bool) -> Array:
    """Weights of the input's pixels for each of the output's: [outputs, size]."""
    step = _step(size, outputs, align_corners)
    places = np.arange(outputs, dtype=np.float32) * step
    if half_pixel:
        places = (np.arange(outputs, dtype=np.float32) + np.float32(0.5)) * step - np.float32(0.5)
    low = np.clip(np.floor(places), 0, size - 1).astype(int)
    high = np.clip(np.ceil(places) if half_pixel else np.floor(places) + 1, 0, size - 1).astype(int)
    fraction = (places - np.floor(places)).astype(np.float64)
    weights = np.zeros((outputs, size))
    rows = np.arange(outputs)
    np.add.at(weights, (rows, low), 1 - fraction)
    np.add.at(weights, (rows, high), fraction)
    return weights
