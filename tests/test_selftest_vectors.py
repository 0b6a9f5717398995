"""`--vectors`: inputs of the data set in the firmware's own self-test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.builders import conv_model
from tests.float_nets import write_dense_net, write_net, write_pictures
from tests.litert import run_litert
from tinydeploy.board import load_board
from tinydeploy.cli.main import main
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.project.selftest import selftest_crc, selftest_inputs

infer = BoardClient.infer


def run_command(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


def test_the_board_tests_itself_with_real_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_dense_net(tmp_path / "net.onnx")
    rng = np.random.default_rng(0)
    values = rng.random((300, 20), np.float32)
    np.savez(tmp_path / "x.npz", x=values, y=rng.integers(0, 4, 300))
    words = ["build", "net.onnx", "--data", "x.npz", "--board", "stm32l4r9", "-q", "-o", "out"]
    assert run_command(*words, "--vectors", "3") == 0

    tflite = Path("out/model.tflite").read_bytes()
    graph = read_graph(tflite, "net")
    tensor = graph.tensors[graph.inputs[0]]
    assert tensor.quantization is not None
    header = Path("out/firmware/config/selftest_vectors.h").read_text()
    numbers = header.partition("= {")[2].partition("}")[0].replace(",", " ").split()
    vectors = np.array(numbers, np.int8).reshape(3, *tensor.shape)
    real = (
        vectors.reshape(3, 20).astype(int) - tensor.quantization.zero_point
    ) * tensor.quantization.scale
    distance = np.abs(real[:, None] - values[None]).max(2).min(1)
    assert distance.max() <= 0.51 * tensor.quantization.scale  # each is one of the data set

    noise = np.frombuffer(selftest_inputs([tensor.size])[0], np.int8).reshape(tensor.shape)
    outputs = [run_litert(tflite, [each])[0].tobytes() for each in (noise, *vectors)]
    with EmulatedBoard(Path("out/firmware.elf"), load_board("stm32l4r9")) as emulated:
        client = BoardClient(emulated.transport)
        client.hello()
        test = client.selftest()
    assert "self-test ok, with 3 real inputs\r\n" in client.text
    samples = np.load("out/samples.npy")
    assert samples.shape == (10, 20)
    assert samples[:3].tolist() == vectors.reshape(3, 20).tolist()
    sent = []
    monkeypatch.setattr(
        BoardClient, "infer", lambda self, inputs: sent.append(inputs[0]) or infer(self, inputs)
    )
    assert run_command("validate", "out", "--on", "emulator") == 0
    assert sent[:10] == [row.tobytes() for row in samples]
    assert len(sent) == 20
    assert test.found == test.expected == selftest_crc(outputs)


def test_inputs_in_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check runs the self-test in the emulated board, against the reference's CRC."""
    monkeypatch.chdir(tmp_path)
    write_net(tmp_path / "net.onnx")
    names = [f"{name}/{i}.png" for name in ("ant", "bee", "cat", "dog") for i in range(3)]
    write_pictures(tmp_path / "pictures", names)
    words = ["check", "net.onnx", "--data", "pictures", "--board", "stm32h743", "-q"]
    assert run_command(*words, "--input", "rows", "--vectors", "2") == 0


def test_without_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    assert run_command("check", "small.tflite", "--board", "stm32h743", "--vectors", "2") == 2
    assert "--vectors 2: the data set has 0 inputs" in " ".join(capsys.readouterr().err.split())
