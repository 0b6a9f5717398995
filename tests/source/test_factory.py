"""Torch networks from the user's own modules: what works, and every way in which it does not."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_make_source import Listener, check_source
from torch import nn

from tinydeploy.errors import (
    InputFileError,
    MissingDependencyError,
    TinydeployError,
    UnsupportedModelError,
    UsageError,
)
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source

MODULE = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(6, 4),
    )

class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make()
    def forward(self, x):
        return self.net(x.permute(0, 3, 1, 2))

class Mapping(nn.Module):
    def forward(self, x):
        return {"y": x}

class Heads(nn.Module):
    # Two maps, a vector of scores, and boxes in rows.
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
        self.more = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.maps = nn.ModuleList([nn.Conv2d(6, 8, 1), nn.Conv2d(8, 4, 1)])
        self.scores = nn.Linear(8, 5)
    def forward(self, x):
        x = self.body(x)
        y = self.more(x)
        boxes = self.maps[0](x).permute(0, 2, 3, 1).flatten(1).reshape(-1, 80, 2)
        return self.maps[1](y), self.scores(y.mean((2, 3))), boxes

net = make()
nothing = lambda: None
number = 3

def with_nan():
    net = make()
    with torch.no_grad():
        net[0].weight[2, 1] = float("nan")
    return net

def needs(argument): ...
def broken(): return [][1]
def leaves(): raise SystemExit("usage: train.py DATA")
"""
SHAPE = (3, 8, 10)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a package of networks in it and data."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "nets.py").write_text(MODULE)
    (tmp_path / "mine" / "bad.py").write_text("import torch\n\n1 / 0\n")
    (tmp_path / "mine" / "poor.py").write_text("import not_installed_anywhere\n")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, *SHAPE), np.float32))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


def build(spec: str, **options: Any) -> Source:
    given = {"data": Path("x.npy"), "input_shape": SHAPE} | options
    return make_source(spec, Listener(), SourceOptions(**given))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("spec", ["mine.nets:make", "mine.nets:net"])
def test_networks(spec: str) -> None:
    path = list(sys.path)
    source = build(spec)
    assert source.name == spec.rpartition(":")[2]
    check_source(source)
    assert sys.path == path


def test_what_a_factory_prints_is_no_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine" / "loud.py").write_text(
        'from mine import nets\nprint("imported")\n\ndef make():\n    print("made")\n'
        "    return nets.make()\n"
    )
    check_source(build("mine.loud:make"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "imported\nmade\n" in err


@pytest.mark.usefixtures("folder")
def test_several_outputs() -> None:
    source = build("mine.nets:Heads")
    graph = read_graph(source.tflite, "net")
    shapes = [graph.tensors[tensor].shape for tensor in graph.outputs]
    assert shapes[:2] == [(1, 2, 3, 4), (1, 5)]
    check_source(source)


@pytest.mark.usefixtures("folder")
def test_channels_last() -> None:
    """The network takes them last, and so do the arrays."""
    inputs = np.load("x.npy")
    np.save("y.npy", np.moveaxis(inputs, 1, -1))
    last = build("mine.nets:Last", data=Path("y.npy"), layout="nhwc")
    first = build("mine.nets:make")
    check_source(last)
    assert last.samples is not None
    assert first.samples is not None
    np.testing.assert_array_equal(last.samples, first.samples)
    assert last.float_outputs is not None
    assert first.float_outputs is not None
    np.testing.assert_allclose(last.float_outputs[0], first.float_outputs[0], atol=1e-6)
    operators = {operator.builtin for operator in parse_tflite(last.tflite).operators}
    assert "TRANSPOSE" not in operators


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights(folder: Path, suffix: str) -> None:
    """The outputs are those of the weights given."""
    sys.path.insert(0, str(folder))
    import mine.nets  # type: ignore[import-not-found]

    sys.path.remove(str(folder))
    net: nn.Module = mine.nets.make()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 1.5
    path = folder / f"w{suffix}"
    if suffix == ".pt":
        torch.save(net.state_dict(), path)
    else:
        save_file(net.state_dict(), path)
    source = build("mine.nets:make", weights=path)
    assert source.samples is not None
    assert source.float_outputs is not None
    with torch.no_grad():
        expected = net.eval()(torch.from_numpy(source.samples)).numpy()
    np.testing.assert_allclose(source.float_outputs[0], expected, atol=1e-5)


def test_a_pickle_with_code_in_it_is_not_run(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(folder / "ran"),)

    for content in (pickle.dumps({"0.weight": Bomb()}, 2), None):
        path = folder / "w.pt"
        if content is None:
            torch.save({"0.weight": Bomb()}, path)
        else:
            path.write_bytes(content)
        with pytest.raises(InputFileError, match="not a readable torch state dict") as caught:
            build("mine.nets:make", weights=path)
        assert "holds code: it asks for posix.mkdir" in caught.value.message
        assert "code" in caught.value.hint
        assert not (folder / "ran").exists()
    torch.load(path, weights_only=False)  # the bomb is a real one
    assert (folder / "ran").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("spec", "options", "kind", "message"),
    [
        ("mine.nets:make", {"input_shape": None}, UsageError, "does not tell the shape"),
        ("mine.nets:mke", {}, UsageError, "mine.nets has no 'mke'"),
        ("mine.other:make", {}, UsageError, "there is no module mine.other"),
        ("missing.nets:make", {}, UsageError, "there is no module missing.nets"),
        ("mine.nets.py:make", {}, UsageError, "there is no module mine.nets.py"),
        ("mine nets:make", {}, UsageError, "'mine nets' is no module's name"),
        ("mine.nets:number", {}, UsageError, "is no function, it is of the type int"),
        ("mine.poor:make", {}, MissingDependencyError, "not_installed_anywhere is not installed"),
        ("mine.bad:make", {}, InputFileError, r"ZeroDivisionError: .* \(bad.py, line 3\)"),
        ("mine.nets:nothing", {}, InputFileError, "returns an object of the type NoneType"),
        ("mine.nets:needs", {}, InputFileError, "TypeError: .*argument"),
        ("mine.nets:broken", {}, InputFileError, r"IndexError: .* \(nets.py, line \d+\)"),
        ("mine.nets:leaves", {}, InputFileError, "SystemExit: usage: train.py"),
        ("mine.nets:with_nan", {}, InputFileError, r"9 of the 162 values of '0.weight' are NaN"),
        ("mine.nets:Mapping", {}, UnsupportedModelError, "returns dict, not tensors"),
        ("mine.nets:make", {"input_shape": (1, 8, 8)}, UnsupportedModelError, r"\[1, 1, 8, 8\]"),
        ("mine.nets:make", {"weights": Path("x.npy")}, InputFileError, "nor safetensors"),
    ],
)
def test_what_does_not_work(
    spec: str, options: dict[str, Any], kind: type[TinydeployError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        build(spec, **options)
    assert caught.value.hint


def test_damaged_safetensors(folder: Path) -> None:
    path = folder / "w.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    content = path.read_bytes()
    for damaged in (content[:-4], content[:9] + b"{" + content[10:]):
        path.write_bytes(damaged)
        with pytest.raises(InputFileError, match="not a readable safetensors file"):
            build("mine.nets:make", weights=path)
