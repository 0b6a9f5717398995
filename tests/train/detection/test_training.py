"""Targets, loss and the training loop of detectors."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tinydeploy.detection.anchors import make_anchors
from tinydeploy.detection.average_precision import loosen_spec, measure_precision
from tinydeploy.detection.boxes import decode_boxes, find_objects
from tinydeploy.detection.objects import Objects
from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.errors import TrainingError
from tinydeploy.model.run_onnx import run_outputs
from tinydeploy.paths import cache_folder
from tinydeploy.train.detection import scene_model
from tinydeploy.train.detection.loss import detection_loss, join_maps
from tinydeploy.train.detection.scene_model import RECIPE, load_scene_model
from tinydeploy.train.detection.targets import IGNORED, Matcher
from tinydeploy.train.detection.train_detector import (
    DetectorProgress,
    DetectorRecipe,
    train_detector,
)
from tinydeploy.zoo.etinynet_ssd import make_small_detector

SPEC = DetectionSpec(
    (32, 32), (AnchorSource(8, ((8.0, 8.0),)), AnchorSource(16, ((16.0, 16.0),))), ("a", "b")
)
SHORT = DetectorRecipe(
    steps=6, batch_size=4, learning_rate=3e-3, weight_decay=0.0, warmup_steps=2, seed=5
)


def show(*objects: tuple[tuple[float, float, float, float], int, bool]) -> Objects:
    boxes, classes, ignored = zip(*objects, strict=True) if objects else ((), (), ())
    return Objects(
        np.array(boxes, float).reshape(-1, 4), np.array(classes, np.int64), np.array(ignored, bool)
    )


def test_anchors_answer_for_what_they_overlap() -> None:
    # Anchor 5, of the second row and column, lies exactly there; the anchor of 16 pixels around it
    # overlaps by a quarter.
    classes, offsets = Matcher(SPEC).match([show(((8, 8, 16, 16), 1, False)), show()])
    assert classes[0].nonzero()[0].tolist() == [5]
    assert (classes[0, 5], offsets[0, 5].tolist()) == (2, [0, 0, 0, 0])
    assert not classes[1].any()


def test_offsets_lead_to_the_object() -> None:
    box = (3.0, 5, 19, 17)
    classes, offsets = Matcher(SPEC).match([show((box, 0, False))])
    found = classes[0] == 1
    anchors = make_anchors(SPEC)[found]
    decoded = decode_boxes(offsets[0, found], anchors, SPEC.box_variances, SPEC.image_size)
    assert decoded == pytest.approx(np.tile(box, (found.sum(), 1)), abs=1e-4)


def test_the_best_anchor_answers_even_where_it_overlaps_little() -> None:
    classes, _ = Matcher(SPEC).match([show(((9, 9, 12, 12), 0, False))])
    assert (classes[0] == 1).nonzero()[0].tolist() == [5]


def test_what_nearly_overlaps_and_what_is_to_be_ignored_do_not_count() -> None:
    # 8x8 anchors at the edges of an object of 8x8 that is moved by 3 pixels: 40 / 88 in common.
    classes, _ = Matcher(SPEC).match([show(((11, 8, 19, 16), 0, False))])
    assert classes[0, 5] == 1  # still the best one
    assert classes[0, 6] == 0
    classes, _ = Matcher(SPEC).match([show(((8, 8, 16, 16), 1, True))])
    assert classes[0, 5] == IGNORED
    assert set(np.delete(classes[0], 5)) == {0}


def test_the_loss_by_hand() -> None:
    """One positive, so three negatives count: the hardest."""
    logits = torch.zeros(1, 6, 2)
    logits[0, :, 1] = torch.tensor([0.0, -5.0, 2.0, 1.0, -5.0, 9.0])
    right = torch.tensor([[1, 0, 0, 0, 0, IGNORED]])
    offsets, wanted = torch.zeros(1, 6, 4), torch.zeros(1, 6, 4)
    wanted[0, 0] = torch.tensor([0.5, -2.0, 0.0, 0.0])
    wanted[0, 3] = 100.0  # a negative: its offsets mean nothing
    entropy = torch.nn.functional.softplus
    hard = entropy(torch.tensor(0.0)) + sum(entropy(torch.tensor([2.0, 1.0, -5.0])))
    smooth = 0.5 * 0.5**2 + 1.5
    assert float(detection_loss(logits, offsets, right, wanted)) == pytest.approx(
        float(hard) + smooth
    )


def test_a_batch_without_objects_has_a_loss() -> None:
    logits, offsets = torch.zeros(1, 6, 3, requires_grad=True), torch.zeros(1, 6, 4)
    loss = detection_loss(logits, offsets, torch.zeros(1, 6, dtype=torch.int64), offsets)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(3 * np.log(3))


def test_maps_are_joined_as_the_reference_joins_them() -> None:
    from tinydeploy.detection.boxes import join_outputs

    rng = np.random.default_rng(0)
    stored = [rng.normal(size=(2, *shape[1:])) for shape in SPEC.output_shapes]
    maps = tuple(torch.from_numpy(np.moveaxis(each, -1, 1).copy()) for each in stored)
    for ours, expected in zip(join_maps(maps, 2), join_outputs(SPEC, stored), strict=True):
        assert np.array_equal(ours.numpy(), expected)


def draw(count: int) -> tuple[np.ndarray, tuple[Objects, ...]]:
    inputs = np.full((count, 1, 32, 32), -1.0, np.float32)
    inputs[:, :, 8:16, 8:16] = 1
    return inputs, (show(((8, 8, 16, 16), 1, False)),) * count


def test_training_learns_and_repeats() -> None:
    losses: list[DetectorProgress] = []
    recipe = replace(SHORT, steps=40, learning_rate=2e-2)
    build = partial(make_small_detector, SPEC)
    net = train_detector(build, SPEC, lambda seed: draw, recipe, losses.append)
    assert [progress.step for progress in losses] == list(range(1, 41))
    assert losses[-1].loss < 0.3 * losses[0].loss
    assert not net.training
    short = [train_detector(build, SPEC, lambda seed: draw, SHORT).state_dict() for _ in range(2)]
    assert all(torch.equal(short[0][name], short[1][name]) for name in short[0])


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    def draw_nothing(count: int) -> tuple[np.ndarray, tuple[Objects, ...]]:
        inputs, scenes = draw(count)
        return inputs * np.nan, scenes

    with pytest.raises(TrainingError, match="not a finite number in step 1"):
        train_detector(partial(make_small_detector, SPEC), SPEC, lambda seed: draw_nothing, SHORT)


def test_the_default_is_trained_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    monkeypatch.setattr(scene_model, "TEST_SCENES", 3)
    monkeypatch.setattr(scene_model, "CALIBRATION_SCENES", 4)
    steps: list[DetectorProgress] = []
    recipe = replace(RECIPE, steps=1, batch_size=2)
    first = load_scene_model(steps.append, recipe=recipe)
    assert len(steps) == 1
    assert len(list(cache_folder().glob("etinynet-ssd-digits-*.weights"))) == 1
    again = load_scene_model(steps.append, recipe=recipe)
    assert len(steps) == 1
    assert again.onnx == first.onnx
    load_scene_model(steps.append, recipe=replace(recipe, seed=1))
    assert len(steps) == 2
    assert first.detection is not None
    assert first.scenes is not None
    outputs = run_outputs(first.onnx, first.scenes.inputs)
    shapes = [(1, *output.shape[2:], output.shape[1]) for output in outputs]
    assert tuple(shapes) == first.detection.output_shapes


@pytest.mark.slow
def test_the_default_finds_the_digits() -> None:
    """The whole recipe: minutes."""
    pytest.importorskip("pycocotools")
    model = load_scene_model(cache=False)
    assert model.scenes is not None
    assert model.detection is not None
    spec = loosen_spec(model.detection)
    maps = run_outputs(model.onnx, model.scenes.inputs)
    found = find_objects(spec, [np.moveaxis(each, 1, -1) for each in maps])
    precision = measure_precision(spec, found, model.scenes.objects)
    assert (precision.images, precision.objects) == (300, 758)
    assert precision.at_half >= 0.92
