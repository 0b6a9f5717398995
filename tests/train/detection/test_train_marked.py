"""Training for the classes of a folder, from a backbone, and its command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from marked_folders import NAMES, write_voc
from typer.testing import CliRunner

from tinydeploy.cli.main import app
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.train.detection import train_detector
from tinydeploy.train.detection.checkpoint import read_checkpoint
from tinydeploy.train.detection.scene_model import RECIPE
from tinydeploy.train.detection.train_detector import DetectorRecipe
from tinydeploy.train.detection.train_marked import (
    load_backbone,
    load_training_data,
    train_marked,
)
from tinydeploy.zoo.etinynet import EtinyNet
from tinydeploy.zoo.etinynet_ssd import SMALL_CONFIG, make_scene_spec, make_small_detector

SMALL = "etinynet-ssd-small"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marked") / "voc"
    write_voc(folder, 8)
    return folder


def test_a_folder_tells_the_classes(folder: Path) -> None:
    data = load_training_data(str(folder), SMALL)
    assert data.spec == make_scene_spec(NAMES)
    trained = train_marked(data, SMALL, replace(RECIPE, steps=1, batch_size=2))
    assert trained.precision is not None
    assert (trained.precision.images, trained.precision.objects) == (2, 2)
    assert trained.detector.spec == data.spec


def test_pictures_are_mirrored_unless_told_otherwise(folder: Path) -> None:
    mirrored, plain = (
        load_training_data(str(folder), SMALL, mirror=mirror).make_draw(0)(12)[0]
        for mirror in (True, False)
    )
    same = [np.array_equal(a, b) for a, b in zip(mirrored, plain, strict=True)]
    turned = [np.array_equal(a[..., ::-1], b) for a, b in zip(mirrored, plain, strict=True)]
    assert any(same)
    assert any(turned)
    assert all(a != b for a, b in zip(same, turned, strict=True))


def test_a_classifier_gives_its_stages(tmp_path: Path) -> None:
    classifier = EtinyNet(SMALL_CONFIG)
    torch.save(classifier.state_dict(), tmp_path / "net.pt")
    net = make_small_detector(make_scene_spec(NAMES))
    heads = net.class_predictors[0].weight.clone()
    load_backbone(net, tmp_path / "net.pt")
    state = net.state_dict()
    given = {n: v for n, v in classifier.state_dict().items() if n.startswith("features")}
    assert given
    assert all(torch.equal(state[name], value) for name, value in given.items())
    assert torch.equal(net.class_predictors[0].weight, heads)


def test_another_classifier_does_not_fit(tmp_path: Path) -> None:
    torch.save(EtinyNet(replace(SMALL_CONFIG, in_channels=3)).state_dict(), tmp_path / "net.pt")
    net = make_small_detector(make_scene_spec(NAMES))
    with pytest.raises(InputFileError, match=r"'features1.0.weight' is of another shape"):
        load_backbone(net, tmp_path / "net.pt")
    torch.save({"output.0.weight": torch.zeros(1)}, tmp_path / "net.pt")
    with pytest.raises(InputFileError, match="is missing"):
        load_backbone(net, tmp_path / "net.pt")


def test_networks_and_scenes_must_fit() -> None:
    with pytest.raises(UsageError, match="unknown detector 'yolo'"):
        load_training_data("digits", "yolo")
    with pytest.raises(UsageError, match="scenes of digits are gray"):
        load_training_data("digits", "etinynet-ssd")


def test_the_command_writes_what_build_takes(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "net.pt"
    words = ["train", "detection", "--data", str(folder), "--model", SMALL, "--steps", "2"]
    done = CliRunner().invoke(app, [*words, "--batch", "2", "--json", "-q", "-o", str(output)])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["classes"] == list(NAMES)
    assert 0 <= facts["map_50"] <= 1
    assert read_checkpoint(output).spec == make_scene_spec(NAMES)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--data", "nowhere"], "there is no folder nowhere"),
        (["-o", "net.onnx"], "net.onnx is no .pt file"),
        (["--model", "yolo"], "unknown detector 'yolo'"),
        (["--backbone", "nothing.params"], "there is no weights file nothing.params"),
    ],
)
def test_careless_words(
    words: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["train", "detection", *words])
    assert done.exit_code in (1, 2)
    assert what in done.output
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from tinydeploy.cli.main import app
from tinydeploy.train.detection import train_detector

write = train_detector.write_parts

def write_and_die(path, modules, values):
    write(path, modules, values)
    if values["step"] == 3:
        os.kill(os.getpid(), signal.SIGKILL)

train_detector.write_parts = write_and_die
train_detector.SAVE_SECONDS = 0
app(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_and_started_again_ends_in_the_same_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "detection", "--data", str(folder), "--model", SMALL, "--steps", "6"]
    words += ["--batch", "2", "-q", "-o"]
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    assert CliRunner().invoke(app, [*words, str(whole)]).exit_code == 0
    done = subprocess.run([sys.executable, "-c", KILLED, *words, str(killed)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not killed.exists()

    steps: list[int] = []
    find_rate = train_detector._schedule_rate

    def watch_rate(recipe: DetectorRecipe, step: int) -> float:
        steps.append(step)
        return find_rate(recipe, step)

    monkeypatch.setattr(train_detector, "_schedule_rate", watch_rate)
    assert CliRunner().invoke(app, [*words, str(killed)]).exit_code == 0
    assert steps == [3, 4, 5]
    weights = [read_checkpoint(path).net.state_dict() for path in (whole, killed)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

    again = CliRunner().invoke(app, [*words, str(killed)])
    assert again.exit_code == 0
    assert len(steps) == 3
    other = CliRunner().invoke(app, [*words, str(killed), "--seed", "1"])
    assert other.exit_code == 2
    assert "holds a run with another seed" in other.output
