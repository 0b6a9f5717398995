"""`tinydeploy train` as docs/training.md shows it: to a checkpoint, and on to firmware."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pictures import LABELS, make_pictures, write_folder
from typer.testing import CliRunner

from tinydeploy.cli.console import StageView
from tinydeploy.cli.main import app
from tinydeploy.cli.train import MethodChoice
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.model.checkpoint_format import is_checkpoint
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.train.checkpoint import load_checkpoint_model, read_checkpoint
from tinydeploy.train.methods.table import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training.md"


def run(*words):
    return CliRunner().invoke(app, ["train", *map(str, words)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint, and what the command printed."""
    folder = tmp_path_factory.mktemp("trained")
    bars = write_folder(folder / "bars", 48)
    words = ("--size", 8, "--gray", "--steps", 60, "--batch", 8, "--learning-rate", 0.01)
    done = run("--data", bars, "-o", folder / "run", *words, "--json")
    assert done.exit_code == 0, done.output
    return folder / "run" / "model.pt", json.loads(done.stdout)


def test_to_a_checkpoint_and_to_an_int8_net(trained):
    path, shown = trained
    assert is_checkpoint(path)
    model = load_checkpoint_model(path)
    assert (model.name, model.labels, model.input_shape) == ("plain_cnn-bars", LABELS, (1, 1, 8, 8))
    assert model.export_error < 1e-4
    assert (len(model.calibration), len(model.test.classes)) == (36, 12)
    source = make_source(str(path), StageView(quiet=True))
    float_right = source.float_outputs[0].argmax(1) == source.classes
    assert 100 * float_right.mean() == pytest.approx(shown["accuracy"])
    with pytest.raises(UsageError, match="--data is for other nets"):
        make_source(str(path), StageView(quiet=True), SourceOptions(data=path.parent))


@pytest.mark.slow
def test_the_commands_of_the_page_end_in_firmware(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^    tinydeploy (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    train, build = lines[:2]
    done = CliRunner().invoke(app, train.split())
    assert done.exit_code == 0, done.output
    words = build.split()
    assert words[0] == "build"
    # max_drop: int8 within a point of float; and what is not bit-exact is an error anyhow.
    request = BuildRequest(words[3], words[1], output=tmp_path / "fw", max_drop=1.0)
    build_image(request, StageView(quiet=True))
    assert (tmp_path / "fw" / "firmware.elf").is_file()


@pytest.mark.parametrize("damage", ["cut", "weights", "pictures", "net"])
def test_damaged_checkpoints_are_told(trained, tmp_path, damage):
    import torch

    path = tmp_path / "model.pt"
    path.write_bytes(trained[0].read_bytes())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    else:
        content = torch.load(path, weights_only=True)
        if damage == "weights":
            next(iter(content["weights"].values())).fill_(float("nan"))
        elif damage == "pictures":
            content["calibration"] = content["calibration"].float()
        else:
            content["net"] = "resnet_8"
        torch.save(content, path)
    with pytest.raises(InputFileError, match=str(path)):
        load_checkpoint_model(path)


def test_what_is_no_checkpoint(tmp_path):
    import torch

    torch.save({"weight": torch.zeros(2)}, tmp_path / "w.pt")
    (tmp_path / "x.pt").write_bytes(b"PK\x03\x04")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as archive:
        archive.writestr("z/data.pkl", b"nothing")
    for name in ("w.pt", "x.pt", "z.pt", "none.pt"):
        assert not is_checkpoint(tmp_path / name)
    with pytest.raises(InputFileError, match="no readable checkpoint"):
        read_checkpoint(tmp_path / "w.pt")


def test_methods_of_the_command_are_those_there_are():
    assert [choice.value for choice in MethodChoice] == list(METHODS)
    page = PAGE.read_text("utf-8")
    for name, method in METHODS.items():
        assert f"| `{name}` | {method.short} |" in page


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--data", "/nowhere"), 1, "there is no data"),
        (("--model", "nonet"), 2, "unknown model"),
        (("--method", "plain", "--data", "faces"), 1, "needs pictures without labels"),
        (("--teachers", "a,,b"), 2, "no list of names"),
        (("benchmark", "--labels", "few"), 2, "no list of numbers"),
        (("benchmark", "--methods", "magic"), 2, "no method"),
        (("benchmark", "--confidence", "2"), 2, "--confidence"),
        (("benchmark", "--data", "/nowhere"), 1, "no run succeeded; the first: there is no data"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, words, code, message):
    monkeypatch.chdir(tmp_path)
    done = run(*words)
    assert done.exit_code == code
    assert message in done.stderr


def test_faces_through_the_same_interface(tmp_path):
    done = run("--data", "faces", "--steps", 2, "--batch", 4, "--size", 16, "-o", tmp_path / "f")
    assert done.exit_code == 0, done.output
    assert "150 labelled and 0 unlabelled pictures, 50 to validate" in done.stderr
    assert is_checkpoint(tmp_path / "f" / "model.pt")


def test_interrupted(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinydeploy.cli.train_view.TrainView.watch", interrupt)
    done = run("--data", "faces", "--steps", 2, "--batch", 4, "-o", tmp_path / "f")
    assert done.exit_code == 130
    assert "the same command goes on" in done.stderr


def test_benchmark_tables(tmp_path):
    pixels, classes = make_pictures(60)
    np.savez(tmp_path / "bars.npz", x=pixels, y=classes)
    words = ["benchmark", "--data", f"{tmp_path}/bars.npz,faces", "--size", 8, "--labels", 6]
    words += ["--methods", "supervised,fixmatch,knowledge", "--seeds", 2, "--steps", 2]
    words += ["-o", tmp_path / "b"]
    first = run(*words)
    assert first.exit_code == 0, first.output
    assert "| Network | Base | FixMatch | KD |" in first.stdout
    # The teacher is not named: that is a failure, and no score of 0.
    assert "failed (2 of 2)" in first.stdout
    assert "knowledge distillation needs a teacher" in first.stdout
    assert "Mean(std)" in first.stdout
    rows = (tmp_path / "b" / "results.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 3 * 2
    good = [file for file in (tmp_path / "b" / "runs").iterdir() if "knowl" not in file.name]
    kept = {file: file.stat().st_mtime_ns for file in good}
    again = run(*words)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert again.stdout == first.stdout
