import subprocess
import sys

import pytest
import torch

from tinydeploy.errors import InternalError, MissingDependencyError, UsageError
from tinydeploy.zoo import registry
from tinydeploy.zoo.registry import find_model, list_families, list_models, register_model


def test_lists():
    names = [entry.name for entry in list_models()]
    assert names == sorted(names)
    assert {"mobilenet_v2-0.35", "shufflenet_v2-0.5", "resnet_8", "resnet50"} < set(names)
    patterns = [pattern for pattern, _ in list_families()]
    assert patterns == sorted(patterns)
    assert patterns[:3] == ["<net>.json", "etinynet-<width>", "ghostnet-<width>"]


@pytest.mark.parametrize(
    "entry", [e for e in list_models() if e.counted is None], ids=lambda entry: entry.name
)
def test_every_entry_is_consistent(entry):
    with torch.device("meta"):
        made = entry.build().eval()(torch.empty(entry.input_shape))
    if entry.classes:
        assert made.shape == (1, entry.classes)
    else:
        outputs = made if isinstance(made, tuple) else (made,)
        assert all(output.shape[0] == 1 for output in outputs)
    if entry.preprocessing is not None:
        assert entry.preprocessing.channels == entry.input_shape[1]


def test_published_figures_in_words():
    assert find_model("etinynet-1.0").published.describe() == (
        "976 K parameters, 117 M MACs, top-1 65.5 %"
    )
    assert find_model("resnet_8").published.describe() == "78.666 K parameters, 12.5 M MACs"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("etinynet", "Did you mean etinynet-1.0 or etinynet-ssd?"),
        ("EtinyNet-1.0", "Did you mean etinynet-0.75 or etinynet-1.0?"),
        ("etinynet-0", "etinynet-<width>"),
        ("etinynet-0.0", "etinynet-<width>"),
        ("etinynet-9", "etinynet-<width>"),
        ("etinynet-1e3", "etinynet-<width>"),
        ("resnet", "resnet"),
        ("mobilenet_v2", "Did you mean mobilenet_v2-0.35 or mobilenet_v2-1.0?"),
        ("mobilenet_v2-5", "mobilenet_v2-<width>"),
        (
            "zfnet",
            "Known models: alexnet, autoencoder, bninception, densenet121, densenet169, ds_cnn",
        ),
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
    monkeypatch.setattr(registry, "_list_modules", lambda: ["no_such_package"])
    with pytest.raises(MissingDependencyError, match="no_such_package") as caught:
        list_models()
    assert "tinydeploy[train]" in caught.value.hint


def test_the_registry_itself_needs_no_torch():
    code = "import sys, tinydeploy.zoo.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
