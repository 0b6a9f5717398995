"""The notebooks of the manual run as they stand."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))


def read_code(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells), "outputs are not kept"
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(path, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = {"__name__": "__main__"}
    for cell in read_code(path):
        exec(compile(cell, path.name, "exec"), names)
    return names


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["build-a-method", "run-the-api"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_run(path, tmp_path, monkeypatch, capsys):
    names = run(path, tmp_path, monkeypatch)
    assert list((tmp_path / "out" / "notebook").rglob("*.pt"))
    shown = capsys.readouterr().out
    assert "F1" in shown
    scores = names["distilled"].scores if "distilled" in names else names["scores"]
    assert scores.accuracy > 90
