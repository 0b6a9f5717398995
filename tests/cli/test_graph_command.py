"""`tinydeploy graph`: pictures and text of a model's operators and layers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.model_builder import ModelBuilder
from tinydeploy.cli.main import main


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["graph", "--quiet", *words])
    assert not caught.value.code


def test_it_writes_what_the_name_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    b = ModelBuilder()
    x = b.pad(b.input((8, 8, 3)), (1, 1, 1, 1))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.finish([b.conv(x, 4, padding="VALID")]))
    run(str(path), "-o", str(tmp_path / "graph.svg"))
    run(str(path), "--output", str(tmp_path / "graph.png"))
    assert capsys.readouterr() == ("", "")
    assert ElementTree.parse(tmp_path / "graph.svg").getroot().tag.endswith("svg")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    run(str(path))
    before, after = capsys.readouterr().out.split("As built:")
    assert "op 0: PAD" in before
    assert "op 1: CONV_2D" in before
    assert "PAD" not in after
    assert "padding: (1, 1, 1, 1)" in after
