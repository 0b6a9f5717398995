"""`tinydeploy npu`, as docs/tinynpu.md has it: what is written and shown, errors with advice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.model_builder import ModelBuilder
from tinydeploy.cli.main import main
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.reference import run_arithmetic
from tinydeploy.validate.reference import run_reference


def run(*words: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["npu", *map(str, words)])
    assert caught.value.code == code or (not code and not caught.value.code)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = ModelBuilder()
    x = b.mean(b.conv(b.input((8, 8, 3)), 20))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.finish([b.softmax(b.reshape(b.conv(x, 4, (1, 1)), (1, 4)))]))
    return path


def test_compile_run_and_round_trip(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program, rest, facts = (tmp_path / name for name in ("net.npu", "rest.tflite", "split.json"))
    run("compile", model, "-o", program, "--rest", rest, "--json", facts, "-q")
    shown = capsys.readouterr().out
    assert "4 of 5 layers run on TinyNPU" in shown
    assert "SOFTMAX (operator 4): TinyNPU has no instruction for SOFTMAX" in shown
    split = json.loads(facts.read_text())
    assert [layer["runs_on"] for layer in split["layers"]] == ["tinynpu"] * 4 + ["microcontroller"]
    assert split["program"]["output_bytes"] == 4

    images = np.random.default_rng(0).integers(-128, 128, (3, 8, 8, 3), np.int8)
    np.save(tmp_path / "images.npy", images)
    results = tmp_path / "results.npy"
    run("run", program, tmp_path / "images.npy", "-o", results, "--fps", 30, "--timeline")
    shown = capsys.readouterr().out
    assert f"{split['frame']['cycles']:,} cycles" in shown
    assert "0 WAIT" in shown
    graph = read_graph(model)
    boundary = compile_graph(fuse_graph(graph)).split.boundary
    expected = [run_arithmetic(graph, image, boundary)[boundary[0]].ravel() for image in images]
    assert np.array_equal(np.load(results), expected)

    text = tmp_path / "net.s"
    run("disasm", program, "-o", text)
    run("asm", text, "-o", tmp_path / "again.npu")
    assert (tmp_path / "again.npu").read_bytes() == program.read_bytes()
    capsys.readouterr()
    run("disasm", program, "--code")
    assert ".norm" not in capsys.readouterr().out


def test_the_rest_is_a_model_of_its_own(model: Path, tmp_path: Path) -> None:
    rest = tmp_path / "rest.tflite"
    run("compile", model, "-o", tmp_path / "net.npu", "--rest", rest, "-q")
    graph = read_graph(rest)
    assert [op.kind for op in graph.ops] == ["SOFTMAX"]
    weights = read_graph(model).ops[0].weights.tobytes()  # type: ignore[attr-defined]
    assert weights in model.read_bytes()
    assert weights not in rest.read_bytes()
    logits = np.array([[3, 90, -20, 4]], np.int8)
    (found,) = run_reference(rest.read_bytes(), [logits[np.newaxis]]).outputs
    assert found.reshape(-1).argmax() == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "missing.npu"], 1, "cannot read missing.npu"),
        (["run", "text.s"], 1, "text.s: this is no TinyNPU program"),
        (["disasm", "net.tflite"], 1, "net.tflite: this is no TinyNPU program"),
        (["asm", "text.s"], 1, "text.s: line 3: there is no instruction FLY"),
        (["asm", "trap.s"], 1, "instruction 1 (SEND src=0x01000 bytes=4) traps: it reads"),
        (["asm", "noise.bin"], 1, "noise.bin is no text"),
        (["run", "net.npu", "net.tflite"], 1, "cannot read net.tflite"),
        (["run", "net.npu", "floats.npy"], 1, "floats.npy does not hold int8"),
        (["run", "net.npu", "few.npy"], 1, "few.npy holds 5 values, the program takes images"),
        (["run", "net.npu", "--fps", "1000000"], 2, "1e+06 frames per second are not possible"),
        (["run", "net.npu", "-o", "results.txt"], 2, "results.txt is no .npy file"),
        (["compile", "net.tflite", "-o", "no/where.npu", "-q"], 1, "cannot write no/where.npu"),
        (["compile", "small.tflite", "--rest", "rest.tflite", "-q"], 2, "nothing of the model"),
    ],
)
def test_errors(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    b = ModelBuilder()
    Path("small.tflite").write_bytes(b.finish([b.conv(b.input((4, 4, 3)), 2)]))
    head = ".image 16\n.output 4\n"
    Path("text.s").write_text(head + "FLY\n")
    Path("trap.s").write_text(head + "WAIT\nSEND src=0x1000 bytes=4\nHALT\n")
    Path("noise.bin").write_bytes(b"\xff\xfe\x80")
    np.save("floats.npy", np.zeros(192))
    np.save("few.npy", np.zeros(5, np.int8))
    if "net.npu" in words:
        run("compile", model, "-o", "net.npu", "-q")
    before = sorted(tmp_path.iterdir())
    run(*words, code=code)
    assert message in " ".join(capsys.readouterr().err.split())
    assert sorted(tmp_path.iterdir()) == before  # nothing half-written
