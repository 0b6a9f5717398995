"""Time on the wires: what is computed is what the host's C code sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_host import NativeHost, StandIn, compile_host, seal
from native_sdio_host import NativeSdioHost

from tinydeploy.npu.link_device import LinkDevice
from tinydeploy.npu.link_sdio import SDIO_PIECE, SdioCard
from tinydeploy.npu.link_time import count_sdio, count_spi, sdio_frame_ns, spi_frame_ns

DOCS = Path(__file__).parents[2] / "docs" / "tinynpu.md"


class Meter(LinkDevice):
    """Counts bytes and transactions."""

    count = transactions = 0

    def select(self, now: int) -> None:
        self.transactions += 1
        super().select(now)

    def shift(self, data: bytes) -> bytes:
        self.count += len(data)
        return super().shift(data)


class MeteredCard(SdioCard):
    """Counts blocks."""

    written = read = 0

    def take_block(self, wire: bytes, now: int) -> int | None:
        self.written += 1
        return super().take_block(wire, now)

    def give_block(self, now: int) -> bytes | None:
        self.read += 1
        return super().give_block(now)


@pytest.mark.parametrize(
    ("image_bytes", "result_bytes"), [(1, 1), (784, 10), (3072, 1020), (5000, 3000)]
)
def test_bytes_of_a_frame(tmp_path: Path, image_bytes: int, result_bytes: int) -> None:
    device = Meter(StandIn(result_bytes))
    library, program = compile_host(tmp_path), seal(StandIn.VERSION + b"some program")
    host = NativeHost(library, device, program, image_bytes, result_bytes)
    image = bytes(image_bytes)
    host.run([image])
    before = device.count, device.transactions
    host.run([image])
    found = device.count - before[0], device.transactions - before[1]
    assert found == count_spi(image_bytes, result_bytes)


@pytest.mark.parametrize(
    ("image_bytes", "result_bytes"), [(1, 1), (996, 992), (997, 993), (5000, 3000)]
)
def test_blocks_of_a_frame(tmp_path: Path, image_bytes: int, result_bytes: int) -> None:
    card = MeteredCard(LinkDevice(StandIn(result_bytes), SDIO_PIECE))
    library, program = compile_host(tmp_path, "sdio"), seal(StandIn.VERSION + b"some program")
    host = NativeSdioHost(library, card, program, image_bytes, result_bytes)
    image = bytes(image_bytes)
    host.run([image])
    before = card.written, card.read
    host.run([image])
    found = card.written - before[0], card.read - before[1]
    assert found == count_sdio(image_bytes, result_bytes)


def test_the_documented_times() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for image_bytes, result_bytes in ((256 * 256 * 3, 1000), (64 * 64 * 3, 10)):
        spi, sdio = (f(image_bytes, result_bytes) / 1e6 for f in (spi_frame_ns, sdio_frame_ns))
        row = f"| {image_bytes:,} | {result_bytes:,} | {spi:.2f} | {sdio:.2f} |"
        assert row in text, row
