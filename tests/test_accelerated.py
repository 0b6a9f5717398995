"""A build with TinyNPU beside the board: the digits default, end to end (docs/tinynpu.md)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.builders import ModelBuilder, conv_model
from tinydeploy.accelerated import divide_model
from tinydeploy.board import load_board
from tinydeploy.cli.accelerated_text import list_rows
from tinydeploy.cli.image import find_image
from tinydeploy.cli.main import main
from tinydeploy.detection.spec import METADATA_NAME, AnchorSource, DetectionSpec
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.preprocess import unpack_rgb565
from tinydeploy.npu.program import parse_program
from tinydeploy.paths import BOARDS
from tinydeploy.project.publish import check_target
from tinydeploy.report.accelerated_report import SCHEMA_FILE, AcceleratedReport
from tinydeploy.report.page.accelerated_page import write_accelerated_page
from tinydeploy.report.read_report import find_report, read_pictures, read_report
from tinydeploy.validate.accelerator import SystemReference, make_pictures

ARGUMENTS = ("build", "--accelerator", "tinynpu", "--board")
DETECTION = DetectionSpec(
    image_size=(16, 16),
    sources=(AnchorSource(4, ((6, 6), (8, 5))),),
    classes=("cat", "dog"),
    score_threshold=0.6,
    iou_threshold=0.2,
    max_candidates=25,
    max_detections=20,
)


def detector() -> bytes:
    """A detector of random weights; TinyNPU makes its logits, and a rest its offsets."""
    b = ModelBuilder(5)
    x = b.conv(b.input((16, 16, 3)), 8, stride=(2, 2), activation="RELU")
    x = b.depthwise(x, stride=(2, 2))
    logits = b.conv(x, 2 * 3, (1, 1), scale=0.06)
    offsets = b.conv(x, 2 * 4, (3, 3), scale=0.05, zero_point=-7, dilation=(2, 2))
    metadata = {METADATA_NAME: DETECTION.to_json().encode()}
    return b.finish([logits, offsets], metadata=metadata)


def use(*arguments: str) -> int:
    """Runs any command; its exit code."""
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    return int(end.value.code or 0)


def run(*arguments: str) -> int:
    """Runs a build; its exit code."""
    return use(*ARGUMENTS, *arguments)


def test_the_digits_default(
    tmp_path: Path, digits_model: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del digits_model  # trained, and in the cache
    out = tmp_path / "out"
    assert run("stm32l4r9", "-o", str(out), "--json", "--quiet") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "npu_report.json").read_text(encoding="utf-8"))
    # The emulated system, frame by frame and in a row, has given TinyNPU's reference, or the build
    # had failed; LiteRT's arithmetic differs from TinyNPU's by rounding alone.
    assert (report["pictures"], report["bytes_compared"]) == (20, 200)
    assert report["litert_top1"] >= 0.9
    assert report["litert_largest_difference"] <= 8
    assert report["accelerator_macs"] == report["macs"]
    assert report["frames_per_second"] > 100
    assert report["accelerator_ms"] < report["frame_ms"] < report["prepare_ms"] + 1
    program = parse_program((out / "program.tnpu").read_bytes())
    assert program.image_bytes == report["image_bytes"] == 1024
    # The project builds by itself to the same image.
    done = subprocess.run(["make", "-s", "-C", str(out / "firmware")], check=False)
    assert done.returncode == 0
    made = (out / "firmware" / "build" / "firmware.elf").read_bytes()
    assert made == (out / "firmware.elf").read_bytes()
    check_target(out)  # another build may take its place
    # 450 labelled samples: TinyNPU and LiteRT round otherwise, and are right nearly as often.
    found = read(out)
    assert found.quality is not None
    assert found.quality.samples == 450
    assert abs((found.quality.tinynpu.accuracy or 0) - (found.quality.litert.accuracy or 1)) < 0.01
    assert len(found.classified) == 6
    assert all(picture.right == picture.tinynpu[0].label for picture in found.classified[:3])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page == write_accelerated_page(found, read_pictures(find_report(out), found))
    assert page.count("<img") == 6
    (out / "report.html").unlink()
    assert use("report", str(out), "--quiet") == 0
    assert (out / "report.html").read_text(encoding="utf-8") == page
    rows = dict(list_rows(found))
    assert "100.0 % of them on TinyNPU" in rows["model"]
    assert rows["stays here"] == "nothing"


def read(folder: Path) -> AcceleratedReport:
    """The report of a build, valid by its schema."""
    file = find_report(folder)
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(file.read_text(encoding="utf-8")), schema)
    report = read_report(file)
    assert isinstance(report, AcceleratedReport)
    return report


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a detector's build."""
    folder = tmp_path_factory.mktemp("detector")
    (folder / "small.tflite").write_bytes(detector())
    out = folder / "out"
    assert run("stm32l4r9", str(folder / "small.tflite"), "-o", str(out), "--quiet") == 0
    return out


