"""Firmware that answers MLPerf Tiny's runner, over the emulated board's pseudo terminal."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from fake_model import build_fake, fake_output
from mlperf_runner import Runner

from tests.builders import conv_model
from tests.litert import run_litert
from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.pty_bridge import PtyBridge
from tinydeploy.errors import UsageError
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.link.transport import SerialTransport
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.project.mlperf import MlperfTask, check_form, find_task
from tinydeploy.project.size import read_sizes

BOARD = load_board("stm32l4r9")
FORMS = {"pixels": 16, "int8": 16, "floats": 64}


@contextmanager
def talk(elf: Path, board=BOARD) -> Iterator[SerialTransport]:  # type: ignore[no-untyped-def]
    with ExitStack() as stack:
        emulated = stack.enter_context(EmulatedBoard(elf, board))
        bridge = stack.enter_context(PtyBridge(emulated))
        yield stack.enter_context(SerialTransport(bridge.port))


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ELF files of the fake model, by form of the input; it leaves its input alone."""
    folder = tmp_path_factory.mktemp("mlperf")
    built = {
        form: build_fake(folder / form, BOARD, mlperf=MlperfTask("ic01", form, size)).elf  # type: ignore[arg-type]
        for form, size in FORMS.items()
    }
    return built | {"none": build_fake(folder / "none", BOARD).elf}


def scores(data: bytes) -> list[float]:
    """The fake model's outputs, with its scale of 0.25 and zero point of 3."""
    return [0.25 * (byte - 3) for byte in np.frombuffer(fake_output(data), np.int8).tolist()]


def test_identity(firmware: dict[str, Path]) -> None:
    with talk(firmware["pixels"]) as line:
        runner = Runner(line)
        assert "m-name-dut-[STM32L4R9I-DISCO]" in runner.send("name")
        assert runner.send("profile") == [
            "m-profile-[ULPMark for tinyML Firmware V0.0.1]",
            "m-model-[ic01]",
        ]
        first, second = (int(runner.send("timestamp")[0].removeprefix("m-lap-us-")) for _ in "ab")
        assert 0 < first < second < 10_000_000


def test_inferences(firmware: dict[str, Path]) -> None:
    source = random.Random(1)
    for form in ("pixels", "int8"):
        with talk(firmware[form]) as line:
            runner = Runner(line)
            runner.send("name")
            for count, warmup in ((1, 0), (5, 3)):
                data = source.randbytes(16)
                assert runner.load(data) == ["m-load-done"]
                found, _ = runner.infer(count, warmup)
                taken = bytes(byte ^ 0x80 for byte in data) if form == "pixels" else data
                assert found == scores(taken)
                assert runner.send("results")[0].startswith("m-results-[")
            # What N inferences take is N times what one takes.
            _, one = runner.infer(1000, 0)
            _, three = runner.infer(3000, 0)
            assert three == pytest.approx(3 * one, rel=0.02)


def test_real_values(firmware: dict[str, Path]) -> None:
    """The input's scale is 1/127.5, its zero point -1; the result is a mean squared error."""
    values = [source / 8 - 1 for source in range(14)] + [99.0, -99.0]
    quantized = [max(-128, min(127, round(value / 0.00784313772) - 1)) for value in values]
    outputs = scores(struct.pack("16b", *quantized))
    error = sum((a - b) ** 2 for a, b in zip(outputs, values, strict=False)) / 8
    with talk(firmware["floats"]) as line:
        runner = Runner(line)
        runner.send("name")
        assert runner.load(struct.pack("<16f", *values)) == ["m-load-done"]
        assert runner.infer(2, 1)[0] == [pytest.approx(error, abs=0.0006)]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 3e38])
def test_what_is_no_real_value(firmware: dict[str, Path], value: float) -> None:
    with talk(firmware["floats"]) as line:
        runner = Runner(line)
        runner.send("name")
        assert runner.load(struct.pack("<16f", *[value] * 16)) == ["m-load-done"]
        assert runner.infer(1, 0)[0] == [2147483.52]  # the largest that is printed


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("nonsense", "e-[Unknown command: nonsense]"),
        ("db", "e-[Command 'db' requires a subcommand]"),
        ("db load", "e-[The model takes 16 bytes]"),
        ("db load 17", "e-[The model takes 16 bytes]"),
        ("db load -16", "e-[The model takes 16 bytes]"),
        ("db load 99999999999999999999", "e-[The model takes 16 bytes]"),
        ("db 00", "e-[Command 'db load' comes first]"),
        ("infer 0", "e-[infer N W: N inferences, at least 1, after W to warm up]"),
        ("infer x", "e-[infer N W: N inferences, at least 1, after W to warm up]"),
        ("infer 1 -1", "e-[infer N W: N inferences, at least 1, after W to warm up]"),
        ("a" * 81, "e-[The command is too long]"),
    ],
)
def test_mistakes(shared_runner: Runner, command: str, answer: str) -> None:
    assert shared_runner.send(command) == [answer]


