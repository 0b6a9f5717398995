"""The networks that can be asked for by name."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy.errors import InternalError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from tinydeploy.detection.spec import DetectionSpec
    from tinydeploy.model.count import Counts
    from tinydeploy.model.float_model import Preprocessing


@dataclass(frozen=True)
class Published:
    """Figures of a network as published.

    Args:
        parameters: As published, rounded as there.
        macs: Multiply-accumulates of one input, likewise.
        top1: Accuracy on ImageNet's validation pictures, percent; None where it is for other data.
        source: Who published them.
        with_batch_norm: They count BN's statistics as parameters, and a MAC for each of its values.
        remark: Why a figure is not what is counted here, where rounding does not explain it.
    """

    parameters: float
    macs: float
    top1: float | None
    source: str
    with_batch_norm: bool = False
    remark: str = ""

    def describe(self) -> str:
        """One line, such as "976 K parameters, 117 M MACs, top-1 65.5 %"."""
        size = (
            f"{self.parameters / 1e6:g} M"
            if self.parameters >= 1e6
            else f"{self.parameters / 1e3:g} K"
        )
        accuracy = "" if self.top1 is None else f", top-1 {self.top1:g} %"
        return f"{size} parameters, {self.macs / 1e6:g} M MACs{accuracy}"


@dataclass(frozen=True)
class ModelEntry:
    """One network of the zoo.

    Args:
        name: Its name on the command line.
        title: What it is, one line.
        published: Its published figures; None where there are none.
        input_shape: (1, C, H, W).
        classes: Number of class scores that come out; 0 for a net that classifies nothing.
        preprocessing: How pictures become inputs; None where inputs are no pictures.
        build: Makes the network, freshly initialized.
        describe_foreign_weights: Says what a weights file with these names seems to be instead.
        counted: Its size at that input, for nets that take another package to build.
        alike: Whose nets have the same layers in the same order under other names, so that their
            state dicts fit; "" for nobody's.
        detection: What a detector's outputs mean; None where boxes are not to be read from them.
    """

    name: str
    title: str
    published: Published | None
    input_shape: tuple[int, int, int, int]
    classes: int
    preprocessing: Preprocessing | None
    build: Callable[[], nn.Module]
    describe_foreign_weights: Callable[[frozenset[str]], str] = lambda names: ""
    counted: Counts | None = None
    alike: str = ""
    detection: DetectionSpec | None = None


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
    """The networks that have a name of their own, sorted by it."""
    _import_definitions()
    return tuple(_models[name] for name in sorted(_models))


def list_families() -> tuple[tuple[str, str], ...]:
    """Pattern and title of each family of names, sorted."""
    _import_definitions()
    return tuple((pattern, _families[pattern][0]) for pattern in sorted(_families))


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
    near = difflib.get_close_matches(name.lower(), _models, n=2, cutoff=0.6)
    guess = f"Did you mean {' or '.join(sorted(near))}? " if near else ""
    known = ", ".join([*sorted(_models), *sorted(_families)])
    raise UsageError(f"unknown model '{name}'", f"{guess}Known models: {known}.")


def create_model(name: str) -> nn.Module:
    """A freshly initialized network, see `find_model`."""
    return find_model(name).build()


def _list_modules() -> list[str]:
    """Every module beside this one: a file that registers networks is all that one takes.

    Each does so when it is imported; that needs torch, so it is done when asked.
    """
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [f"tinydeploy.zoo.{name}" for name in names if name != "__init__"]


def _import_definitions() -> None:
    for module in _list_modules():
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"the model zoo needs the package '{error.name}', which is not installed",
                "Install the training extra: pip install 'tinydeploy[train]'.",
            ) from error
