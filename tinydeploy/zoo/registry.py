"""The networks that can be asked for by name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinydeploy.errors import InternalError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from tinydeploy.model.float_model import Preprocessing

# Each registers its networks when it is imported; importing needs torch, so it is done when asked.
_DEFINITIONS = ("tinydeploy.zoo.etinynet",)


@dataclass(frozen=True)
class ModelEntry:
    """One network of the zoo.

    Args:
        name: Its name on the command line.
        title: What it is, one line.
        published: Its published figures, one line; empty where there are none.
        input_shape: (1, C, H, W).
        classes: Number of outputs.
        preprocessing: How pictures become inputs.
        build: Makes the network, freshly initialized.
        describe_foreign_weights: Says what a weights file with these names seems to be instead.
    """

    name: str
    title: str
    published: str
    input_shape: tuple[int, int, int, int]
    classes: int
    preprocessing: Preprocessing
    build: Callable[[], nn.Module]
    describe_foreign_weights: Callable[[frozenset[str]], str]


Parser = Callable[[str], ModelEntry | None]

_models: dict[str, ModelEntry] = {}
_families: dict[str, tuple[str, Parser]] = {}


def register_model(entry: ModelEntry) -> None:
    """Adds a network under its name."""
    if entry.name in _models:
        raise InternalError(f"two networks are called '{entry.name}'")
    _models[entry.name] = entry


def register_family(pattern: str, title: str) -> Callable[[Parser], Parser]:
    """Adds a function that makes entries from names such as "etinynet-0.35".

    Args:
        pattern: How the names look, for people.
        title: What the family is, one line.
    """

    def register(parse: Parser) -> Parser:
        _families[pattern] = (title, parse)
        return parse

    return register


def list_models() -> tuple[ModelEntry, ...]:
    """The networks with published figures, in the order of their definitions."""
    _import_definitions()
    return tuple(_models.values())


def list_families() -> tuple[tuple[str, str], ...]:
    """Pattern and title of each family of names."""
    _import_definitions()
    return tuple((pattern, title) for pattern, (title, _) in _families.items())


def find_model(name: str) -> ModelEntry:
    """The entry of a network.

    Raises:
        UsageError: There is no such network; the hint lists those there are.
        MissingDependencyError: torch is not installed.
    """
    _import_definitions()
    if name in _models:
        return _models[name]
    for _, parse in _families.values():
        if entry := parse(name):
            return entry
    near = difflib.get_close_matches(name, _models, n=1, cutoff=0.6)
    guess = f"Did you mean {near[0]}? " if near else ""
    known = ", ".join([*_models, *_families])
    raise UsageError(f"unknown model '{name}'", f"{guess}Known models: {known}.")


def create_model(name: str) -> nn.Module:
    """A freshly initialized network, see `find_model`."""
    return find_model(name).build()


def _import_definitions() -> None:
    for module in _DEFINITIONS:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"the model zoo needs the package '{error.name}', which is not installed",
                "Install the training extra: pip install 'tinydeploy[train]'.",
            ) from error
