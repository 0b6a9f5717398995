"""COBS, frames, and their separation from text."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydeploy.link.cobs import decode_cobs, encode_cobs
from tinydeploy.link.frames import MAX_PAYLOAD, Frame, FrameSplitter, decode_frame, encode_frame

# From the paper's definition: a code byte says how far the next zero is.
COBS = [
    (b"", b"\x01"),
    (b"\0", b"\x01\x01"),
    (b"\0\0", b"\x01\x01\x01"),
    (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
    (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
    (bytes(range(1, 255)), b"\xff" + bytes(range(1, 255)) + b"\x01"),
    (bytes(range(1, 254)), b"\xfe" + bytes(range(1, 254))),
]

frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=MAX_PAYLOAD))


@pytest.mark.parametrize(("plain", "encoded"), COBS)
def test_cobs_by_hand(plain: bytes, encoded: bytes) -> None:
    assert encode_cobs(plain) == encoded
    assert decode_cobs(encoded) == plain


@given(st.binary(max_size=1000))
def test_cobs_round_trip(data: bytes) -> None:
    encoded = encode_cobs(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + 1 + len(data) // 254
    assert decode_cobs(encoded) == data


@given(st.binary(max_size=300))
def test_cobs_decodes_anything_without_failing(data: bytes) -> None:
    plain = decode_cobs(data)
    assert plain is None or len(plain) < len(data)


def test_frame_by_hand() -> None:
    body = b"\x04\x07" + b"\0abc"
    crc = zlib.crc32(body).to_bytes(4, "little")
    wire = b"\0" + encode_cobs(body + crc) + b"\0"
    assert encode_frame(Frame(4, 7, b"\0abc")) == wire
    assert decode_frame(wire[1:-1]) == Frame(4, 7, b"\0abc")


def test_frame_too_long() -> None:
    with pytest.raises(ValueError, match="65 bytes"):
        encode_frame(Frame(1, 1, bytes(65)))
    body = bytes(2 + 65)
    assert decode_frame(encode_cobs(body + zlib.crc32(body).to_bytes(4, "little"))) is None


@given(frames, st.data())
def test_every_changed_byte_is_noticed(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(encode_frame(frame))
    at = data.draw(st.integers(1, len(wire) - 2))
    wire[at] ^= data.draw(st.integers(1, 255))
    parts = [decode_frame(part) for part in bytes(wire).split(b"\0") if part]
    assert parts == [None] * len(parts)


@given(
    st.lists(st.one_of(frames, st.binary(min_size=1).map(lambda b: b.replace(b"\0", b"x")))),
    st.data(),
)
def test_splitter_keeps_order_in_any_portions(
    items: list[Frame | bytes], data: st.DataObject
) -> None:
    wire = b"".join(
        encode_frame(item) if isinstance(item, Frame) else item + b"\0" for item in items
    )
    splitter = FrameSplitter()
    found: list[Frame | bytes] = []
    while wire:
        size = data.draw(st.integers(1, len(wire)))
        found += splitter.feed(wire[:size])
        wire = wire[size:]
    assert [item for item in found if isinstance(item, Frame)] == [
        item for item in items if isinstance(item, Frame)
    ]
    text = b"".join(item for item in found if isinstance(item, bytes))
    assert text == b"".join(item for item in items if isinstance(item, bytes))


def test_text_without_end_is_handed_out() -> None:
    splitter = FrameSplitter()
    text = b"".join(bytes(item) for item in splitter.feed(b"x" * 10_000))  # type: ignore[arg-type]
    assert text == b"x" * 10_000
    assert splitter.feed(b"tail") == [b"tail"]
    frame = Frame(0x85, 1, b"\0")
    assert splitter.feed(b"\0" + encode_frame(frame)) == [frame]
    assert splitter.feed(b"half a line") == []
    assert splitter.take_text() == b"half a line"
