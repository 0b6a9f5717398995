"""The command line: exit codes, one-line errors with advice, no traceback, nothing left behind."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.builders import conv_model
from tests.float_nets import write_dense_net, write_net, write_pictures
from tests.model_builder import ModelBuilder
from tests.nets import detector
from tinydeploy import __version__
from tinydeploy.board import list_boards
from tinydeploy.cli.main import main
from tinydeploy.cli.options import parse_bytes
from tinydeploy.errors import UsageError

Outcome = tuple[int, str, str]


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def make_model(folder: Path) -> Path:
    path = folder / "small.tflite"
    path.write_bytes(conv_model((8, 8, 3), 4))
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [("65536", 65536), ("64K", 65536), ("64kb", 65536), ("1.5M", 1572864), (" 2 MiB ", 2097152)],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "K", "-5", "64G", "1,5M", "0x100"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_version(cli: Callable[..., Outcome]) -> None:
    assert cli("--version") == (0, f"tinydeploy {__version__}\n", "")


@pytest.mark.parametrize(
    "command",
    [
        *("build", "check", "plan", "graph", "inspect", "run", "validate", "bench", "monitor"),
        *("emulate", "flash", "boards", "ops", "doctor"),
    ],
)
def test_every_command_has_help_of_80_columns(cli: Callable[..., Outcome], command: str) -> None:
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert command in out
    assert max(len(line) for line in out.splitlines()) <= 80


@pytest.mark.parametrize(
    "words",
    [("build", "x.tflite", "--format", "keil"), ("build", "x", "-b", "b", "--optimize", "keil")],
)
def test_a_word_that_an_option_does_not_know(cli: Callable[..., Outcome], words) -> None:
    code, _, err = cli(*words, "--board", "stm32h743")
    said = " ".join(err.replace("│", " ").split())
    assert code == 2
    assert f"Invalid value for '{words[-2]}': 'keil' is not one of '" in said


def test_boards_lists_every_board(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("boards")
    assert code == 0
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= 80
    for words in (
        "nucleo-h743zi2 stm32h743 M7 480 MHz flash 2M, dtcm 128K USART3 PD8 PD9",
        "axi 512K, sram123 288K",
        "nucleo-l4r5zi stm32l4r5 M4 120 MHz flash 2M, sram 640K LPUART1 PG7 PG8",
    ):
        assert words in [" ".join(line.split()) for line in lines]


def test_boards_as_json(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("boards", "--json")
    assert code == 0
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert set(found) == set(list_boards())
    board = found["stm32l4r9i-disco"]
    assert (board["chip"], board["alias"]) == ("stm32l4r9", "stm32l4r9")
    assert board["console"] == {"uart": "USART2", "baud": 115200, "tx": "PA2", "rx": "PA3"}
    assert {"name": "sram", "address": 0x20000000, "bytes": 640 << 10, "access": "rwx"}.items() <= (
        board["memories"][1].items()
    )


def test_doctor_names_what_it_found(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("doctor")
    assert code == 0
    for name in ("arm-none-eabi-gcc", "ziglang", "unicorn", "openocd"):
        assert name in out


BAD = [
    # words of the command line, exit code, words of the message, words of the advice
    (["build", "{model}", "--board", "stm32h734"], 2, "unknown board", "Did you mean stm32h743"),
    (["build", "none.tflite", "--board", "stm32h743"], 1, "cannot read none.tflite", "path"),
    (["build", "{empty}", "--board", "stm32h743"], 1, "empty.tflite: this is not", "Lite"),
    (["build", "{text}", "--board", "stm32h743"], 1, "text.tflite: this is not", "Lite"),
    (["build", "{short}", "--board", "stm32h743"], 1, "", ""),
    (["build", "{model}", "--board", "stm32h743", "--max-ram", "lots"], 2, "no size", "64K"),
    (["build", "{model}", "--board", "stm32h743", "-q", "-v"], 2, "opposites", "out"),
    (["graph", "{model}", "-o", "graph.gif"], 2, "graph.gif is no .svg", "graph.svg"),
    (["graph", "{model}", "-o", "/proc/x.svg"], 1, "cannot write /proc/x.svg", ""),
    (["plan", "{model}", "--board", "stm32h743", "--max-extra-macs", "10"], 2, "'10'", "10%"),
    (["plan", "{model}", "--board", "stm32h743", "--max-extra-macs", "-5%"], 2, "-5%", "10%"),
    (["plan", "{model}", "--board", "stm32h743", "--max-extra-macs", "9999%"], 2, "9999%", "10%"),
    (["build", "{model}", "--board", "stm32h743", "--max-ram", "4K"], 3, "RAM", "--max-ram"),
    (["build", "{model}", "--board", "stm32h743", "--max-flash", "4K"], 3, "flash", "--max-flash"),
    (["check", "{model}", "--board", "stm32h743", "--max-flash", "4K"], 3, "flash", "largest"),
    (
        ["check", "{model}", "--board", "stm32h743", "--min-snr", "10", "--no-emulate"],
        3,
        "min-snr",
        "",
    ),
    (["build", "{model}", "--board", "stm32h743", "-o", "{file}"], 1, "no folder", "--output"),
    (["build", "{model}", "--board", "stm32h743", "-o", "{full}"], 1, "no build", "lost"),
    (
        ["build", "{model}", "--board", "stm32h743", "-o", "/proc/x/y"],
        1,
        "cannot write",
        "--output",
    ),
    (["build", "etinynet-1.0", "--board", "stm32h743"], 2, "weights", "--weights"),
    (["build", "etinynet-9000", "--board", "stm32h743"], 2, "etinynet-9000", "etinynet-1.0"),
    (["build", "--board", "stm32h743", "--data", "."], 2, "needs a model", "Name one"),
    (["build", "{model}", "--board", "stm32h743", "--data", "."], 2, "float", "leave it out"),
    (["build", "{model}", "--board", "stm32h743", "--effort", "low"], 2, "float", "leave it out"),
    (["build", "{net}", "--board", "stm32h743", "--effort", "some"], 2, "some", "normal"),
    (["build", "{model}", "--board", "stm32h743", "--mixed", "15%"], 2, "float", "leave it out"),
    (["build", "{net}", "--board", "stm32h743", "--mixed", "15"], 2, "percentage", "--mixed 10%"),
    (["inspect", "{net}", "--mixed", "15%"], 2, "for a board", "build, check or plan"),
    (["build", "none.onnx", "--board", "stm32h743"], 1, "no file none.onnx", "path"),
    (["build", "{notes}", "--board", "stm32h743", "--data", "."], 1, "no ONNX file", "Export"),
    (["build", "{net}", "--board", "stm32h743"], 2, "needs calibration data", "16 or more"),
    (["build", "{net}", "--board", "stm32h743", "--data", "none"], 1, "no folder none", "16"),
    (["build", "{net}", "--board", "stm32h743", "--data", "full"], 1, "no pictures in full", "16"),
    (["build", "{net}", "--board", "stm32h743", "--data", "{file}"], 1, "neither a folder", ".npz"),
    (["build", "{net}", "--board", "stm32h743", "--data", "{net}"], 1, "neither a folder", ".npz"),
    (["build", "{net}", "--board", "stm32h743", "--weights", "w"], 2, "come without", "inside"),
    (["check", "{net}", "--board", "stm32h743", "--input-shape", "3x8"], 2, "no shape", "3,224"),
    (["check", "no.where:net", "--board", "stm32h743"], 2, "the shape", "--input-shape"),
    (
        ["check", "no.where:net", "--board", "stm32h743", "--input-shape", "640"],
        2,
        "no module no.where",
        "looked for",
    ),
    (
        ["check", "{net}", "--board", "stm32h743", "--preprocess", "none"],
        1,
        "preprocessing",
        "path",
    ),
    (
        ["check", "{net}", "--board", "stm32h743", "--data", "full", "--labels", "none"],
        1,
        "the labels none",
        "path",
    ),
    (
        ["check", "{net}", "--board", "stm32h743", "--data", "full", "--mean", "1,2"],
        2,
        "--mean has 2 numbers, the network 3 channels",
        "one per channel",
    ),
    (
        ["build", "{net}", "--board", "stm32h743", "--data", "full", "--std", "0"],
        2,
        "normalizes no pixels",
        "0 to 255",
    ),
    (["build", "{net}", "--board", "stm32h743", "--mean", "much"], 2, "'much' is no list", "127.5"),
    (["check", "{net}", "--board", "stm32h743", "--std", "1,,2"], 2, "'1,,2' is no list", "127.5"),
    (["check", "{net}", "--board", "stm32h743", "--std", "nan"], 2, "'nan' is no list", "127.5"),
    (["build", "{model}", "--board", "stm32h743", "--format", "keil"], 2, "keil", "'library'"),
    (["flash", "nowhere"], 1, "no firmware image", "Build one"),
    (["flash", "{model}"], 1, "no ELF", "firmware.elf"),
    (["run", "picture.png"], 2, "no build", "--build"),
    (["run", "picture.png", "--on", "moon"], 2, "moon", "emulator"),
    (["run", "picture.png", "--on", "board"], 2, "no build in out", "--build"),
]


@pytest.mark.parametrize(("words", "code", "message", "advice"), BAD, ids=lambda v: str(v)[:60])
def test_bad_input(
    cli: Callable[..., Outcome],
    tmp_path: Path,
    words: list[str],
    code: int,
    message: str,
    advice: str,
) -> None:
    model = make_model(tmp_path)
    places = {name: tmp_path / f"{name}.tflite" for name in ("empty", "text", "short")}
    places["empty"].write_bytes(b"")
    places["text"].write_bytes(b"hello, I am no model at all")
    places["short"].write_bytes(model.read_bytes()[:700])
    (tmp_path / "a-file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("ten years of work")
    (tmp_path / "notes.onnx").write_text("hello, I am no network at all")
    places |= {"net": write_net(tmp_path / "net.onnx"), "notes": tmp_path / "notes.onnx"}
    places |= {"model": model, "file": tmp_path / "a-file", "full": tmp_path / "full"}
    before = sorted(path for path in tmp_path.rglob("*"))

    found, out, err = cli(*[word.format(**places) for word in words])

    flat = " ".join(err.split())
    assert found == code, err
    assert message in flat
    assert advice in flat
    assert "Traceback" not in out + err
    after = sorted(path for path in tmp_path.rglob("*") if path != tmp_path / "out")
    assert after == before, "something was left behind"
    assert not list(tmp_path.glob("out/*"))


def test_a_float_net(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_net(tmp_path / "net.onnx")
    names = [f"{name}/{i}.png" for name in ("ant", "bee", "cat", "dog") for i in range(10)]
    pictures = write_pictures(tmp_path / "pictures", names)
    (pictures / "ant" / "3.png").write_bytes(b"damaged")
    words = ["build", "net.onnx", "--data", "pictures", "--board", "stm32h743", "--json"]
    code, out, err = cli(*words, "--mean", "127.5", "--std", "127.5")
    assert code == 0
    report = json.loads(out)
    assert report["validation"]["bit_exact"] is True
    assert report["model"]["labels"] == ["ant", "bee", "cat", "dog"]
    assert report["accuracy"]["samples"] >= 19
    assert report["fidelity"]["snr_db"] > 25
    flat = " ".join(err.split())
    assert "(pixel - 127.5) / 127.5" in flat
    assert "skipped 1 of 40 pictures, not readable: ant/3.png" in flat
    assert (tmp_path / "out" / "net-stm32h743" / "firmware.elf").is_file()


def test_a_float_net_of_vectors(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_dense_net(tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x=rng.random((300, 20)), y=rng.integers(0, 4, 300))
    words = ["check", "net.onnx", "--data", "x.npz", "--board", "stm32l4r9", "--json"]
    code, out, err = cli(*words)
    assert code == 0
    report = json.loads(out)
    assert report["validation"]["bit_exact"] is True
    assert report["model"]["inputs"][0]["shape"] == [1, 20]
    assert report["accuracy"]["samples"] == 150
    assert report["fidelity"]["snr_db"] > 25
    assert "the range of the calibration inputs" in " ".join(err.split())


def test_missing_compiler(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYDEPLOY_CC", str(tmp_path / "no-such-gcc"))
    code, _, err = cli("build", str(make_model(tmp_path)), "--board", "stm32h743")
    assert code == 1
    assert "no-such-gcc" in " ".join(err.split())


def test_debug_shows_the_traceback(cli: Callable[..., Outcome]) -> None:
    code, _, err = cli("build", "none.tflite", "--board", "stm32h743", "--debug")
    assert code == 1
    assert "Traceback" in err


def test_a_failed_build_leaves_the_old_one(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    model = str(make_model(tmp_path))
    arguments = ["build", model, "--board", "stm32h743", "-o", "result", "--quiet"]
    assert cli(*arguments)[0] == 0
    old = {path: path.read_bytes() for path in (tmp_path / "result").rglob("*") if path.is_file()}
    assert cli(*arguments, "--max-ram", "1K")[0] == 3
    new = {path: path.read_bytes() for path in (tmp_path / "result").rglob("*") if path.is_file()}
    assert new == old
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_json_is_all_of_stdout(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    words = ["check", str(make_model(tmp_path)), "--board", "stm32l4r9", "--json", "--quiet"]
    code, out, err = cli(*words)
    assert code == 0
    assert err == ""
    report = json.loads(out)
    assert report["validation"]["bit_exact"] is True
    assert report["board"]["name"] == "stm32l4r9"


def test_a_full_disk_is_no_traceback(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/inputs.npz")

    monkeypatch.setattr("tinydeploy.pipeline.expect_outputs", fail)
    model = str(make_model(tmp_path))
    code, _, err = cli("build", model, "--board", "stm32h743", "--quiet")
    assert code == 1
    assert err.startswith("error: No space left on device: /somewhere/inputs.npz\ntry: ")


def test_a_model_without_a_layer(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    b = ModelBuilder()
    (tmp_path / "flat.tflite").write_bytes(b.finish([b.reshape(b.input((4, 4, 2)), (1, 32))]))
    code, _, err = cli("build", "flat.tflite", "--board", "stm32h743", "--quiet")
    assert code == 1
    assert "computes nothing" in err
    assert not (tmp_path / "out").exists()


def test_flash_dry_run_shows_the_command(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    model = str(make_model(tmp_path))
    assert cli("build", model, "--board", "stm32h743", "-o", "result", "--quiet")[0] == 0
    code, out, _ = cli("flash", "result", "--probe", "openocd", "--dry-run")
    assert code == 0
    assert out.startswith("openocd -f board/st_nucleo_h743zi.cfg -c ")
    assert "-c 'program {" in out and out.rstrip().endswith("firmware.elf} verify reset exit'")
    code, out, _ = cli("flash", "result/firmware.elf", "--probe", "pyocd", "--dry-run")
    assert code == 0
    assert "--target stm32h743xx" in out


def test_run_gives_the_class(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    model = str(make_model(tmp_path))
    assert cli("build", model, "--board", "stm32h743", "--quiet")[0] == 0
    shape = json.loads(next((tmp_path / "out").glob("*/report.json")).read_text())["model"]
    values = np.zeros(shape["inputs"][0]["shape"], np.int8)
    np.save(tmp_path / "input.npy", values)
    code, out, _ = cli("run", "input.npy")
    assert code == 0
    assert "NUCLEO-H743ZI2 (emulator)" in out
    np.save(tmp_path / "wrong.npy", values.astype(np.float32))
    code, _, err = cli("run", "wrong.npy")
    assert code == 1
    assert "float32" in err


def test_run_finds_boxes(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "small.tflite").write_bytes(detector())
    code, out, _ = cli("build", "small.tflite", "--board", "stm32h743", "--json", "--quiet")
    assert code == 0
    report = json.loads(out)
    assert report["model"]["labels"] == ["cat", "dog", "bird"]
    assert report["inference"]["detection_instructions"] > 1000
    values = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "seen.png")
    code, out, _ = cli("run", "seen.png", "-o", "found.png")
    assert code == 0
    heads = ["class", "label", "score", "left", "top", "right", "bottom"]
    lines = [line.split() for line in out.splitlines()]
    boxes = lines[lines.index(heads) + 1 : -1]
    assert boxes
    for number, label, score, left, top, right, bottom in boxes:
        assert report["model"]["labels"][int(number)] == label
        assert 0.4 <= float(score) <= 1
        assert 0 <= float(left) <= float(right) <= 40
        assert 0 <= float(top) <= float(bottom) <= 48
    with Image.open(tmp_path / "found.png") as drawn:
        assert drawn.size == (90, 60)
        assert np.any(np.asarray(drawn) != values)
    assert cli("validate", "out/small-stm32h743", "--on", "emulator", "--vectors", "3")[0] == 0
    for words, reason in (
        (("seen.png", "-o", "found.jpg"), "no .png file"),
        (("values.npy", "-o", "found.png"), "Give a picture"),
    ):
        code, _, err = cli("run", *words)
        assert code == 2
        assert reason in err


def test_plan_shows_and_draws(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    make_model(tmp_path)
    words = ("plan", "small.tflite", "--board", "stm32h743", "--quiet")
    code, out, err = cli(*words, "--picture", "plan.svg")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    for text in ("dtcm: ", "Peak: ", " A      input", "0 CONV_2D", "> input in the arena"):
        assert text in out
    for name in ("layer by layer", "input kept", "input row by row"):
        assert f"  {name}  " in out
    assert re.search(r"^  flash: about [\d,]+ of 2,097,152 bytes; constants ", out, re.M)
    assert "<svg" in (tmp_path / "plan.svg").read_text()
    assert cli(*words, "--picture", "plan.png")[0] == 0
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "code"), [("plan.jpg", 2), ("missing/plan.svg", 1)])
def test_pictures_that_cannot_be(
    cli: Callable[..., Outcome], tmp_path: Path, name: str, code: int
) -> None:
    make_model(tmp_path)
    found, _, err = cli("plan", "small.tflite", "--board", "stm32h743", "--picture", name)
    assert found == code
    assert name in err
    assert "graph" not in err  # said before anything is done


def test_ops_shows_rules_and_reasons(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("ops")
    assert code == 0
    assert "CONV_2D" in out
    code, out, _ = cli("ops", "mean", "COS")
    assert code == 0
    assert "Its axes are a constant" in out
    assert "not supported: LiteRT" in out
    assert "CONV_2D" not in out


def test_ops_knows_no_others(cli: Callable[..., Outcome]) -> None:
    code, _, err = cli("ops", "FROBNICATE")
    assert code == 2
    assert "no such operator: FROBNICATE" in err
