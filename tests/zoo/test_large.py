"""Nets of other packages: what is written down of them is what the packages define."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tinydeploy.errors import MissingDependencyError
from tinydeploy.model.count import count_model
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.zoo.large import LARGE
from tinydeploy.zoo.large_packages import Package, build_large
from tinydeploy.zoo.load import load_float_model
from tinydeploy.zoo.registry import find_model

# The nets of which a test in the fast tier counts each way of making them; the rest are slow.
QUICK = {"resnet18", "googlenet", "efficientnet_b2", "xception"}


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package}: pip install 'tinydeploy[zoo-large]'")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in LARGE]
)
def test_counts(name: str) -> None:
    needs("torchvision")
    needs(LARGE[name].package)
    entry = find_model(name)
    with torch.device("meta"):
        net = entry.build()
    assert count_model(net, entry.input_shape) == entry.counted


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    from tinydeploy.zoo import large_packages

    large_packages._import_torchvision.cache_clear()
    with pytest.raises(MissingDependencyError, match="resnet18 is defined by torchvision") as error:
        find_model("resnet18").build()
    assert "tinydeploy[zoo-large]" in error.value.hint
    large_packages._import_torchvision.cache_clear()


@pytest.mark.parametrize(
    ("name", "package", "model"),
    [
        ("mobilenet_v1-1.0", "timm", "mobilenetv1_100"),
        ("mobilenet_v2-0.35", "timm", "mobilenetv2_035"),
        ("mnasnet_b1-0.5", "torchvision", "mnasnet0_5"),
    ],
)
def test_weights_of_packages_fit(name: str, package: Package, model: str, tmp_path: Path) -> None:
    """Under their names, and with their outputs."""
    needs("torchvision")
    needs(package)
    entry = find_model(name)
    torch.manual_seed(0)
    theirs = build_large(package, model).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    np.save(tmp_path / "inputs.npy", np.zeros((2, 3, 224, 224), np.float32))
    made = load_float_model(name, tmp_path / "theirs.pt", tmp_path / "inputs.npy")
    assert f"have {entry.alike}'s names" in made.notes[0]
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        expected = theirs(x).numpy()
    np.testing.assert_allclose(run_onnx(made.onnx, x.numpy()), expected, rtol=1e-4, atol=1e-5)
