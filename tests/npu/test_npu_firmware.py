"""The host's firmware in the emulated board, a stand-in for TinyNPU behind its link."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from emulated_faults import meet_board
from native_host import StandIn, expect, identify, seal

from tinydeploy.board import Link, choose_link, load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import BoardLinkError, MissingDependencyError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import Quantization, Tensor
from tinydeploy.link.client import BoardClient
from tinydeploy.npu.link_faults import NO_FAULTS, LinkFaults
from tinydeploy.npu.preprocess import plan_preprocessing, prepare_image
from tinydeploy.project.build import build_firmware
from tinydeploy.project.npu import AcceleratedModel, npu_project_files
from tinydeploy.project.selftest import selftest_inputs
from tinydeploy.project.toolchain import find_toolchain
from tinydeploy.project.write import write_project
from tinydeploy.validate.accelerator import SILENCE_S, stream_frames

PROGRAM = seal(StandIn.VERSION + bytes(range(256)) * 10)
BOARD = load_board("stm32l4r9")
QUANTIZATION = Quantization((1 / 128,), (0,))
GRAPH = Graph(
    name="pictures",
    tensors=(
        Tensor("image", (1, 24, 20, 3), "int8", QUANTIZATION),
        Tensor("scores", (1, 40), "int8", QUANTIZATION),
    ),
    ops=(),
    inputs=(0,),
    outputs=(1,),
)


def compute(camera: bytes, flip: int = 0) -> bytes:
    """What the whole system must give for a camera's picture."""
    settings = plan_preprocessing(GRAPH)
    picture = np.frombuffer(camera, np.uint16).reshape(settings.camera)
    image = bytearray(prepare_image(settings, picture).tobytes())
    image[0] ^= flip & 0xFF
    return expect(PROGRAM, bytes(image), 40)


@pytest.fixture(scope="module", params=get_args(Link))
def link(request: pytest.FixtureRequest) -> Link:
    return choose_link(request.param)


@pytest.fixture(scope="module")
def elf(link: Link, tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        toolchain = find_toolchain()
    except MissingDependencyError as error:
        pytest.skip(error.message)
    folder = tmp_path_factory.mktemp("npu-firmware")
    settings = plan_preprocessing(GRAPH)
    model = AcceleratedModel(
        GRAPH, PROGRAM, identify(PROGRAM), (1,), None, settings, frame_us=100_000
    )
    (camera,) = selftest_inputs([settings.camera_bytes])
    files = npu_project_files(model, BOARD, link, selftest_crc=zlib.crc32(compute(camera)))
    write_project(folder, files)
    firmware = build_firmware(folder, BOARD, toolchain)
    assert not firmware.warnings
    return firmware.elf


@pytest.fixture
def run(elf: Path, link: Link, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Boots the firmware with a stand-in behind its link."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    @contextmanager
    def boot(
        faults: LinkFaults = NO_FAULTS, accelerator: str = "native_host:StandIn"
    ) -> Iterator[tuple[EmulatedBoard, BoardClient]]:
        with EmulatedBoard(
            elf, BOARD, accelerator=accelerator, link=link, faults=faults
        ) as emulated:
            yield emulated, meet_board(emulated)

    return boot


def read_line(emulated: EmulatedBoard, start: str) -> str:
    text = ""
    while True:
        piece = emulated.transport.read(256, SILENCE_S)
        assert piece, f"silence behind {text!r}"
        text += piece.decode(errors="replace")
        if found := re.search(re.escape(start) + r"[^\r]*(?=\r\n)", text):
            return found[0]


def test_pictures_through_the_whole_system(run: Callable[..., object]) -> None:
    with run() as (emulated, client):  # type: ignore[attr-defined]
        assert "self-test ok" in client.text
        generator = np.random.default_rng(5)
        for _ in range(3):
            camera = generator.bytes(plan_preprocessing(GRAPH).camera_bytes)
            client.infer([camera])
            assert client.read_output(0) == compute(camera)
        emulated.transport.write(b"\0stream 20\n")
        line = read_line(emulated, "npu: 20 frames")
        crc = zlib.crc32(b"".join(compute(camera, flip) for flip in range(20)))
        assert f"outputs {crc:08x}" in line
        assert " 0 repeated, 0 resets" in line
        # 100,000 cycles of 4 ns are 48,000 of the core's; preparing and transfer come on top.
        cycles = int(re.search(r"frames, (\d+) cycles", line)[1])  # type: ignore[index]
        assert 20 * 48_000 < cycles < 20 * 4 * 48_000
        scores = np.frombuffer(compute(camera, 19), np.int8)
        best = np.argsort(-scores.astype(int), kind="stable")[:3]
        assert line.endswith("best " + " ".join(map(str, best)))


def test_faults_do_not_make_wrong_results(run: Callable[..., object]) -> None:
    with run(LinkFaults(bit_errors=1e-4, brown_outs=0.01, hangs=0.004)) as (emulated, client):  # type: ignore[attr-defined]
        camera = np.random.default_rng(6).bytes(plan_preprocessing(GRAPH).camera_bytes)
        client.infer([camera])
        shown = stream_frames(emulated.transport, 40)
        assert shown.crc == zlib.crc32(b"".join(compute(camera, flip) for flip in range(40)))
        counts = emulated.accelerator_counts()
        assert min(counts[name] for name in ("flipped_bits", "brown_outs", "hangs")) > 0


def test_a_device_that_does_not_answer_is_reported(run: Callable[..., object]) -> None:
    with run(LinkFaults(hangs=1.0)) as (_, client):  # type: ignore[attr-defined]
        assert "self-test FAILED" in client.text
        with pytest.raises(BoardLinkError, match="run failed"):
            client.infer([bytes(plan_preprocessing(GRAPH).camera_bytes)])
