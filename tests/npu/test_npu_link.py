"""The link: frames, the device's state machine, and the host's C code against it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from native_host import (
    BAD_PROGRAM,
    OK,
    REFUSED,
    SILENT,
    NativeHost,
    StandIn,
    compile_host,
    expect,
    identify,
    seal,
)
from native_sdio_host import NativeSdioHost, link_host

from tinydeploy.errors import TrapError
from tinydeploy.npu.device import Frame
from tinydeploy.npu.link import (
    ANSWER,
    ANSWERED,
    CHUNK,
    HEADER_BYTES,
    REQUEST,
    Command,
    LinkFrame,
    Status,
    pack_frame,
    parse_frame,
)
from tinydeploy.npu.link_device import BOOT_NS, TURN_NS, LinkDevice
from tinydeploy.npu.link_faults import LinkFaults

PROGRAM = seal(StandIn.VERSION + bytes(range(256)) * 13)
IDENTITY = identify(PROGRAM)
NEWER = seal(b"v2" + PROGRAM[2:])
IMAGE_BYTES, RESULT_BYTES, CYCLES = 2500, 40, 100_000


def make_images(count: int, seed: int = 7) -> list[bytes]:
    generator = np.random.default_rng(seed)
    return [generator.bytes(IMAGE_BYTES) for _ in range(count)]


class Wire:
    """Talks to a device, a request at a time."""

    def __init__(self, device: LinkDevice) -> None:
        self.device, self.now, self.sequence = device, BOOT_NS, 0

    def transact(self, data: bytes) -> bytes:
        assert self.device.is_ready(self.now)
        self.device.select(self.now)
        assert not self.device.is_ready(self.now)
        answer = self.device.shift(data)
        self.device.deselect(self.now)
        return answer

    def wait(self) -> None:
        while not self.device.is_ready(self.now):
            self.now += 100

    def ask(self, command: int, **fields: int | bytes) -> LinkFrame:
        self.sequence += 1
        request = LinkFrame(command, self.sequence, **fields)  # type: ignore[arg-type]
        self.transact(pack_frame(request, REQUEST))
        self.wait()
        answer = parse_frame(self.transact(bytes(HEADER_BYTES + CHUNK + 4)), ANSWER)
        self.wait()
        assert answer is not None
        assert (answer.command, answer.sequence) == (command | ANSWERED, self.sequence)
        return answer

    def load(self, program: bytes = PROGRAM) -> LinkFrame:
        for at in range(0, len(program), CHUNK):
            self.ask(Command.PROGRAM, value=at, payload=program[at : at + CHUNK])
        return self.ask(Command.LOAD, value=len(program), identity=identify(program))

    def send(self, frame: int, image: bytes) -> None:
        for at in range(0, len(image), CHUNK):
            answer = self.ask(
                Command.IMAGE,
                frame=frame,
                value=at,
                identity=IDENTITY,
                payload=image[at : at + CHUNK],
            )
            assert answer.status == Status.OK

    def start(self, frame: int) -> LinkFrame:
        return self.ask(Command.START, frame=frame, value=IMAGE_BYTES, identity=IDENTITY)

    def fetch(self, frame: int, offset: int = 0) -> LinkFrame:
        return self.ask(Command.RESULT, frame=frame, value=offset, identity=IDENTITY)


@pytest.fixture
def wire() -> Wire:
    return Wire(LinkDevice(StandIn(RESULT_BYTES, CYCLES)))


@pytest.fixture(scope="module", params=["spi", "sdio"])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., NativeHost]:
    """Makes hosts whose device is behind faults."""
    library = compile_host(tmp_path_factory.mktemp("npu"), request.param)

    def make(faults: LinkFaults | None = None, program: bytes = PROGRAM) -> NativeHost:
        device = StandIn(RESULT_BYTES, CYCLES)
        facts = (program, IMAGE_BYTES, RESULT_BYTES)
        return link_host(request.param, library, device, faults or LinkFaults(), *facts)

    return make


def test_a_frame_is_read_as_it_was_packed() -> None:
    frame = LinkFrame(Command.IMAGE, 0xFFFE, 0, 0, 0xFFFFFFFF, 5 * CHUNK, IDENTITY, b"\x5a" * CHUNK)
    for sync in (REQUEST, ANSWER):
        packed = pack_frame(frame, sync)
        assert parse_frame(packed + b"rest", sync) == frame
        assert parse_frame(packed, REQUEST + ANSWER - sync) is None
        assert all(parse_frame(packed[:n], sync) is None for n in (0, 23, 24, len(packed) - 1))


def test_the_documented_example() -> None:
    """The bytes that docs/tinynpu.md shows."""
    packed = pack_frame(LinkFrame(Command.START, 0x0102, frame=7, value=3072, identity=1), REQUEST)
    assert packed.hex(" ") == (
        "5a 05 02 01 00 00 00 00 07 00 00 00 00 0c 00 00 01 00 00 00 "
        + zlib.crc32(packed[:20]).to_bytes(4, "little").hex(" ")
    )
    text = (Path(__file__).parents[2] / "docs" / "tinynpu.md").read_text(encoding="utf-8")
    assert packed.hex(" ") in text


def test_every_flipped_bit_is_noticed() -> None:
    packed = pack_frame(LinkFrame(Command.IMAGE, 3, payload=b"abc"), REQUEST)
    for bit in range(8 * len(packed)):
        spoilt = bytearray(packed)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert parse_frame(bytes(spoilt), REQUEST) is None


def test_hello_tells_the_machine(wire: Wire) -> None:
    answer = wire.ask(Command.HELLO)
    assert struct.unpack("<HHIII", answer.payload) == (1, 1024, 1015808, 262144, 250_000_000)
    assert (answer.state, answer.identity) == (0, 0)


def test_two_frames_under_way(wire: Wire) -> None:
    assert wire.load().status == Status.OK
    images = make_images(3)
    begin = wire.now
    for frame in (0, 1):
        wire.send(frame, images[frame])
        assert wire.start(frame).status == Status.OK
    # Frame 2 shares its slot with frame 0, which is computed.
    busy = wire.ask(Command.IMAGE, frame=2, identity=IDENTITY, payload=b"x" * CHUNK)
    assert (busy.status, busy.state) == (Status.BUSY, 3)
    for frame in (0, 1):
        answer = wire.fetch(frame)
        expected = struct.pack("<I", CYCLES) + expect(PROGRAM, images[frame], RESULT_BYTES)
        assert (answer.status, answer.payload) == (Status.OK, expected)
        # Not before the machine has computed them, and one behind the other.
        assert wire.now - begin >= (frame + 1) * CYCLES * 4
    wire.send(2, images[2])
    assert wire.fetch(0).status == wire.fetch(2).status == Status.NO_FRAME
    assert wire.start(2).status == Status.OK
    assert wire.fetch(1).payload[4:] == expect(PROGRAM, images[1], RESULT_BYTES)
    assert wire.fetch(2).payload[4:] == expect(PROGRAM, images[2], RESULT_BYTES)


def test_requests_may_be_repeated(wire: Wire) -> None:
    image = make_images(1)[0]
    assert wire.load().status == wire.load().status == Status.OK
    wire.send(0, image)
    wire.send(0, image)
    assert wire.start(0).status == wire.start(0).status == Status.OK
    assert wire.fetch(0).payload == wire.fetch(0).payload
    assert wire.device.frames == 1


def test_refusals(wire: Wire) -> None:
    ask = wire.ask
    piece = b"x" * CHUNK
    assert ask(77).status == Status.UNKNOWN_COMMAND
    assert ask(Command.START, frame=0, value=9).status == Status.NO_PROGRAM
    assert ask(Command.PROGRAM, value=1, payload=piece).status == Status.BAD_RANGE
    assert ask(Command.PROGRAM, value=992 * 1024, payload=piece).status == Status.BAD_RANGE
    assert ask(Command.PROGRAM, value=0).status == Status.BAD_RANGE
    assert ask(Command.LOAD, value=0).status == Status.BAD_RANGE
    missing = ask(Command.LOAD, value=5000, identity=1)
    assert (missing.status, missing.value, missing.payload) == (Status.INCOMPLETE, 0, b"\x1f")
    missing = ask(Command.LOAD, value=500_000, identity=1)
    assert missing.payload == b"\xff" * 32  # of the first 256 pieces
    for at in (1, 2, 7):
        assert ask(Command.PROGRAM, value=at * CHUNK, payload=piece).status == Status.OK
    missing = ask(Command.LOAD, value=9 * CHUNK + 1, identity=1)
    assert (missing.value, missing.payload) == (0, bytes((0b01111001, 0b11)))
    assert wire.load(NEWER).status == Status.BAD_PROGRAM
    assert wire.load().identity == IDENTITY
    assert ask(Command.LOAD, value=len(PROGRAM), identity=5).status == Status.BAD_PROGRAM
    assert wire.start(0).status == Status.NO_PROGRAM
    assert wire.load().status == Status.OK
    assert ask(Command.IMAGE, identity=IDENTITY + 1, payload=piece).status == Status.WRONG_PROGRAM
    wire.send(0, make_images(1)[0][:CHUNK])
    missing = wire.start(0)
    assert (missing.status, missing.value, missing.payload) == (Status.INCOMPLETE, CHUNK, b"\3")
    missing = wire.start(5)  # nothing of it has come
    assert (missing.status, missing.value, missing.payload) == (Status.INCOMPLETE, 0, b"\7")
    assert wire.fetch(0).status == wire.fetch(1).status == Status.NO_FRAME


def test_a_program_that_traps() -> None:
    class Trapping(StandIn):
        def run(self, image: bytes) -> Frame:
            raise TrapError("instruction 3 reads beyond its memory")

    wire = Wire(LinkDevice(Trapping()))
    wire.load()
    wire.send(0, make_images(1)[0])
    assert wire.start(0).status == Status.OK
    assert wire.fetch(0).status == Status.TRAP


def test_a_damaged_request_is_answered_and_not_executed(wire: Wire) -> None:
    packed = bytearray(pack_frame(LinkFrame(Command.HELLO, 9), REQUEST))
    packed[3] ^= 1
    wire.transact(bytes(packed))
    wire.wait()
    answer = parse_frame(wire.transact(bytes(HEADER_BYTES)), ANSWER)
    assert answer is not None
    assert answer == replace(LinkFrame(ANSWERED, 0), status=Status.DAMAGED)


def test_the_device_does_not_listen_while_it_is_not_ready(wire: Wire) -> None:
    wire.transact(bytes(HEADER_BYTES))
    wire.device.select(wire.now)
    assert wire.device.shift(b"abc") == b"\xff\xff\xff"
    wire.device.deselect(wire.now)
    assert wire.device.is_ready(wire.now + TURN_NS)


def test_a_reset_forgets_everything(wire: Wire) -> None:
    wire.load()
    wire.send(0, make_images(1)[0])
    wire.start(0)
    wire.device.reset(wire.now)
    wire.wait()
    assert wire.fetch(0).status == Status.NO_PROGRAM


def check(host: NativeHost, images: list[bytes], program: bytes = PROGRAM) -> None:
    """All results come, and all are right."""
    status, found = host.run(images)
    assert status == OK
    assert found == [expect(program, image, RESULT_BYTES) for image in images]


def test_the_host_runs_frames(host: Callable[..., NativeHost]) -> None:
    made = host()
    check(made, make_images(5))
    assert made.count().resets == 1
    check(made, make_images(1, seed=8))
    counters = made.count()
    assert (counters.resets, counters.repeated, counters.frames) == (1, 0, 6)
    assert counters.cycles == CYCLES


def test_transfer_overlaps_with_computing(host: Callable[..., NativeHost]) -> None:
    """Of frames in a row each takes as long as it computes; of single ones the transfer besides."""
    made = host()
    check(made, make_images(1))
    begin = made.now
    check(made, make_images(20))
    in_a_row = made.now - begin
    begin = made.now
    for image in make_images(20):
        check(made, [image])
    assert 20 * CYCLES * 4 <= in_a_row < 1.2 * 20 * CYCLES * 4
    assert made.now - begin > 1.5 * in_a_row


@pytest.mark.parametrize(("interrupts", "pieces"), [(0, 2), (1, 3), (1000, 3)])
def test_an_image_goes_while_results_are_taken(
    host: Callable[..., NativeHost], interrupts: int, pieces: int
) -> None:
    """A piece is sent and the next one made before they are; further ones in interrupts."""
    made = host()
    made.interrupts = lambda: interrupts
    check(made, make_images(4))
    before = made.log[: made.log.index(("results", 0, 0))]
    assert len([index for _, index, _ in before if index == 2]) == pieces
    assert len([index for kind, index, _ in made.log if (kind, index) == ("piece", 3)]) == 3


@pytest.mark.parametrize("bit_errors", [1e-5, 1e-4])
def test_the_host_survives_bit_errors(host: Callable[..., NativeHost], bit_errors: float) -> None:
    made = host(LinkFaults(bit_errors=bit_errors))
    check(made, make_images(60))
    counters = made.count()
    assert made.device.flipped_bits > 0  # type: ignore[attr-defined]
    assert counters.repeated > 0 or bit_errors < 1e-4


def test_the_host_reports_a_line_that_is_too_bad(host: Callable[..., NativeHost]) -> None:
    images = make_images(20)
    status, found = host(LinkFaults(bit_errors=6e-4)).run(images)
    assert status == SILENT
    right = [expect(PROGRAM, image, RESULT_BYTES) for image in images]
    assert found == right[: len(found)] != right


def test_the_host_survives_brown_outs_and_hangs(host: Callable[..., NativeHost]) -> None:
    made = host(LinkFaults(brown_outs=0.005, hangs=0.002, seed=3))
    check(made, make_images(100))
    device = made.device
    assert device.brown_outs > 3  # type: ignore[attr-defined]
    assert device.hangs > 0  # type: ignore[attr-defined]
    assert made.count().resets > 3


def test_the_host_gives_up_on_what_does_not_answer(host: Callable[..., NativeHost]) -> None:
    assert host(LinkFaults(hangs=1.0)).run(make_images(2)) == (SILENT, [])
    assert host(LinkFaults(bit_errors=0.5)).run(make_images(2)) == (SILENT, [])


def test_the_host_reports_a_program_of_another_version(host: Callable[..., NativeHost]) -> None:
    made = host(program=NEWER)
    assert made.run(make_images(2)) == (BAD_PROGRAM, [])
    assert made.count().resets == 1


def test_the_host_notices_a_reset_line_that_does_nothing(host: Callable[..., NativeHost]) -> None:
    made = host()
    check(made, make_images(1))
    other = host()
    other.device = made.device
    other.now = made.now
    made.device.reset = lambda now: None  # type: ignore[method-assign]
    if isinstance(made, NativeSdioHost):  # a card has another way to be reset: register 6
        check(other, make_images(1))
        return
    assert other.run(make_images(1)) == (REFUSED, [])
