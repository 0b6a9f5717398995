"""Versions of the packages that have a part in what a build comes to."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Final

_PACKAGES: Final = (
    "ai-edge-litert", "capstone", "numpy", "onnx", "onnxruntime", "onnxscript", "pillow",
    "scikit-learn", "tensorflow", "torch", "unicorn",
)  # fmt: skip


def list_versions() -> Mapping[str, str]:
    """By name, of those that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
