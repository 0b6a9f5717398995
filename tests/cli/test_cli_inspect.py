"""`tinydeploy inspect` as a user sees it: tables of 80 columns, JSON, errors with advice."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from builders import conv_model
from float_nets import write_net, write_pictures
from nets import several_ends
from typer.testing import CliRunner

from tinydeploy.cli.main import app
from tinydeploy.errors import InputFileError, UsageError

RUNNER = CliRunner()


def run(*words: object) -> str:
    result = RUNNER.invoke(app, ["inspect", *map(str, words), "--quiet"])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    write_pictures(folder / "pictures", [f"{k}.png" for k in range(16)])
    return write_net(folder / "net.onnx"), folder / "pictures"


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    (folder / "net.tflite").write_bytes(conv_model((6, 5, 3), 4))
    inputs = np.random.default_rng(0).normal(size=(8, 6, 5, 3)).astype(np.float32)
    np.save(folder / "inputs.npy", inputs)
    return folder / "net.tflite", folder / "inputs.npy"


def test_a_float_net(net):
    model, pictures = net
    text = run(model, "--data", pictures, "--no-remedies")
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"net: \d+\.\d dB at the int8 output", text)
    shares = [float(share) for share in re.findall(r"^ *([\d.]+)% ", text, re.M)]
    assert len(shares) == 4  # the input, the convolution, the mean and the flattening
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert "remedy" not in text
    assert "█▆" in text or "█▇" in text or "██" in text
    short = run(model, "--data", pictures, "--no-remedies", "--layers", 1)
    assert "and 3 more; --layers 4 shows all" in short


def test_remedies_and_json(net):
    model, pictures = net
    found = json.loads(run(model, "--data", pictures, "--json"))
    assert found["model"] == "net"
    assert [layer["loss"]["kind"] for layer in found["layers"]] == [
        "Input",
        "Conv",
        "Mean",
        "Reshape",
    ]
    assert found["layers"][1]["tensor"]["channels"] == 4
    assert sum(found["layers"][1]["tensor"]["histogram"]) == pytest.approx(1)
    remedies = {each["remedy"]: each for each in found["remedies"]}
    assert {"equalization", "bias correction", "percentile ranges", "--effort high"} < set(remedies)
    plain = found["remedies"][0]
    assert plain["gain_db"] == 0
    for each in found["remedies"]:
        assert each["gain_db"] == pytest.approx(each["snr_db"] - plain["snr_db"])
        assert each["snr_db"] > 20


def test_an_int8_file(int8):
    model, inputs = int8
    text = run(model, "--data", inputs)
    assert max(map(len, text.splitlines())) <= 80
    assert "1 int8 tensors on 8 inputs" in text
    assert "CONV_2D" in text
    (tensor,) = json.loads(run(model, "--data", inputs, "--json"))["tensors"]
    assert sum(tensor["counts"]) == 8 * 6 * 5 * 4
    assert tensor["low"] >= -128


@pytest.mark.parametrize(
    ("words", "error", "advice"),
    [
        (["{int8}"], UsageError, "--data PATH"),
        (["{int8}", "--data", "x.npy", "--effort", "high"], UsageError, "leave it out"),
        (["{int8}", "--data", "nowhere"], InputFileError, "pictures"),
        (["missing.tflite"], InputFileError, "path"),
        (["{net}"], UsageError, "--data PATH"),
        (["no-such-net"], UsageError, "Known models"),
    ],
)
def test_what_is_missing_is_asked_for(net, int8, words, error, advice):
    words = [word.format(net=net[0], int8=int8[0]) for word in words]
    result = RUNNER.invoke(app, ["inspect", *words, "--quiet"])
    assert result.exit_code == error("").exit_code
    assert "try:" in result.stderr
    assert advice in result.stderr


def test_several_inputs_are_refused(tmp_path):
    (tmp_path / "net.tflite").write_bytes(several_ends())
    np.save(tmp_path / "x.npy", np.zeros((8, 6, 5, 3), np.float32))
    result = RUNNER.invoke(app, ["inspect", str(tmp_path / "net.tflite"), "--data", "x.npy"])
    assert result.exit_code == 1
    assert "has 2 inputs" in result.stderr
