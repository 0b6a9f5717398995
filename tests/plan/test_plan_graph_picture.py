"""The picture of a graph: every operator and layer is in it, by the names that the file has."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from tests.model_builder import ModelBuilder
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.picture.graph_picture import _assign_lanes, draw_graphs
from tinydeploy.plan.picture.scene import Scene
from tinydeploy.plan.picture.svg import write_svg


def sample_graph(blocks: int = 2) -> Graph:
    """Padded and pooled convolutions, each with a branch round it."""
    b = ModelBuilder(3)
    x = b.conv(b.pad(b.input((24, 24, 3)), (1, 1, 1, 1)), 8, (3, 3), padding="VALID")
    x = b.pool("MAX_POOL_2D", x, (2, 2), stride=(2, 2))
    for _ in range(blocks):
        y = b.conv(b.depthwise(x, scale=0.05), 8, (1, 1), scale=0.05)
        x = b.binary("ADD", y, x, scale=0.05)
    return read_graph(b.finish([b.softmax(b.fully_connected(b.mean(x), 5))]), "net")


def hints(scene: Scene) -> list[str]:
    return [shape.hint for shape in scene.shapes if shape.hint]


def test_every_operator_and_every_layer_has_its_box_and_its_whole_name() -> None:
    before = sample_graph()
    after = fuse_graph(before)
    assert len(after.ops) < len(before.ops)
    scene = draw_graphs(before, after)
    found = hints(scene)
    assert len(found) == len(before.ops) + len(after.ops) + 2
    for op in before.ops:
        name = before.tensors[op.outputs[0]].name
        assert any(h.startswith(f"operator {op.index}, ") and name in h for h in found)
    for number, op in enumerate(after.ops):
        name = after.tensors[op.outputs[0]].name
        assert any(h.startswith(f"layer {number}, ") and name in h for h in found)
    texts = [label.text for label in scene.labels]
    assert "net: 12 operators become 10 layers" in texts
    assert any("CONV_2D 3x3 + MAX_POOL_2D" in text for text in texts)
    assert sum("(output)" in text for text in texts) == 2


def test_boxes_do_not_overlap_and_labels_stay_in_the_picture() -> None:
    before = sample_graph()
    scene = draw_graphs(before, fuse_graph(before))
    boxes = [shape.boxes[0] for shape in scene.shapes if shape.hint]
    for (x, y, w, h), (p, q, u, v) in combinations(boxes, 2):
        assert x + w <= p or p + u <= x or y + h <= q or q + v <= y
    for x, y, w, h in [box for shape in scene.shapes for box in shape.boxes]:
        assert x >= 0
        assert y >= 0
        assert x + w <= scene.width
        assert y + h <= scene.height
    for label in scene.labels:
        assert label.x + 6 * len(label.text) <= scene.width


def test_it_is_sound_svg_and_the_same_each_time() -> None:
    before = sample_graph()
    text = write_svg(draw_graphs(before, fuse_graph(before)))
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert text == write_svg(draw_graphs(before, fuse_graph(before)))


def test_nets_of_many_layers_grow_downwards_alone() -> None:
    small, large = (draw_graphs(g, fuse_graph(g)) for g in map(sample_graph, (2, 25)))
    assert large.width == small.width
    assert large.height > small.height


def test_names_that_are_no_text_do_no_harm() -> None:
    b = ModelBuilder(3)
    x = b.input((4, 4, 3))
    y = b.activation((1, 4, 4, 3), 0.05, -3, 'a"]]></title><script>\x1b\u00e9' + "x" * 300)
    b.writer.add_op("RELU", [x.id], [y.id])
    graph = read_graph(b.finish([y]))
    text = write_svg(draw_graphs(graph, fuse_graph(graph)))
    ElementTree.fromstring(text)
    assert "<script" not in text
    assert max(map(len, re.findall(r">([^<]*)</text>", text))) < 60


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=12))
def test_spans_of_one_lane_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    spans = [(begin, begin + length) for begin, length in pairs]
    lanes = _assign_lanes(spans)
    for (a, lane), (b, other) in combinations(zip(spans, lanes, strict=True), 2):
        assert lane != other or a[1] < b[0] or b[1] < a[0]
