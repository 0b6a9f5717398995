"""Pictures of README.md: made of what they claim to show, seen on light and dark pages."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import peers_picture, terminal_picture
from benchmarks.peers import PEERS
from benchmarks.peers_picture import BOARD, TITLES, draw_rows, read_rows, read_table
from tinydeploy.plan.picture.scene import LETTER

ROOT = Path(__file__).resolve().parents[1]
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text("utf-8")
PICTURES = re.findall(r"!\[[^]]+\]\((docs/[a-z-]+\.svg)\)", (ROOT / "README.md").read_text("utf-8"))


def test_the_peers_picture_is_that_of_the_tables(tmp_path: Path) -> None:
    peers_picture.main([str(ROOT / "docs" / "performance.md"), str(tmp_path / "peers.svg")])
    made = (tmp_path / "peers.svg").read_bytes()
    assert made == (ROOT / "docs" / "peers.svg").read_bytes(), (
        "python -m benchmarks.peers_picture docs/performance.md docs/peers.svg"
    )


def test_rows_are_the_figures_of_the_peers() -> None:
    rows = read_rows(PERFORMANCE)
    for row, (name, title) in zip(rows, TITLES.items(), strict=True):
        speed, ram = row.panels
        peer = PEERS[name]
        assert row.title == title
        assert speed[0].value == peer.cmsis_nn["cortex-m7"]
        assert ram[0].value == peer.arena
        assert [bar.value for bar in speed if bar.tool == "TinyEngine"] == (
            [] if peer.tiny_engine is None else [peer.tiny_engine]
        )
    own = {row["model"]: row["instructions"] for row in read_table(PERFORMANCE, f"models {BOARD}")}
    assert [f"**{row.panels[0][-1].value:,}**" for row in rows] == [own[name] for name in TITLES]


def test_labels_do_not_leave_the_picture_or_meet() -> None:
    scene = draw_rows(read_rows(PERFORMANCE))
    spans = []
    for label in scene.labels:
        long = len(label.text) * LETTER
        left = label.x - long if label.anchor == "end" else label.x
        assert left >= 0
        assert left + long <= scene.width
        assert 0 < label.y <= scene.height
        spans.append((label.y, left, left + long))
    boxes = [box for shape in scene.shapes for box in shape.boxes]
    for y, left, right in spans:
        others = [span for span in spans if span[0] == y and span[1] != left]
        assert not [o for o in others if o[1] < right and left < o[2]]
        assert not [
            b for b in boxes if b[0] < right and left < b[0] + b[2] and b[1] < y - 2 < b[1] + b[3]
        ]


def test_the_terminal_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "✓ model      a <net> & more        3.8 s\n\nflash       61,228 of 2,097,152 bytes\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(printed))
    path = tmp_path / "x.svg"
    terminal_picture.main([str(path), "tinydeploy build"])
    texts = [
        element.text
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith("text") and element.text
    ]
    assert " ".join(texts) == " ".join(f"$ tinydeploy build {printed}".split())


def test_the_readme_has_its_pictures() -> None:
    assert PICTURES == ["docs/build.svg", "docs/peers.svg", "docs/etinynet.svg"]
    for name in PICTURES:
        text = (ROOT / name).read_text("utf-8")
        ElementTree.fromstring(text)
        assert "prefers-color-scheme:dark" in text
        assert not re.search(r"(?:href|src|url\()", text), "pictures load nothing"
