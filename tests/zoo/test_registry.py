import subprocess
import sys

import pytest

from tinydeploy.errors import InternalError, MissingDependencyError, UsageError
from tinydeploy.zoo import registry
from tinydeploy.zoo.registry import find_model, list_families, list_models, register_model


def test_lists():
    assert [entry.name for entry in list_models()] == ["etinynet-1.0", "etinynet-0.75"]
    assert [pattern for pattern, _ in list_families()] == ["etinynet-<width>"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("etinynet", "Did you mean etinynet-1.0?"),
        ("EtinyNet-1.0", "Did you mean etinynet-1.0?"),
        ("etinynet-0", "etinynet-<width>"),
        ("etinynet-0.0", "etinynet-<width>"),
        ("etinynet-9", "etinynet-<width>"),
        ("etinynet-1e3", "etinynet-<width>"),
        ("resnet", "Known models: etinynet-1.0, etinynet-0.75, etinynet-<width>."),
        ("", "Known models"),
    ],
)
def test_unknown_names(name, hint):
    with pytest.raises(UsageError, match=f"unknown model '{name}'") as caught:
        find_model(name)
    assert hint in caught.value.hint


def test_a_width_too_small_to_have_channels():
    with pytest.raises(UsageError, match="is not possible"):
        find_model("etinynet-0.01")


def test_a_name_is_given_once():
    with pytest.raises(InternalError, match="two networks are called"):
        register_model(find_model("etinynet-1.0"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(registry, "_DEFINITIONS", ("no_such_package",))
    with pytest.raises(MissingDependencyError, match="no_such_package") as caught:
        list_models()
    assert "tinydeploy[train]" in caught.value.hint


def test_the_registry_itself_needs_no_torch():
    code = "import sys, tinydeploy.zoo.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
