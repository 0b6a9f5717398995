"""Pictures of plans as files."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from numpy.typing import NDArray
from plan_graphs import chain, graphs

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.picture.font import draw_letter
from tinydeploy.plan.picture.layout import draw_scene
from tinydeploy.plan.picture.png import write_png
from tinydeploy.plan.picture.scene import Label, Scene, Shape
from tinydeploy.plan.picture.svg import write_svg
from tinydeploy.plan.plan import Arena

BOARD = load_board("stm32h743")
SVG = "{http://www.w3.org/2000/svg}"

SCENE = Scene(
    20,
    10,
    'a <title> & "more"',
    (
        Shape("#ff0000", ((1, 2, 3, 4), (10, 2, 0.1, 0.1)), "<hint>"),
        Shape("peak", ((2, 3, 1, 1),)),
    ),
    (Label(14, 8, "I", "middle"),),
)


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Colours [height, width, 3] of a PNG with a palette and no filters; checks its CRCs."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + content)
        chunks[kind] = content
        at += 12 + size
    width, height, depth, colours, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colours, rest) == (8, 3, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return palette[rows[:, 1:]]


def test_boxes_of_a_png() -> None:
    picture = decode_png(write_png(SCENE))
    assert picture.shape == (20, 40, 3)
    red = np.all(picture == (255, 0, 0), axis=2)
    expected = np.zeros((20, 40), bool)
    expected[4:12, 2:8] = True
    expected[6:8, 4:6] = False  # covered by the peak
    expected[4, 20] = True  # too small for a pixel, and yet there
    assert np.array_equal(red, expected)


def test_letters_of_a_png() -> None:
    dark = np.all(decode_png(write_png(SCENE)) == (0x1F, 0x23, 0x28), axis=2)
    expected = draw_letter("I").repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(dark[2:18, 22:32], expected)
    assert dark.sum() == expected.sum() > 0


def test_letters_differ_and_unknown_ones_are_question_marks() -> None:
    dots = {letter: draw_letter(letter).tobytes() for letter in map(chr, range(0x20, 0x7F))}
    assert len(set(dots.values())) == len(dots)
    assert all(draw_letter(letter).shape == (8, 5) for letter in dots)
    assert draw_letter("é").tobytes() == dots["?"]


def test_an_svg_is_one_file_without_scripts() -> None:
    text = write_svg(SCENE)
    root = ElementTree.fromstring(text)
    assert root.findtext(f"{SVG}title") == SCENE.title
    assert [path.findtext(f"{SVG}title") for path in root.iter(f"{SVG}path")][1] == "<hint>"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg",
        "title",
        "style",
        "path",
        "text",
    }
    assert not re.search(r"href|url\(|@import|<script|\son\w+=", text)
    assert "prefers-color-scheme:dark" in text


def test_names_are_text() -> None:
    graph = replace(chain((1, 64), (1, 64)), name="<b>&net")
    root = ElementTree.fromstring(write_svg(draw_scene(graph, plan_memory(graph, BOARD))))
    assert root.findtext(f"{SVG}title", "").startswith("<b>&net: 128 bytes")


def test_each_arena_has_a_panel() -> None:
    graph = chain((1, 4096), (1, 4096), (1, 4096))
    plan = plan_memory(graph, BOARD)
    rows = {**plan.rows, 1: replace(plan.rows[1], memory="axi", offset=0)}
    parted = replace(plan, rows=rows, arenas=(*plan.arenas, Arena("axi", 4096)))
    texts = [label.text for label in draw_scene(graph, parted).labels]
    assert "dtcm: 8,192 bytes" in texts and "axi: 4,096 bytes" in texts
    for name in ("0: 1x1x4096", "1: 1x1x4096", "2: 1x1x4096", "in", "0", "1", "out"):
        assert name in texts
    (peak,) = [text for text in texts if text.startswith("Peak")]
    assert peak == (
        "Peak: 8,192 bytes live in layer 0 (WHOLE) for rows [0, 1): "
        "tensor 0 1x4096 4,096, tensor 1 1x4096 4,096"
    )


@settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(graph=graphs(10))
def test_everything_is_inside_and_the_same_each_time(graph: Graph) -> None:
    plan = plan_memory(graph, BOARD)
    if not plan.arenas[0].size:
        return
    scene = draw_scene(graph, plan)
    for shape in scene.shapes:
        for x, y, width, height in shape.boxes:
            assert -1 <= x <= x + width <= scene.width + 1
            assert -1 <= y <= y + height <= scene.height + 1
    for label in scene.labels:
        assert 0 <= label.x <= scene.width and 0 <= label.y <= scene.height
    assert write_svg(scene) == write_svg(draw_scene(graph, plan))
    ElementTree.fromstring(write_svg(scene))


@pytest.mark.parametrize("count", [1, 70, 300])
def test_long_nets_keep_their_width(count: int) -> None:
    graph = chain(*[(1, 64)] * (count + 1))
    scene = draw_scene(graph, plan_memory(graph, BOARD))
    picture = decode_png(write_png(scene))
    assert picture.shape[1] == 2000
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5
