"""Whole builds: from real models and from the built-in one to proven images, on both boards."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest

from tests.builders import conv_model
from tinydeploy.cli.console import StageView
from tinydeploy.errors import MismatchError
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.project.toolchain import find_toolchain
from tinydeploy.report.build_report import SCHEMA_FILE, BuildReport
from tinydeploy.report.page.page import write_page
from tinydeploy.report.read_report import read_report
from tinydeploy.validate import emulator, prove

ROOT = Path(__file__).resolve().parent.parent
VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))

# name, MACs as published, boards
MODELS = [
    ("mlperf_tiny_vww_int8", 7_489_664, ["stm32h743"]),
    ("mlperf_tiny_ic_int8", 12_501_632, ["stm32h743"]),
    ("mlperf_tiny_kws_int8", 2_656_768, ["stm32h743", "stm32l4r9", "stm32f746", "stm32f412"]),
    ("mlperf_tiny_ad_int8", 264_192, ["stm32h743"]),
    ("person_detect_int8", 7_157_888, ["stm32l4r9"]),
    ("hello_world_int8", 288, ["stm32l4r9"]),
    ("etinynet_1.0_224_int8", 113_705_920, ["stm32h743"]),
]


def build(tmp_path: Path, **request: Any) -> tuple[BuildReport, Path]:
    result = build_image(BuildRequest(output=tmp_path / "result", **request), StageView(quiet=True))
    assert result.folder is not None
    return result.report, result.folder


def check_report(report: BuildReport, folder: Path) -> None:
    """What holds for every build."""
    VALIDATOR.validate(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    memory, run, validation = report.memory, report.inference, report.validation
    assert memory.arena_bytes == memory.arena_planned_bytes >= memory.arena_lower_bound_bytes
    assert memory.flash_bytes == (folder / "firmware.bin").stat().st_size
    assert memory.code_bytes + memory.weights_bytes + memory.constants_bytes == memory.flash_bytes
    assert memory.stack_high_water_bytes is not None
    assert 0 < memory.stack_high_water_bytes < 2048
    touched = [region for region in memory.regions if region.arena_bytes]
    assert touched
    for region in touched:
        assert region.arena_touched_bytes is not None
        assert 0 < region.arena_touched_bytes <= region.arena_bytes
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) <= 2_000_000
    assert page == write_page(read_report(folder / "report.json"))
    assert ElementTree.parse(folder / "plan.svg").getroot().tag.endswith("svg")
    assert (folder / "plan.png").read_bytes().startswith(b"\x89PNG")
    assert 0 < sum(layer.flash_bytes for layer in report.layers) < memory.flash_bytes
    assert max(layer.live_bytes for layer in report.layers) <= memory.peak.bytes
    assert memory.peak.bytes <= memory.arena_bytes
    (chosen,) = [plan for plan in report.plans if plan.chosen]
    assert chosen.arena_bytes == memory.arena_bytes
    assert run is not None
    assert chosen.instructions == run.instructions
    layers = [layer.instructions or 0 for layer in report.layers]
    assert min(layers) > 0
    assert sum(layers) == run.instructions
    assert validation is not None
    assert validation.bit_exact
    for place in (validation.host, validation.emulator):
        assert place is not None
        assert place.bytes_mismatched == 0
        assert place.tensors_compared > 0


@pytest.mark.parametrize(
    ("name", "macs", "board"),
    [(name, macs, board) for name, macs, boards in MODELS for board in boards],
)
def test_real_models(tmp_path: Path, shared_data: Path, name: str, macs: int, board: str) -> None:
    model = shared_data / "models" / f"{name}.tflite"
    report, folder = build(tmp_path, board=board, model=str(model))
    check_report(report, folder)
    assert report.model.macs == macs
    assert report.validation is not None
    assert report.validation.emulator is not None
    least = 3 if macs > 100_000_000 else 20
    assert report.validation.emulator.vectors >= least
    assert (folder / "model.tflite").read_bytes() == model.read_bytes()
    assert report.memory.code_bytes <= 24 * 1024
    if macs > 100_000:
        check_flash(report, model)


def check_flash(report: BuildReport, model: Path) -> None:
    """Beside code: a byte a weight, 12 bytes a channel, and a twentieth for all the rest."""
    graph = fuse_graph(read_graph(model.read_bytes(), "model"))
    weighted = [op for op in graph.ops if isinstance(op, Convolution | FullyConnected)]
    needed = sum(op.weights.size + 12 * op.channels for op in weighted)
    assert report.memory.flash_bytes - report.memory.code_bytes <= 1.05 * needed


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("mlperf_tiny_vww_int8", "stm32h743"),
        ("mlperf_tiny_kws_int8", "stm32l4r9"),
        pytest.param("etinynet_1.0_224_int8", "stm32h743", marks=pytest.mark.slow),
        pytest.param("etinynet_1.0_224_int8", "stm32f412", marks=pytest.mark.slow),
        pytest.param("etinynet_1.0_224_int8", "stm32f746", marks=pytest.mark.slow),
    ],
)
def test_little_flash(tmp_path: Path, shared_data: Path, name: str, board: str) -> None:
    model = shared_data / "models" / f"{name}.tflite"
    report, folder = build(tmp_path, board=board, model=str(model), optimize="flash")
    check_report(report, folder)
    assert report.memory.code_bytes <= 16 * 1024


def test_the_other_compiler(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real model gives the reference's bytes with clang as it does with gcc."""
    pytest.importorskip("ziglang")
    monkeypatch.setattr("tinydeploy.pipeline.find_toolchain", lambda: find_toolchain("zig"))
    model = shared_data / "models" / "mlperf_tiny_kws_int8.tflite"
    report, folder = build(tmp_path, board="stm32h743", model=str(model))
    check_report(report, folder)
    assert "zig" in report.compiler or "clang" in report.compiler


