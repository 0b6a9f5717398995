"""Images whose input is kept outside the arena, or comes row by row as from a camera."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import classifier, inverted_residuals, several_ends
from typer.testing import CliRunner

from tests.test_pipeline import build, check_report
from tinydeploy.board import load_board
from tinydeploy.cli.main import app
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import Tensor
from tinydeploy.link.client import BoardClient
from tinydeploy.plan.plan import Arena, Plan
from tinydeploy.project.inputs import place_inputs
from tinydeploy.validate.reference import run_reference

PICTURE = (12, 10, 3)  # the classifier's input


@pytest.mark.parametrize("board", ["stm32h743", "stm32l4r9"])
@pytest.mark.parametrize(("form", "outside"), [("kept", 360), ("rows", 30)])
def test_a_classifier(tmp_path: Path, board: str, form: str, outside: int) -> None:
    (tmp_path / "net.tflite").write_bytes(classifier())
    request: dict[str, Any] = {"board": board, "model": str(tmp_path / "net.tflite")}
    report, folder = build(tmp_path, **request, input_form=form)
    check_report(report, folder)
    assert (report.memory.input_form, report.memory.input_bytes) == (form, outside)
    assert report.memory.static_bytes > outside
    assert report.inference is not None
    longest = report.inference.longest_push_instructions
    if form == "rows":
        assert longest is not None
        assert report.inference.instructions / 12 < longest < report.inference.instructions
    else:
        assert longest is None
    assert report.memory.ram_bytes >= report.memory.arena_bytes + report.memory.static_bytes


def test_several_kept_inputs(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(several_ends())
    model = str(tmp_path / "net.tflite")
    report, folder = build(tmp_path, board="stm32f412", model=model, input_form="kept")
    check_report(report, folder)
    assert report.memory.input_bytes == 2 * 90


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of the classifier with a pushed input."""
    folder = tmp_path_factory.mktemp("camera")
    (folder / "net.tflite").write_bytes(classifier())
    command = ["build", str(folder / "net.tflite"), "--board", "stm32h743", "--input", "rows"]
    done = CliRunner().invoke(app, [*command, "--quiet", "--output", str(folder / "result")])
    assert done.exit_code == 0, done.output
    return folder / "result"


def test_lines_one_by_one(camera: Path) -> None:
    """The host plays the camera; what it loses the board forgives; every instruction is counted."""
    lines = np.random.default_rng(3).integers(-128, 128, (2, 1, *PICTURE), dtype=np.int8)
    expected = run_reference(classifier(), [lines]).outputs[0]
    with EmulatedBoard(camera / "firmware.elf", load_board("stm32h743")) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        assert client.input_info(0).rows == 12
        emulated.trace_model("net")
        for row in range(5):  # and there the camera stops
            client.write_input(0, lines[1, 0, row].tobytes())
            client.run()
            assert client.missing == 11 - row
        assert emulated.runs() == 0
        client.hello()
        counted = []
        for picture, exact in zip(lines, expected, strict=True):
            client.infer([picture.tobytes()])
            assert client.read_output(0) == exact.tobytes()
            events = emulated.layer_events()
            assert min(event.layer for event in events) >= 0
            counted.append(sum(event.instructions for event in events))
            shares = emulated.layer_profiles().values()
            assert sum(profile.instructions for profile in shares) == counted[-1]
        assert emulated.runs() == 2
        report = json.loads((camera / "report.json").read_text(encoding="utf-8"))
        assert counted[0] == pytest.approx(report["inference"]["instructions"], rel=0.01)
        profile = client.profile([lines[0].tobytes()])
        assert {layer for layer, cycles in enumerate(profile) if cycles} == {
            event.layer for event in events
        }
        assert client.selftest().passed


def test_a_picture_from_a_file_comes_row_by_row_too(camera: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "input.npy", np.zeros((1, *PICTURE), np.int8))
    command = ["run", str(tmp_path / "input.npy"), "--build", str(camera)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "dog" in done.output


def test_models_without_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "two.tflite").write_bytes(several_ends())
    command = ["check", str(tmp_path / "two.tflite"), "--board", "stm32h743", "--input", "rows"]
    done = CliRunner().invoke(app, [*command, "--quiet"])
    assert done.exit_code == 2
    assert "two has 2" in " ".join(done.output.split())


def test_a_kept_input_that_the_firmware_has_no_room_for() -> None:
    """A picture of 147 KB beside an arena of 100,000 bytes, in a memory of 256 KB."""
    tensor = Tensor("picture", (1, 224, 224, 3), "int8", None)
    graph, board = Graph("net", (tensor,), (), (0,), (0,)), load_board("stm32f412")
    plan = Plan((), {}, {}, (Arena("sram", 100_000),), 0, {}, "kept")
    with pytest.raises(BudgetError, match="the kept input needs 150528 bytes beside the arena"):
        place_inputs(graph, plan, board)
    assert place_inputs(graph, replace(plan, arenas=(Arena("sram", 90_000),)), board) == "sram"
    assert place_inputs(graph, replace(plan, input_form="arena"), board) == ""


@pytest.mark.parametrize("board", ["stm32h743", "stm32l4r9"])
def test_expansions_computed_again(tmp_path: Path, board: str) -> None:
    """Bit-exact in the emulated board, within the planned bytes and MACs."""
    (tmp_path / "net.tflite").write_bytes(inverted_residuals())
    request: dict[str, Any] = {"board": board, "model": str(tmp_path / "net.tflite")}
    report, folder = build(tmp_path, **request, input_form="rows", max_extra_macs=0.1)
    check_report(report, folder)
    kernels = [layer.kernel for layer in report.layers]
    assert "expanded_depthwise_conv_2d_s8" in kernels
    assert "1x1+DEPTHWISE_CONV_2D" in [layer.op for layer in report.layers]
    stored, recomputed = report.plans[-2:]
    assert (stored.name, recomputed.name) == ("input row by row", "with recomputation")
    assert recomputed.chosen
    assert recomputed.arena_bytes < stored.arena_bytes
    assert 0 < recomputed.extra_macs <= 0.1 * report.model.macs
    # What is not stored is compared through the host build of the graph as read.
    assert report.validation is not None
    assert report.validation.emulator is not None
    missing = report.validation.host.tensors_compared - report.validation.emulator.tensors_compared
    assert missing > 0
