"""Detectors from what the user names to a built image, with a tiny net and marked pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from marked_folders import NAMES, write_coco, write_voc
from PIL import Image

from tests.nets import detector
from tinydeploy.cli.console import StageView
from tinydeploy.cli.main import main
from tinydeploy.detection.average_precision import loosen_spec, measure_precision
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import BudgetError, InputFileError, TinydeployError, UsageError
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.report.build_report import SCHEMA_FILE
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.source import Source
from tinydeploy.train.detection import scene_model
from tinydeploy.train.detection.checkpoint import Detector, write_checkpoint
from tinydeploy.train.detection.digit_scenes import LABELS
from tinydeploy.train.detection.picture_data import load_marked_folder
from tinydeploy.train.detection.train_detector import DetectorRecipe, train_detector
from tinydeploy.validate.wide_softmax import run_graph_reference
from tinydeploy.zoo.etinynet_ssd import SCENES, make_scene_spec, make_small_detector

SPEC = DetectionSpec(
    (32, 32),
    (AnchorSource(8, ((9.0, 9.0), (12.0, 12.0))), AnchorSource(16, ((13.0, 13.0),))),
    NAMES,
    score_threshold=0.3,
)
WATCH = StageView(quiet=True)
DETECTION = SourceOptions(task="detection")


def train(folder: Path, steps: int) -> None:
    """Writes net.pt, trained on voc/."""
    data = load_marked_folder(folder / "voc", SPEC, SCENES)
    recipe = DetectorRecipe(steps, 16, 1e-2, 1e-2, 5, seed=0)
    net = train_detector(partial(make_small_detector, SPEC), SPEC, data.make_draw, recipe)
    write_checkpoint(folder / "net.pt", Detector("etinynet-ssd-small", SPEC, net))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """voc/, coco/, and net.pt, trained for a moment."""
    folder = tmp_path_factory.mktemp("detection")
    write_voc(folder / "voc", 40)
    write_coco(folder / "coco", {"train": range(100, 116), "val": range(116, 124)})
    train(folder, 5)
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> Source:
    options = replace(DETECTION, data=folder / "voc", effort="low")
    return make_source(str(folder / "net.pt"), WATCH, options)


def test_both_heads_become_int8_and_the_file_tells_what_they_mean(source: Source) -> None:
    graph = read_graph(source.tflite, source.name)
    assert graph.detection == SPEC
    kinds = [graph.tensors[tensor].dtype for tensor in (*graph.inputs, *graph.outputs)]
    assert kinds == ["int8"] * 5
    assert graph.labels == NAMES
    assert source.samples is not None
    assert source.scenes is not None
    assert len(source.samples) == len(source.scenes) == 10


def test_a_build_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A random detector, in the emulated board; what the reference finds by it counts as right."""
    tflite = detector()
    graph = read_graph(tflite, "net")
    assert graph.detector is not None
    height, width = graph.detector.spec.image_size
    scale, zero_point = graph.tensors[graph.inputs[0]].affine
    rng = np.random.default_rng(5)
    values = rng.integers(-128, 128, (6, 1, height, width, 3), np.int8)
    samples = np.moveaxis((values[:, 0].astype(np.float32) - zero_point) * scale, -1, 1)
    outputs = run_graph_reference(graph, tflite, [values]).outputs
    found = graph.detector.find(outputs)
    scenes = [Objects(f.boxes, f.classes, np.zeros(len(f.boxes), bool)) for f in found]
    source = Source("net", "net.tflite", tflite, samples=samples, scenes=tuple(scenes))
    out = tmp_path / "out"
    report = build_image(BuildRequest(board="stm32h743", output=out), WATCH, source).report
    assert report.validation is not None
    assert report.validation.bit_exact
    assert report.validation.emulator is not None
    assert report.inference is not None
    assert (report.inference.detection_instructions or 0) > 1000
    assert report.detection is not None
    assert report.detection.objects == sum(len(f.boxes) for f in found) > 20
    loose = loosen_spec(graph.detector.spec)
    every = graph.detector.with_limits(loose).find(outputs)
    precision = measure_precision(loose, every, scenes)
    assert report.detection.int8.map_50 == precision.at_half > 0.4
    told = [[box.label for box in picture.int8] for picture in report.detection.pictures]
    assert told == [[loose.classes[k] for k in f.classes] for f in found]
    assert (out / "report.html").read_text(encoding="utf-8").count("<img") == 6
    # One more picture, through the command line.
    np.save(tmp_path / "x.npy", values[0])
    with pytest.raises(SystemExit) as end:
        main(["run", str(tmp_path / "x.npy"), "--build", str(out)])
    assert not end.value.code
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith(f"{len(found[0].boxes)} found")
    assert [int(row.split()[0]) for row in shown[3:]] == found[0].classes.tolist()


