"""Keeps trained weights between runs, under a key made of everything that they depend on.

A file is 32 bytes of SHA-256 over the rest, then a torch state dict. It is written beside its
place and moved there, so that no reader ever sees a part of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tinydeploy.errors import InputFileError

_DIGEST_BYTES = 32


def make_key(*parts: object) -> str:
    """A file-name-safe key that differs when the `repr` of any part differs."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def load_or_train(
    path: Path, build: Callable[[], nn.Module], train: Callable[[], nn.Module]
) -> tuple[nn.Module, tuple[str, ...]]:
    """The network with the weights kept in a file, else trained now and kept.

    Args:
        path: The file; its name holds the key.
        build: Makes the network that weights are put into.
        train: Makes the trained network.

    Returns:
        The network in inference mode, and notes on what went wrong with the file.
    """
    notes = []
    if path.exists():
        try:
            net = build()
            net.load_state_dict(_read_state(path))
            return net.eval(), ()
        except Exception as error:  # whatever is wrong with it, a new one replaces it
            reason = (str(error) or type(error).__name__).splitlines()[0]
            notes.append(f"trained again, the kept weights in {path} are of no use: {reason}")
    net = train()
    try:
        _write_state(path, net.state_dict())
    except OSError as error:
        notes.append(f"trained weights are not kept: cannot write {path}: {error.strerror}")
    return net, tuple(notes)


def _read_state(path: Path) -> dict[str, Tensor]:
    data = path.read_bytes()
    digest, payload = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise InputFileError("the checksum is wrong")
    state: dict[str, Tensor] = torch.load(io.BytesIO(payload), weights_only=True)
    return state


def _write_state(path: Path, state: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(payload).digest() + payload)
        Path(name).replace(path)
    except BaseException:  # an interrupt must not leave the part behind either
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
