"""Preparing pictures: the C code equals its reference bit for bit; and the best classes."""

from __future__ import annotations

import ctypes
import zlib

import numpy as np
import pytest
from native_host import compile_host

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.normalization import Normalization
from tinydeploy.graph.tensor import Quantization, Tensor
from tinydeploy.npu.preprocess import (
    Preprocessing,
    pack_rgb565,
    plan_preprocessing,
    prepare_image,
    unpack_rgb565,
)

_SIZES = ("camera_h", "camera_w", "crop_y", "crop_x", "crop_h", "crop_w", "h", "w", "channels")


class _Settings(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_uint16) for name in _SIZES), ("table", ctypes.c_void_p)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(compile_host(tmp_path_factory.mktemp("prepare"))))


def make_graph(
    shape: tuple[int, ...], normalization: Normalization | None = None, scale: float = 1 / 64
) -> Graph:
    tensors = (Tensor("image", shape, "int8", Quantization((scale,), (-3,))),)
    return Graph("net", tensors, (), (0,), (), normalization=normalization)


@pytest.mark.parametrize(
    ("camera", "crop", "size"),
    [
        ((48, 40), (0, 0, 48, 40), (24, 20, 3)),
        ((48, 40), (5, 3, 31, 29), (24, 20, 1)),
        ((10, 12), (1, 2, 8, 8), (8, 8, 3)),  # no change of size
        ((10, 12), (1, 2, 8, 8), (8, 8, 1)),
        ((10, 12), (1, 2, 9, 8), (5, 8, 3)),  # of height alone
        ((7, 9), (0, 0, 7, 9), (16, 33, 1)),  # enlarged
        ((1, 1), (0, 0, 1, 1), (4, 4, 3)),
        ((1024, 3), (0, 1, 1024, 2), (5, 1024, 3)),
    ],
)
def test_c_equals_the_reference(
    library: ctypes.CDLL,
    camera: tuple[int, int],
    crop: tuple[int, int, int, int],
    size: tuple[int, int, int],
) -> None:
    pixels = size[0] * size[1] * size[2]
    compare(library, camera, crop, size, (1024, 100, pixels, *((1, 7) if pixels < 2000 else ())))


@pytest.mark.parametrize("seed", range(60))
def test_c_equals_the_reference_at_all_widths(library: ctypes.CDLL, seed: int) -> None:
    generator = np.random.default_rng(seed)
    most = (20, 150, 1025)[seed % 3]
    w, part_w, left, right = generator.integers(1, most, 4).tolist()
    left, right = left % (1025 - part_w), right % 3
    camera_w = min(left + part_w + right, 1024)
    compare(library, (7, camera_w), (1, left, 5, part_w), (3, w, (1, 3)[seed // 3 % 2]), (996,))


def compare(
    library: ctypes.CDLL,
    camera: tuple[int, int],
    crop: tuple[int, int, int, int],
    size: tuple[int, int, int],
    steps: tuple[int, ...],
) -> None:
    """Noise, prepared in pieces of so many values, the last piece first."""
    generator = np.random.default_rng(sum(camera))
    table = generator.integers(-128, 128, (size[2], 256), np.int8)
    picture = generator.integers(0, 1 << 16, camera, np.uint16)
    numbers = dict(zip(_SIZES, (*camera, *crop, *size), strict=True))
    settings = _Settings(**numbers, table=table.ctypes.data)
    expected = prepare_image(Preprocessing(camera, crop, size, table), picture).ravel()
    pixels = picture.ctypes.data_as(ctypes.c_void_p)
    guard = np.int8(77)
    library.npu_image_open(ctypes.byref(settings))
    for step in steps:
        for first in reversed(range(0, expected.size, step)):
            count = min(step, expected.size - first)
            piece = np.full(count + 1, guard)
            room = piece.ctypes.data_as(ctypes.c_void_p)
            library.npu_image_prepare(pixels, first, count, room)
            np.testing.assert_array_equal(piece, [*expected[first : first + count], guard])


def test_resizing_is_bilinear() -> None:
    """Against float64: half a level of rounding, and 1/512 of a pixel of place."""
    ramp = np.arange(0, 256, 8, dtype=np.uint8)
    picture = pack_rgb565(np.repeat(np.tile(ramp, (6, 1))[..., None], 3, axis=2))
    levels = unpack_rgb565(picture)[0, :, 0].astype(np.float64)
    table = np.tile((np.arange(256) - 128).astype(np.int8), (3, 1))
    found = prepare_image(Preprocessing((6, 32), (0, 0, 6, 32), (3, 21, 3), table), picture)
    places = np.clip((np.arange(21) + 0.5) * 32 / 21 - 0.5, 0, 31)
    expected = np.interp(places, np.arange(32), levels) - 128
    assert np.abs(found[1, :, 0] - expected).max() < 0.5 + 8 / 256


def test_packing_is_the_nearest_level() -> None:
    levels = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    back = unpack_rgb565(pack_rgb565(levels)).astype(int)
    assert np.abs(back - levels).max(axis=0).tolist() == [4, 2, 4]
    assert back[255].tolist() == [255, 255, 255]


def test_the_picture_is_cut_to_the_input_s_shape() -> None:
    settings = plan_preprocessing(make_graph((1, 24, 20, 3)))
    assert (settings.camera, settings.crop) == ((48, 48), (0, 4, 48, 40))
    settings = plan_preprocessing(make_graph((1, 256, 256, 3)))
    assert (settings.camera, settings.crop) == ((256, 264), (0, 4, 256, 256))


def test_values_are_those_of_the_file() -> None:
    normalization = Normalization(mean=(127.5,), std=(127.5,))
    settings = plan_preprocessing(make_graph((1, 8, 8, 1), normalization))
    real = (np.arange(256) - 127.5) / 127.5
    np.testing.assert_array_equal(
        settings.table[0], np.clip(np.rint(real * 64) - 3, -128, 127).astype(np.int8)
    )


@pytest.mark.parametrize("shape", [(1, 8, 8, 2), (1, 64), (1, 2048, 8, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedModelError, match="no image of 1 or 3 channels"):
        plan_preprocessing(make_graph(shape))


def test_blue_green_red_is_refused() -> None:
    normalization = Normalization(mean=(0.0,), std=(1.0,), color="bgr")
    with pytest.raises(UnsupportedModelError, match="blue, green, red"):
        plan_preprocessing(make_graph((1, 8, 8, 3), normalization))


def test_the_fast_crc_is_the_usual_one(library: ctypes.CDLL) -> None:
    library.npu_crc_update.restype = ctypes.c_uint32
    data = np.random.default_rng(1).bytes(300)
    for count in (*range(13), 256, 299):
        for begin in (0, 1):
            piece = data[begin : begin + count]
            found = library.npu_crc_update(0x1234, piece, len(piece))
            assert found == zlib.crc32(piece, 0x1234)


@pytest.mark.parametrize("k", [0, 1, 3, 10, 12])
def test_the_best_classes(library: ctypes.CDLL, k: int) -> None:
    for seed in range(30):
        scores = np.random.default_rng(seed).integers(-4, 4, 10, np.int8)
        best = (ctypes.c_uint16 * 12)()
        count = library.npu_top(scores.ctypes.data_as(ctypes.c_void_p), 10, k, best)
        expected = np.argsort(-scores.astype(int), kind="stable")[:k]
        assert list(best)[:count] == expected.tolist()