@pytest.mark.slow
def test_a_build_tells_map_and_shows_boxes(tmp_path: Path) -> None:
    folder = tmp_path
    write_voc(folder / "voc", 80)
    train(folder, 300)
    source = make_source(str(folder / "net.pt"), WATCH, replace(DETECTION, data=folder / "voc"))
    request = BuildRequest(
        board="stm32h743", options=DETECTION, output=tmp_path / "out", emulate=False
    )
    result = build_image(request, WATCH, source)
    found = result.report.detection
    assert found is not None
    assert found.float is not None
    assert found.float.map_50 > 0.5
    assert abs(found.float.map_50 - found.int8.map_50) < 0.15
    assert (found.samples, found.objects) == (20, 20)
    assert result.report.validation is not None
    assert result.report.validation.bit_exact
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    assert len(found.pictures) == 6
    for picture in found.pictures:
        with Image.open(tmp_path / "out" / picture.file) as image:
            assert image.size == (2 * 288 + 6, 288 + 18)
            colors = {tuple(color) for color in np.asarray(image).reshape(-1, 3).tolist()}
        assert ((230, 159, 0) in colors or (86, 180, 233) in colors) == bool(
            picture.int8 or picture.float
        )
    assert any(picture.int8 for picture in found.pictures)

    # The file alone, with the same pictures, has the same mAP.
    options = replace(DETECTION, data=folder / "voc")
    model = str(tmp_path / "out" / "model.tflite")
    again = build_image(replace(request, model=model, options=options, keep=False), WATCH)
    assert again.report.detection is not None
    assert again.report.detection.int8 == found.int8
    assert again.report.detection.float is None

    with pytest.raises(BudgetError, match="points of mAP"):
        build_image(replace(request, keep=False, max_drop=-100.0), WATCH, source)


def test_a_coco_folder_calibrates_and_tests(folder: Path) -> None:
    options = replace(DETECTION, data=folder / "coco", effort="low")
    source = make_source(str(folder / "net.pt"), WATCH, options)
    assert source.scenes is not None
    assert len(source.scenes) == 8


def test_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With one step of training."""
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    monkeypatch.setattr(scene_model, "TEST_SCENES", 3)
    monkeypatch.setattr(scene_model, "CALIBRATION_SCENES", 4)
    monkeypatch.setattr(scene_model, "RECIPE", replace(scene_model.RECIPE, steps=1, batch_size=2))
    source = make_source(None, WATCH, replace(DETECTION, effort="low"))
    graph = read_graph(source.tflite, source.name)
    assert graph.detection == make_scene_spec(LABELS)
    assert source.scenes is not None
    assert len(source.scenes) == 3


@pytest.mark.parametrize(
    ("model", "options", "kind", "what"),
    [
        (None, {"data": Path("x")}, UsageError, "--data needs a model"),
        ("no.pt", {"data": Path("voc")}, InputFileError, "there is no file no.pt"),
        ("net.pt", {}, UsageError, "needs calibration data"),
        ("net.pt", {"data": Path("nowhere")}, InputFileError, "there is no folder nowhere"),
        ("net.pt", {"mean": (1.0,)}, UsageError, "--mean is for nets that do not tell"),
        ("plain.tflite", {}, InputFileError, "does not say what its outputs mean"),
        ("voc", {}, UsageError, "no detector that is known"),
        ("etinynet-1.0", {}, UsageError, "boxes are not to be read from etinynet-1.0"),
        ("etinynet-ssd-voc", {}, UsageError, "needs trained weights"),
        ("etinynet-ssd-no", {}, UsageError, "unknown model"),
    ],
)
def test_careless_words(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: str | None,
    options: dict[str, object],
    kind: type[TinydeployError],
    what: str,
) -> None:
    from builders import ModelBuilder

    builder = ModelBuilder(0)
    (folder / "plain.tflite").write_bytes(
        builder.finish([builder.conv(builder.input((8, 8, 4)), 6, (3, 3))])
    )
    monkeypatch.chdir(folder)
    with pytest.raises(kind, match=what):
        make_source(model, WATCH, replace(DETECTION, **options))


def test_a_detector_is_not_classified(folder: Path) -> None:
    """Without --task a checkpoint is weights."""
    with pytest.raises(UsageError, match="holds weights, not a network"):
        make_source(str(folder / "net.pt"), WATCH, SourceOptions(data=folder / "voc"))
