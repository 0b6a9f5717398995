"""CRC-32 and frames in C equal those in Python, bit for bit, whatever the bytes."""

from __future__ import annotations

import ctypes
import subprocess
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydeploy.link.frames import Frame, decode_frame, encode_frame
from tinydeploy.paths import FIRMWARE
from tinydeploy.validate.host import find_host_compiler

MAX_PAYLOAD, MAX_WIRE = 64, 73

frames = st.builds(
    Frame,
    st.integers(0, 255),
    st.integers(0, 255),
    st.one_of(
        st.binary(max_size=MAX_PAYLOAD),
        st.lists(st.sampled_from([0, 1, 255]), max_size=MAX_PAYLOAD).map(bytes),
    ),
)


class CFrame(ctypes.Structure):
    """firmware/app/frame.h: frame."""

    _fields_ = (
        ("command", ctypes.c_uint8),
        ("sequence", ctypes.c_uint8),
        ("length", ctypes.c_uint8),
        ("payload", ctypes.c_uint8 * MAX_PAYLOAD),
    )


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("frames") / "frames.so"
    sources = [FIRMWARE / "app" / f"{stem}.c" for stem in ("frame", "crc32")]
    flags = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC")
    subprocess.run([*find_host_compiler(), *flags, *sources, "-o", path], check=True)
    library = ctypes.CDLL(str(path))
    library.crc32_update.argtypes = (ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t)
    library.crc32_update.restype = ctypes.c_uint32
    library.frame_encode.argtypes = (ctypes.POINTER(CFrame), ctypes.c_char_p)
    library.frame_encode.restype = ctypes.c_size_t
    library.frame_decode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(CFrame))
    return library


def encode(library: ctypes.CDLL, frame: Frame) -> bytes:
    c_frame = CFrame(frame.command, frame.sequence, len(frame.payload))
    ctypes.memmove(c_frame.payload, frame.payload, len(frame.payload))
    wire = ctypes.create_string_buffer(MAX_WIRE)
    count = library.frame_encode(ctypes.byref(c_frame), wire)
    return wire.raw[:count]


def decode(library: ctypes.CDLL, body: bytes) -> Frame | None:
    c_frame = CFrame()
    if not library.frame_decode(body, len(body), ctypes.byref(c_frame)):
        return None
    payload = bytes(c_frame.payload)[: c_frame.length]
    return Frame(c_frame.command, c_frame.sequence, payload)


@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_crc32_is_zlibs(library: ctypes.CDLL, first: bytes, second: bytes) -> None:
    crc = library.crc32_update(0, first, len(first))
    assert crc == zlib.crc32(first)
    assert library.crc32_update(crc, second, len(second)) == zlib.crc32(first + second)


@settings(max_examples=300)
@given(frame=frames)
def test_frames_are_encoded_alike(library: ctypes.CDLL, frame: Frame) -> None:
    wire = encode(library, frame)
    assert wire == encode_frame(frame)
    assert len(wire) <= MAX_WIRE
    assert 0 not in wire[1:-1]
    assert decode(library, wire[1:-1]) == frame


@settings(max_examples=500)
@given(body=st.binary(max_size=90))
def test_noise_is_no_frame(library: ctypes.CDLL, body: bytes) -> None:
    assert decode(library, body) is None
    assert decode_frame(body) is None


@settings(max_examples=300)
@given(frame=frames, data=st.data())
def test_damaged_frames_are_refused(
    library: ctypes.CDLL, frame: Frame, data: st.DataObject
) -> None:
    body = bytearray(encode_frame(frame)[1:-1])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del body[data.draw(st.integers(0, len(body) - 1))]
    assert decode(library, bytes(body)) == decode_frame(bytes(body))
    assert decode(library, bytes(body)) != frame