@pytest.fixture(scope="module")
def shared_runner(firmware: dict[str, Path]) -> Iterator[Runner]:
    with talk(firmware["pixels"]) as line:
        runner = Runner(line)
        runner.send("name")
        yield runner


def test_digits_that_are_none(shared_runner: Runner) -> None:
    assert shared_runner.send("db load 16") == ["m-[Expecting 16 bytes]"]
    assert shared_runner.send("db 0g") == ["e-[Two hex digits make a byte]"]
    assert shared_runner.send("db 0") == ["e-[Two hex digits make a byte]"]
    assert shared_runner.send(f"db {'7F' * 16}00") == ["m-load-done"]  # the rest is ignored
    assert shared_runner.send("db 00") == ["e-[Command 'db load' comes first]"]


def test_the_other_protocol_goes_on(firmware: dict[str, Path]) -> None:
    """Frames and commands in turn, whatever bytes frames have; a frame cut off harms nothing."""
    source = random.Random(2)
    with talk(firmware["int8"]) as line:
        runner, client = Runner(line), BoardClient(line)
        client.hello()
        for _ in range(20):
            data = source.randbytes(16)
            client.write_input(0, data)
            client.run()
            assert client.read_output(0) == fake_output(data)
            line.write(b"\0" + bytes([7]) + source.randbytes(5).replace(b"\0", b"x") + b"\0")
            assert "m-model-[ic01]" in runner.send("profile")
        assert client.repeats == 0


def test_the_standard_firmware_pays_nothing(firmware: dict[str, Path]) -> None:
    plain, pixels = (read_sizes(firmware[form], BOARD) for form in ("none", "pixels"))
    names = set((firmware["none"].parent.parent / "app").iterdir())
    assert "mlperf.c" not in {path.name for path in names}
    assert 0 < pixels.ram_bytes - plain.ram_bytes < 160


@pytest.mark.parametrize(
    ("shape", "channels", "match"),
    [((8, 8, 3), 4, "is no model of MLPerf Tiny"), ((32, 32, 3), 10, "makes")],
)
def test_other_models_are_refused(shape: tuple[int, ...], channels: int, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        find_task(read_graph(conv_model(shape, channels), "net"))
    assert "vww01 [1, 96, 96, 3] to [1, 2]" in caught.value.hint


def test_an_input_that_a_run_overwrites_is_refused() -> None:
    with pytest.raises(UsageError, match="needs --input kept, not arena"):
        check_form("arena")
    check_form("kept")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "task", "form"),
    [("ad", "ad01", "floats"), ("ic", "ic01", "pixels"), ("kws", "kws01", "int8"),
     ("vww", "vww01", "pixels")],
)  # fmt: skip
def test_models_of_the_benchmark(
    shared_data: Path, tmp_path: Path, model: str, task: str, form: str
) -> None:
    """The results are the reference's, to the three digits that are printed."""
    path = shared_data / "models" / f"mlperf_tiny_{model}_int8.tflite"
    request = BuildRequest(
        "stm32l4r9", model=str(path), output=tmp_path / "out", input_form="kept", mlperf=True
    )
    build_image(request, StageView(quiet=True))
    graph = read_graph(path.read_bytes(), model)
    assert find_task(graph) == MlperfTask(
        task,
        form,
        graph.tensors[graph.inputs[0]].size * (4 if form == "floats" else 1),  # type: ignore[arg-type]
    )
    taken, given = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    assert taken.quantization is not None
    assert given.quantization is not None
    values = np.random.default_rng(0).integers(-128, 128, taken.shape, np.int8)
    real = taken.quantization.scale * (values.astype(np.float32) - taken.quantization.zero_point)
    sent = {"pixels": values.view(np.uint8) ^ 0x80, "int8": values, "floats": real}[form].tobytes()
    (output,) = run_litert(path.read_bytes(), [values])
    expected = given.quantization.scale * (
        output.astype(np.float64).reshape(-1) - given.quantization.zero_point
    )
    if form == "floats":
        expected = np.mean((expected - real.reshape(-1)) ** 2, keepdims=True)
    with talk(tmp_path / "out" / "firmware.elf") as line:
        runner = Runner(line)
        assert f"m-model-[{task}]" in runner.send("profile")
        assert runner.load(sent) == ["m-load-done"]
        found, _ = runner.infer(2, 1)
    assert found == pytest.approx(expected.tolist(), rel=1e-5, abs=0.00051)