@pytest.mark.parametrize("board", ["stm32h743", "stm32l4r9"])
def test_the_built_in_model(tmp_path: Path, digits_model: Any, board: str) -> None:
    report, folder = build(tmp_path, board=board, max_drop=1.0, min_snr=20.0)
    check_report(report, folder)
    assert report.accuracy is not None
    assert report.accuracy.samples == len(digits_model.test.classes) == 450
    assert report.accuracy.int8 >= 0.975
    assert abs(report.accuracy.int8 - report.accuracy.float) <= 0.01
    assert report.model.labels == tuple("0123456789")
    assert report.validation is not None
    assert report.validation.host is not None
    assert report.validation.host.vectors >= 450


def test_tensorflow_agrees(digits_model: Any) -> None:
    """The .tflite runs in tensorflow's own interpreter, with the same outputs."""
    from tinydeploy.quantize.quantize_model import quantize_model

    model = quantize_model(digits_model).tflite
    code = (
        "import sys, warnings, numpy as np\n"
        "warnings.simplefilter('ignore')\n"
        "import tensorflow as tf\n"
        "from ai_edge_litert.interpreter import Interpreter, OpResolverType as R\n"
        "model = sys.stdin.buffer.read()\n"
        "ours = Interpreter(model_content=model, experimental_op_resolver_type=R.BUILTIN_REF)\n"
        "theirs = tf.lite.Interpreter(model_content=model, experimental_op_resolver_type="
        "tf.lite.experimental.OpResolverType.BUILTIN_REF)\n"
        "rng = np.random.default_rng(0)\n"
        "for i in (ours, theirs): i.allocate_tensors()\n"
        "for _ in range(20):\n"
        "    x = rng.integers(-128, 128, (1, 32, 32, 1), np.int8)\n"
        "    for i in (ours, theirs):\n"
        "        i.set_tensor(i.get_input_details()[0]['index'], x); i.invoke()\n"
        "    a, b = (i.get_tensor(i.get_output_details()[0]['index']) for i in (ours, theirs))\n"
        "    assert a.dtype == np.int8 and np.array_equal(a, b)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=model, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def hash_folder(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.json"
    }


def test_twice_the_same_bytes(tmp_path: Path, digits_model: Any) -> None:
    del digits_model  # trained, so that both builds take it from the cache
    (tmp_path / "elsewhere").mkdir()
    first = build(tmp_path, board="stm32h743")[1]
    second = build(tmp_path / "elsewhere", board="stm32h743")[1]
    assert hash_folder(first) == hash_folder(second)
    assert {"model.tflite", "firmware.elf", "firmware.bin", "firmware.hex"} <= set(
        hash_folder(first)
    )


def test_a_wrong_byte_on_the_board_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only equal outputs pass: one changed weight makes the build fail and names the layer."""
    model = tmp_path / "small.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))
    real = prove.expect_outputs

    def expect_something_else(*args: Any) -> prove.Expectation:
        expectation = real(*args)
        key = max(expectation.tensors)
        changed = {k: v.copy() for k, v in expectation.tensors.items()}
        changed[key].flat[0] ^= 1
        return replace(expectation, tensors=changed)

    monkeypatch.setattr("tinydeploy.pipeline.expect_outputs", expect_something_else)
    with pytest.raises(MismatchError, match=r"layer 0 \(CONV_2D"):
        build(tmp_path, board="stm32h743", model=str(model))
    assert not (tmp_path / "result").exists()


def test_a_failing_self_test_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "small.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))
    monkeypatch.setattr("tinydeploy.validate.prove.selftest_crc", lambda outputs: 0x12345678)
    with pytest.raises(MismatchError, match="self-test fails"):
        build(tmp_path, board="stm32l4r9", model=str(model))


def test_slow_models_get_few_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "small.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))
    monkeypatch.setattr(emulator, "_SLOW_INSTRUCTIONS", 1)
    report, _ = build(tmp_path, board="stm32h743", model=str(model))
    assert report.validation is not None
    assert report.validation.emulator is not None
    assert report.validation.emulator.vectors == 3


def test_an_installed_wheel_builds(tmp_path: Path) -> None:
    """What pip would install, in a folder of its own, works without the checkout."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    work = tmp_path / "work"
    work.mkdir()
    (work / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    command = [sys.executable, "-c", "from tinydeploy.cli.main import main; main()"]
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
    where = subprocess.run(
        [sys.executable, "-c", "import tinydeploy; print(tinydeploy.__file__)"],
        cwd=work, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))
    done = subprocess.run(
        [*command, "build", "small.tflite", "--board", "stm32h743", "--json", "--quiet"],
        cwd=work, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["validation"]["bit_exact"] is True
    assert (work / "out" / "small-stm32h743" / "firmware.elf").is_file()


def test_random_nets_on_both_boards(tmp_path: Path) -> None:
    """Extreme inputs and scales through whole firmware images."""
    rng = np.random.default_rng(7)
    for number, board in enumerate(["stm32h743", "stm32l4r9"]):
        model = tmp_path / f"net{number}.tflite"
        height, width, depth = (int(rng.integers(3, 12)) for _ in range(3))
        model.write_bytes(conv_model((height, width, depth), int(rng.integers(1, 9)), seed=number))
        report, folder = build(tmp_path, board=board, model=str(model))
        check_report(report, folder)