def test_a_detector(small: Path) -> None:
    report = json.loads((small / "npu_report.json").read_text(encoding="utf-8"))
    # Logits and offsets of 4x4 places, and the boxes: the integer reference's, or the build had
    # failed. All were compared, of every picture.
    raw, boxes = 4 * 4 * (2 * 3 + 2 * 4), 4 + 12 * DETECTION.max_detections
    assert report["bytes_compared"] == 20 * (raw + boxes)
    assert [layer["op"] for layer in report["layers"] if layer["reason"]] == ["CONV_2D"]
    assert 100 < report["boxes"] < 20 * DETECTION.max_detections
    assert 0.9 * report["litert_boxes"] <= report["same_boxes"] <= report["litert_boxes"]
    # A step of the last map, 2.1, is 42 of the offsets' times a weight: bytes differ by more or not
    # at all.
    assert report["litert_bytes_equal"] >= 0.98
    assert report["litert_top1"] is None
    rows = dict(list_rows(read(small)))
    assert f"boxes among the {report['boxes']} found" in rows["LiteRT"]


def test_validate(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert use("validate", str(small), "--vectors", "2", "--on", "emulator") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 pictures, 936 bytes, and 2 frames in a row, all equal TinyNPU's reference" in shown
    # A build whose model is another one than its program's.
    other = tmp_path / "out"
    shutil.copytree(small, other)
    (other / "model.tflite").write_bytes(conv_model((8, 8, 3), 4))
    assert use("validate", str(other)) == 1
    assert "program.tnpu is not what this version" in " ".join(capsys.readouterr().err.split())


def test_run(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A camera's picture, and the same as a PNG file: the boxes are the reference's."""
    tflite = (small / "model.tflite").read_bytes()
    graph = fuse_graph(read_graph(tflite, "small"))
    model = divide_model(graph, compile_graph(graph), load_board("stm32l4r9"), tflite)
    reference = SystemReference(model)
    (picture,) = make_pictures(model.preprocessing, None, 1)
    outputs = reference.compute(reference.prepare([picture]))
    assert graph.detector is not None
    expected = graph.detector.unpack(outputs[-1][0].tobytes())
    assert len(expected) > 5
    top, left, height, width = model.preprocessing.crop
    part = unpack_rgb565(picture[top : top + height, left : left + width])
    np.save(tmp_path / "camera.npy", picture)
    Image.fromarray(part).save(tmp_path / "part.png")
    shown = []
    capsys.readouterr()
    for name in ("camera.npy", "part.png"):
        assert use("run", str(tmp_path / name), "--build", str(small)) == 0
        head, *rows = capsys.readouterr().out.splitlines()
        assert "with TinyNPU (emulator): prepare 0." in head
        shown.append(rows)
    assert shown[0] == shown[1]
    assert shown[0][0].startswith(f"{len(expected)} found")
    labels = [int(row.split()[0]) for row in shown[0][2:]]
    assert labels == expected["label"].tolist()
    np.save(tmp_path / "image.npy", np.zeros((16, 16, 3), np.int8))
    assert use("run", str(tmp_path / "image.npy"), "--build", str(small)) == 1
    assert "not uint16 [32, 40]" in " ".join(capsys.readouterr().err.split())


def test_bench(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = read(small)
    capsys.readouterr()
    words = ("bench", str(small), "--on", "emulator", "--runs", "20")
    assert use(*words, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    milliseconds = [1e3 * each["median"] / facts["clock_hz"] for each in facts["stages"]]
    assert milliseconds[0] == pytest.approx(report.prepare_ms, rel=0.02)
    assert milliseconds[1] == pytest.approx(report.link_and_compute_ms, rel=0.02)
    each = 1e3 * facts["in_a_row"]["cycles"] / 20 / facts["clock_hz"]
    assert each == pytest.approx(report.frame_ms, rel=0.02)
    assert facts["in_a_row"]["transactions"] == report.stream.transactions
    assert use(*words) == 0
    text = capsys.readouterr().out
    assert f"{facts['stages'][0]['median']:,}" in text
    assert "20 in a row" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["validate", "OUT", "--against", "litert-default"], "name the model.tflite in it"),
        (["validate", "OUT", "--on", "board"], "validated in the emulated board"),
        (["validate", "OUT", "--data", "x.npy"], "takes pictures of a camera"),
        (["bench", "OUT", "--on", "qemu"], "there to validate, not to measure"),
        (["run", "x.npy", "--build", "OUT", "-o", "x.png"], "not into a .npy file"),
        (["flash", "OUT", "--board", "stm32h743"], "is built for STM32L4R9I-DISCO"),
    ],
)
def test_commands_that_do_not_fit(
    words: list[str], message: str, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use(*(str(small) if word == "OUT" else word for word in words)) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_flash_knows_the_board(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("flash", str(small), "--dry-run", "--probe", "openocd") == 0
    assert "stm32l4r9i-disco.cfg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stm32h743"], "board stm32h743 has no pins for an accelerator"),
        (["stm32l4r9", "--input", "rows"], "--input does not go with --accelerator"),
        (["stm32l4r9", "--watchdog", "2"], "--watchdog does not go with --accelerator"),
        (["stm32l4r9", "--format", "library"], "--format does not go with --accelerator"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_over_sdio(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = ModelBuilder(1)
    x = b.conv(b.input((24, 24, 3)), 4)
    x = b.binary("MUL", x, b.channel_constant(x))  # a NORM
    x = b.binary("ADD", x, b.channel_constant(x), activation="RELU6")
    (tmp_path / "small.tflite").write_bytes(b.finish([x]))
    out = tmp_path / "out"
    model = str(tmp_path / "small.tflite")
    assert run("stm32l4r9", model, "--link", "sdio", "-o", str(out), "--json", "--quiet") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["link"], report["wires"]) == ("sdio", "4-bit SDIO at 48 MHz")
    assert report["pictures"] == 20
    sources = {path.name for path in (out / "firmware" / "app").iterdir()}
    assert "sdmmc_registers.h" in sources
    assert "spi_registers.h" not in sources
    # Without being told the link.
    assert use("validate", str(out), "--vectors", "2") == 0
    assert "all equal TinyNPU's reference" in " ".join(capsys.readouterr().out.split())
    assert find_image(out, None).link == "sdio"
    assert use("flash", str(out), "--dry-run", "--probe", "openocd") == 0


def test_links_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("build", "--board", "stm32l4r9", "--link", "sdio") == 2
    assert "Add --accelerator tinynpu" in " ".join(capsys.readouterr().err.split())
    assert use("emulate", "--board", "stm32l4r9", "--gdb", ":0", "--link", "sdio") == 2
    assert "Add --accelerator tinynpu" in " ".join(capsys.readouterr().err.split())
    text = (BOARDS / "stm32l4r9i-disco.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text[: text.index("[accelerator.sdio]")], encoding="utf-8")
    assert run(str(tmp_path / "mine.toml"), "--link", "sdio") == 2
    assert "has no SDIO pins for an accelerator" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "mine.toml").write_text(text.replace("SDMMC1", "SDMMC2"), encoding="utf-8")
    assert run(str(tmp_path / "mine.toml"), "--link", "sdio") == 1
    assert "The firmware drives SDMMC1" in " ".join(capsys.readouterr().err.split())


def test_a_target_of_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A net of which something stays on the board, held against a budget."""
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    Path("tinydeploy.toml").write_text(
        '[targets.small]\nmodel = "small.tflite"\nboard = "stm32l4r9"\naccelerator = "tinynpu"\n'
        'link = "sdio"\n[targets.small.budget]\nflash = "100 KB"\nram = "1 KB"\nlatency = "5 ms"\n'
        'stack = "4 KB"\n',
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as end:
        main(["check", "--json"])
    assert end.value.code == 3
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    assert [finding["resource"] for finding in target["findings"]] == ["ram", "stack"]
    assert "a build with an accelerator does not have it" in target["findings"][1]["message"]
    assert target["notes"] == []
    figures = target["figures"]
    assert 8_000 < figures["flash"]["value"] < 30_000
    assert 0.05 < figures["latency"]["value"] < 5
