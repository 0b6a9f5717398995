"""What builds depend on: files, folders, and what a factory's code reads."""

from __future__ import annotations

import os
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from tinydeploy.check.config import _FIELDS, _KEYS
from tinydeploy.check.content import are_unchanged, hash_path, hash_reads, record_reads
from tinydeploy.check.source_file import hash_source, pack_source, unpack_source
from tinydeploy.check.store import Store
from tinydeploy.check.tasks import TaskWatch, find_source, make_target_source, source_key
from tinydeploy.detection.objects import Objects
from tinydeploy.pipeline import BuildRequest
from tinydeploy.quantize.layer_quality import LayerQuality
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source


def test_a_folder_is_its_files_and_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "cat").mkdir(parents=True)
    (folder / "cat" / "a.png").write_bytes(b"1")
    first = hash_path(folder)
    assert hash_path(folder) == first
    (folder / "cat" / "a.png").rename(folder / "cat" / "b.png")
    second = hash_path(folder)
    (folder / "cat" / "b.png").write_bytes(b"2")
    assert len({first, second, hash_path(folder), hash_path(tmp_path / "none")}) == 4


def test_what_is_opened_and_imported_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "recorded_helper.py").write_text("WIDTH = 8\n", encoding="utf-8")
    for name in ("text.txt", "number.npy", "descriptor", "gone.txt", "unread.txt"):
        (tmp_path / name).write_bytes(b"x")
    np.save(tmp_path / "number.npy", np.zeros(3))
    with record_reads() as found:
        import recorded_helper  # noqa: F401

        Path("text.txt").read_text(encoding="utf-8")
        np.load("number.npy")
        os.close(os.open("descriptor", os.O_RDONLY))
        Path("gone.txt").read_bytes()
        Path("gone.txt").unlink()
        Path("written.txt").write_text("x", encoding="utf-8")
        Path(sys.modules["json"].__file__ or "").read_bytes()
    Path("unread.txt").read_bytes()
    del sys.modules["recorded_helper"]
    names = {path.name for path in found}
    assert names == {"recorded_helper.py", "text.txt", "number.npy", "descriptor"}
    reads = hash_reads(found, tmp_path)
    assert set(reads) == names  # relative: the folder may lie elsewhere next time
    assert are_unchanged(reads, tmp_path)
    (tmp_path / "recorded_helper.py").write_text("WIDTH = 16\n", encoding="utf-8")
    assert not are_unchanged(reads, tmp_path)


def test_a_source_is_the_same_when_it_is_unpacked() -> None:
    layer = LayerQuality("relu", "Conv", 41.5, float("inf"), 0.0, 0.001, "int8")
    outputs = (np.ones((2, 4), np.float32), np.zeros((2, 1), np.float32))
    source = Source(
        "net", "net.onnx", b"TFL3", np.ones((2, 1, 4, 4), np.float32), outputs, np.arange(2),
        layers=(layer,),
    )  # fmt: skip
    none = Objects(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool))
    two = Objects(np.arange(8.0).reshape(2, 4), np.array([3, 1]), np.array([True, False]))
    detector = replace(source, classes=None, scenes=(two, none))
    for each in (source, detector, Source("net", "net.tflite", b"TFL3")):
        content, arrays = pack_source(each)
        store = Store()
        store.prepare()
        store.write("k", content, arrays)
        found = store.read("k")
        assert found is not None
        again = unpack_source(*found)
        assert (again.name, again.origin, again.tflite) == (each.name, each.origin, each.tflite)
        assert again.layers == each.layers
        assert hash_source(*pack_source(again)) == hash_source(content, arrays)
        for a, b in ((again.samples, each.samples), (again.classes, each.classes)):
            assert (a is None) == (b is None)
            assert a is None or b is None or np.array_equal(a, b)
        assert len(again.float_outputs or ()) == len(each.float_outputs or ())
        assert (again.scenes is None) == (each.scenes is None)
        for old, new in zip(each.scenes or (), again.scenes or (), strict=True):
            assert np.array_equal(old.boxes, new.boxes)
            assert np.array_equal(old.classes, new.classes)
            assert np.array_equal(old.ignored, new.ignored)


def test_a_changed_sample_is_another_source() -> None:
    digests = {
        hash_source(*pack_source(Source("net", "x", b"T", samples)))
        for samples in (None, np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    }
    assert len(digests) == 3


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / ".cache"))


def test_a_factory_is_made_again_when_a_file_that_it_reads_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "factory_width.txt").write_text("4", encoding="utf-8")
    (tmp_path / "factory_nets.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "def small():\n"
        "    width = int(Path('factory_width.txt').read_text())\n"
        "    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU())\n",
        encoding="utf-8",
    )
    np.save(tmp_path / "data.npy", np.random.default_rng(0).random((4, 1, 6, 6), np.float32))
    options = SourceOptions(data=Path("data.npy"), input_shape=(1, 6, 6), effort="low")
    request = BuildRequest("stm32h743", "factory_nets:small", options)
    store, key = Store(), source_key(request, tmp_path)
    store.prepare()
    assert find_source(key, tmp_path, store) is None
    made = make_target_source(request, key, TaskWatch(lambda name: None), store)
    assert made.stages == ("model", "quantize")
    assert find_source(key, tmp_path, store) == made
    (tmp_path / "factory_width.txt").write_text("5", encoding="utf-8")
    assert source_key(request, tmp_path) == key
    assert find_source(key, tmp_path, store) is None


def test_every_option_of_a_build_can_be_written_into_the_file() -> None:
    known = {_FIELDS.get(key, key) for key in _KEYS}
    limits = {"min_snr", "max_drop"}  # in a budget
    of_a_folder = {"output", "keep", "emulate", "chosen_format", "bundle", "options", "command"}
    missing = {field.name for field in fields(BuildRequest)} - known - limits - of_a_folder
    missing |= {field.name for field in fields(SourceOptions)} - known
    assert missing == {"crop_fraction"}  # in a preprocess.toml
