"""The same firmware in QEMU, an independent emulator: the same bytes, the same instructions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders import conv_model
from programs import require_program

from tinydeploy.board import list_boards, load_board
from tinydeploy.cli.console import StageView
from tinydeploy.cli.main import main
from tinydeploy.emulate import qemu
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.qemu import QemuBoard
from tinydeploy.errors import BoardLinkError, MissingDependencyError, UsageError
from tinydeploy.link.client import BoardClient
from tinydeploy.pipeline import BuildRequest, build_image

MACHINES = [name for name in list_boards() if load_board(name).qemu_machine]


def infer(client: BoardClient, vectors: list[bytes]) -> tuple[list[bytes], list[int]]:
    """Outputs and cycles of each inference."""
    outputs, cycles = [], []
    for vector in vectors:
        cycles.append(client.infer([vector]))
        outputs.append(client.read_output(0))
    return outputs, cycles


def test_both_cores_have_a_machine() -> None:
    assert {load_board(name).cpu for name in MACHINES} == {"cortex-m4", "cortex-m7"}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("mps2-an500", "mlperf_tiny_kws_int8"),
        ("mps2-an386", "hello_world_int8"),
        *(
            pytest.param(name, model, marks=pytest.mark.slow)
            for name, model in (
                ("mps2-an386", "mlperf_tiny_kws_int8"),
                ("mps2-an386", "mlperf_tiny_ic_int8"),
                ("mps2-an500", "mlperf_tiny_vww_int8"),
            )
        ),
    ],
)
def test_agrees_with_the_emulated_board(
    tmp_path: Path, shared_data: Path, name: str, model: str
) -> None:
    require_program(qemu.PROGRAM)
    path = shared_data / "models" / f"{model}.tflite"
    request = BuildRequest(board=name, model=str(path), output=tmp_path / "built")
    built = build_image(request, StageView(quiet=True))
    board, elf = load_board(name), built.folder / "firmware.elf"
    rng = np.random.default_rng(7)
    with EmulatedBoard(elf, board) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        size = client.input_info(0).bytes
        vectors = [rng.integers(0, 256, size, np.uint8).tobytes() for _ in range(3)]
        assert client.selftest().passed
        emulated.trace_model(model)
        outputs, instructions = infer(client, vectors)
        traced = sum(event.instructions for event in emulated.layer_events())
        marks = client.memory()
    with QemuBoard(elf, board) as machine:
        client = BoardClient(machine)
        hello = client.hello()
        assert hello.board == board.title
        assert client.selftest().passed
        found, cycles = infer(client, vectors)
        assert client.memory() == marks
    assert found == outputs
    counted = [machine.count_instructions(count) for count in cycles]
    assert np.abs(np.array(counted) - instructions).max() < 1
    # The last inference, without what the protocol does around it.
    assert 0 <= instructions[-1] - traced < 100


def test_validate_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    require_program(qemu.PROGRAM)
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    folder = tmp_path / "built"
    for words in (
        ["build", tmp_path / "small.tflite", "--board", "mps2-an386", "-q", "-o", folder],
        ["validate", folder, "--on", "qemu", "--vectors", "3"],
    ):
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        assert caught.value.code == 0
    assert "small on MPS2 AN386 (qemu): 3 inputs, 768 bytes, all equal" in capfd.readouterr().out


def test_boards_that_qemu_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="QEMU has no machine that is NUCLEO-H743ZI2") as caught:
        QemuBoard(tmp_path / "firmware.elf", load_board("stm32h743"))
    assert "mps2-an500" in caught.value.hint


def test_without_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="not installed") as caught:
        QemuBoard(tmp_path / "firmware.elf", load_board("mps2-an500"))
    assert "apt-get install" in caught.value.hint


def test_why_qemu_ended(tmp_path: Path) -> None:
    require_program(qemu.PROGRAM)
    board = dataclasses.replace(load_board("mps2-an500"), qemu_machine="mps2-an9")
    machine = QemuBoard(tmp_path / "firmware.elf", board)
    with machine, pytest.raises(BoardLinkError, match=r"QEMU has ended: .*unsupported machine"):
        machine.read(1, 10.0)
    with pytest.raises(BoardLinkError, match="not running"):
        machine.write(b"x")
