"""What the parsers of files and bytes from anywhere are given, and what they may raise.

Each function takes bytes and returns where they are read, or refused by one of our errors; any
other exception, and an InternalError, is a bug and passes through.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tinydeploy.board import list_boards, load_board
from tinydeploy.errors import BoardLinkError, InternalError, TinydeployError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.labels import read_labels
from tinydeploy.graph.normalization import read_normalization
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.link.frames import Frame, FrameSplitter, encode_frame
from tinydeploy.model.choose_preprocessing import choose_preprocessing
from tinydeploy.model.import_onnx import import_onnx
from tinydeploy.model.mxnet_params import parse_params
from tinydeploy.paths import BOARDS
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.source.float_tflite.recognize import is_float
from tinydeploy.source.float_tflite.translate import translate_tflite
from tinydeploy.source.options import SourceOptions

_FOLDER = tempfile.TemporaryDirectory(prefix="tinydeploy-parsers-")
"""For parsers that take the path of a file."""


def parse_tflite(data: bytes) -> None:
    """Reader, verification and passes; labels and preprocessing that the file carries along."""
    graph = fuse_graph(read_graph(cut_conversions(data).tflite, "net"))
    read_labels(data, graph.tensors[graph.outputs[0]].shape[-1])


def parse_float_tflite(data: bytes) -> None:
    """Translation of a float network to ONNX, and the reader of that."""
    if is_float(data):
        net = translate_tflite(data, "net")
        read_onnx(net.onnx, net.input_shape, net.name)
        read_normalization(data)


def parse_onnx(data: bytes) -> None:
    """Reader of the file, then of the network in it."""
    path = Path(_FOLDER.name) / "net.onnx"
    path.write_bytes(data)
    net = import_onnx(path)
    read_onnx(net.onnx, net.input_shape, net.name)


def parse_mxnet(data: bytes) -> None:
    """Weights of Gluon networks."""
    parse_params(data, "weights.params")


def parse_toml(data: bytes) -> None:
    """A board, or the profile of a chip with a board on top of it."""
    folder = Path(_FOLDER.name)
    (folder / "fuzzed.toml").write_bytes(data)
    if b"[console]" in data:
        load_board(str(folder / "fuzzed.toml"))
        return
    names = [name for name in list_boards() if f'default_board = "{name}"'.encode() in data]
    board = (BOARDS / f"{names[0] if names else 'nucleo-h743zi2'}.toml").read_text("utf-8")
    board = re.sub('^chip = ".*"', 'chip = "fuzzed.toml"', board, flags=re.MULTILINE)
    (folder / "board.toml").write_text(board, encoding="utf-8")
    load_board(str(folder / "board.toml"))


def parse_rules(data: bytes) -> None:
    """A preprocess.toml, as options of a network that takes gray pictures or coloured ones."""
    path = Path(_FOLDER.name) / "preprocess.toml"
    path.write_bytes(data)
    options = SourceOptions(preprocess=path).read_preprocess()
    choose_preprocessing(1 if options.color == "gray" else 3, options.pictures)


def parse_frames(data: bytes) -> None:
    """A conversation with a board that says whatever it likes; the first byte is the topic."""
    client = BoardClient(_Board(data[1:]), attempts=3, run_timeout_s=0.1)
    topic = data[0] % 4 if data else 0
    client.hello()
    if topic == 0:
        client.infer([bytes(client.input_info(0).bytes % 4096)])
        client.read_output(0)
    elif topic == 1:
        client.profile([bytes(client.input_info(0).bytes % 4096)])
    elif topic == 2:
        client.memory()
        client.selftest()
    else:
        client.read_text(0.001)


class _Board:
    """Answers from bytes: pieces with a byte in front that says how long, and if framed.

    A framed piece gets a right CRC and answers what was asked last, which chance would never hit.
    """

    def __init__(self, script: bytes) -> None:
        self._script, self._at, self._asked = script, 0, Frame(0, 0)

    def write(self, data: bytes) -> None:
        for item in FrameSplitter().feed(data):
            if isinstance(item, Frame):
                self._asked = item

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if self._at >= len(self._script):
            raise BoardLinkError("the line is cut")
        head = self._script[self._at]
        piece = self._script[self._at + 1 : self._at + 1 + head % 128]
        self._at += 1 + head % 128
        if head < 128:
            return piece
        answer = Frame(self._asked.command | 0x80, self._asked.sequence, piece[:64])
        return encode_frame(answer)


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "tflite": parse_tflite,
    "float_tflite": parse_float_tflite,
    "onnx": parse_onnx,
    "params": parse_mxnet,
    "toml": parse_toml,
    "rules": parse_rules,
    "frames": parse_frames,
}


def try_parser(name: str, data: bytes) -> bool:
    """Whether the parser takes the bytes; False where it refuses them with one of our errors."""
    try:
        PARSERS[name](data)
    except InternalError:
        raise
    except TinydeployError as error:
        assert error.message
        return False
    return True
