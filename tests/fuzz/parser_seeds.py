"""Small sound inputs for each parser, from which fuzzing starts, and words that they know."""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from random_graphs import graphs

from tinydeploy.link.frames import MAX_PAYLOAD
from tinydeploy.paths import BOARDS
from tinydeploy.quantize.metadata import Normalization
from tinydeploy.quantize.onnx_reader import NODE_READERS
from tinydeploy.quantize.tflite_writer import TfliteWriter


def make_seeds(parser: str) -> tuple[bytes, ...]:
    """Inputs that the parser of this name takes, always the same."""
    return tuple(_SEEDS[parser]())


def list_words(parser: str) -> tuple[bytes, ...]:
    """What stands in files of this kind and random bytes do not find: libFuzzer's dictionary."""
    if parser == "onnx":
        names = ("kernel_shape", "strides", "pads", "dilations", "group", "axis", "axes", "perm")
        return tuple(name.encode() for name in (*NODE_READERS, *names, "auto_pad", "SAME_UPPER"))
    if parser in ("toml", "rules"):
        names = ("size", "address", "use", "dma", "clock", "mean", "std", "color", "crop_fraction")
        values = (b"inf", b"nan", b"0x", b"1e308", b"-0.0", b"1979-05-27", b"[[", b"{a=1}", b'"""')
        return (*values, *(f"\n{name} = ".encode() for name in names))
    if parser.endswith("tflite"):
        return (b"TFL3", *(struct.pack("<i", value) for value in (-1, 1 << 16, 1 << 24, 1 << 30)))
    return ()


def _tflite() -> Iterator[bytes]:
    """Random graphs of few layers, until each operator was among them."""
    found: list[bytes] = []

    @seed(1)
    @settings(
        max_examples=150, deadline=None, database=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(model=graphs(most_layers=3))
    def collect(model: bytes) -> None:
        found.append(model)

    collect()
    yield _described()
    yield from (model for model in found if len(model) < 8192)


def _described() -> bytes:
    """With labels and preprocessing, as quantization writes them."""
    writer = TfliteWriter()
    like = {"scales": [0.1], "zero_points": [3]}
    x = writer.add_tensor("x", (1, 2, 2, 3), "int8", **like)
    y = writer.add_tensor("y", (1, 2, 2, 3), "int8", **like)
    writer.add_op("RELU", [x], [y])
    rules = 'color = "bgr"\nresize = "crop"\ncrop_fraction = 0.875\n'
    pixels = Normalization((1.0, 2.0, 3.0), (2.0, 2.0, 2.0), "RGB", (2, 2), rules)
    return writer.finish([x], [y], normalization=pixels, labels=("red", "green", "blue"))


def _float_tflite() -> Iterator[bytes]:
    """Every operator."""
    _find_modules("source")
    from float_cases import CASES
    from float_models import FloatBuilder

    for shape, build in CASES.values():
        builder = FloatBuilder(shape)
        outputs = build(builder)
        yield builder.finish(*(outputs if isinstance(outputs, list) else [outputs]))


def _onnx() -> Iterator[bytes]:
    """Every operator, and some chains of them."""
    _find_modules("quantize")
    from onnx_cases import CASES

    yield from (case.model() for case in CASES.values())


def _find_modules(stage: str) -> None:
    """Makes what tests of this stage share importable, whatever runs."""
    folder = str(Path(__file__).parents[1] / stage)
    if folder not in sys.path:
        sys.path.append(folder)


def _params() -> Iterator[bytes]:
    shapes = ((2, 3), (4,), ())
    for head in ("<Iii", "<Ii", "<I"):  # V2, V1 and before
        arrays = b""
        for shape in shapes:
            if head == "<I":
                arrays += struct.pack(f"<I{len(shape)}I", len(shape), *shape)
            else:
                magic = 0xF993FAC8 + len(head) - 3
                parts = (magic, 0, len(shape)) if head == "<Iii" else (magic, len(shape))
                arrays += struct.pack(f"{head}{len(shape)}q", *parts, *shape)
            if shape:
                values = np.ones(shape, np.float32).tobytes()
                arrays += struct.pack("<iii", 1, 0, 0) + values
        names = b"".join(struct.pack("<Q", 5) + f"name{i}".encode() for i in range(len(shapes)))
        count = struct.pack("<Q", len(shapes))
        yield struct.pack("<QQ", 0x112, 0) + count + arrays + count + names


def _toml() -> Iterator[bytes]:
    for path in sorted(BOARDS.rglob("*.toml")):
        text = path.read_text("utf-8").splitlines()
        yield "\n".join(line for line in text if not line.startswith("#")).encode()


def _rules() -> Iterator[bytes]:
    yield b'mean = [123.7, 116.3, 103.5]\nstd = 58.0\ncolor = "rgb"\n'
    yield b'mean = 0\nstd = [1e-3, 0x10, 1_0]\nresize = "crop"\ncrop_fraction = 0.875\n'
    yield b'color = "gray"\nresize = \'stretch\'\nlayout = "nhwc"\n'


def _frames() -> Iterator[bytes]:
    """Conversations about everything with a board of one input and one output, and text between."""
    hello = struct.pack("<BHIBBHII8s", 0, 2, 480_000_000, 1, 1, 3, 100, 200, b"build id")
    tensor = struct.pack("<BIfiI", 0, 16, 0.5, -3, 1)
    begin = [hello, b"\0net", b"\0board"]
    for topic, answers in (
        (0, [tensor, b"\0", struct.pack("<BII", 0, 99, 0), tensor, bytes(17)]),
        (1, [tensor, b"\0", struct.pack("<BHI", 0, 3, 0), bytes(13)]),
        (2, [struct.pack("<B4I", 0, 1, 2, 3, 4), struct.pack("<B2I", 0, 5, 5)]),
        (3, []),
    ):
        pieces = [bytes([128 + len(answer)]) + answer for answer in (*begin, *answers)]
        assert all(len(piece) <= MAX_PAYLOAD + 1 for piece in pieces)
        yield bytes([topic]) + b"\5text\0".join(pieces) + b"\4text"


def _board() -> Iterator[bytes]:
    """Requests of every kind, noise between them; inputs are taken whole, or in rows."""
    talks = (
        [b"\1", b"\2\0", b"\2\1", b"\3\0\0", b"\3\0\1", b"\3\1\0"],
        [b"\4" + struct.pack("<BI", 0, 0) + bytes(14), b"\4" + struct.pack("<BI", 1, 0) + b"x"],
        [b"\5", b"\6" + struct.pack("<BIB", 0, 7, 63)],
        [b"\7", b"\x08\0\0", b"\x08\x13\0"],
        [b"\x09", b"\x0a", b"\x0b"],
    )
    for rows in (b"\0", b"\1"):
        for talk in (*talks, list(itertools.chain(*talks))):
            frames = [request[:1] + bytes([i]) + request[1:] for i, request in enumerate(talk)]
            pieces = [bytes([0x80 + len(frame)]) + frame for frame in frames]
            yield rows + b"\3\1\0\2".join(pieces)


_SEEDS = {
    "tflite": _tflite,
    "float_tflite": _float_tflite,
    "onnx": _onnx,
    "params": _params,
    "toml": _toml,
    "rules": _rules,
    "frames": _frames,
    "board": _board,
}
