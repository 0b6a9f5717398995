"""The built-in detector: a small EtinyNet-SSD trained on scenes of scikit-learn's digits."""

from __future__ import annotations

import inspect
import platform
from collections.abc import Callable
from functools import partial

import torch

from tinydeploy.detection import anchors, boxes
from tinydeploy.model.float_model import FloatModel, LabeledScenes
from tinydeploy.paths import cache_folder
from tinydeploy.train.cache import load_or_train, make_key
from tinydeploy.train.detection import digit_scenes, loss, targets, train_detector
from tinydeploy.train.detection.detection_data import DetectionData
from tinydeploy.train.detection.detection_model import make_detection_model
from tinydeploy.train.detection.digit_scenes import LABELS, DigitScenes
from tinydeploy.train.detection.train_detector import DetectorProgress, DetectorRecipe
from tinydeploy.zoo import etinynet, etinynet_ssd
from tinydeploy.zoo.etinynet_ssd import SCENES, make_scene_spec, make_small_detector

NAME = "etinynet-ssd-digits"
RECIPE = DetectorRecipe(
    steps=4000,
    batch_size=32,
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_steps=100,
    seed=0,
)
CALIBRATION_SCENES = 256
TEST_SCENES = 300
_CALIBRATION_SEED, _TEST_SEED = 1, 777


def load_scene_data() -> DetectionData:
    """Scenes of digits, always the same to calibrate and to test with."""
    return DetectionData(
        name="digits",
        spec=make_scene_spec(LABELS),
        preprocessing=SCENES,
        make_draw=lambda seed: DigitScenes("train", seed).draw,
        calibration=DigitScenes("train", _CALIBRATION_SEED).draw(CALIBRATION_SCENES)[0],
        test=LabeledScenes(*DigitScenes("test", _TEST_SEED).draw(TEST_SCENES)),
    )


def load_scene_model(
    progress: Callable[[DetectorProgress], None] | None = None,
    cache: bool = True,
    recipe: DetectorRecipe | None = None,
) -> FloatModel:
    """The trained detector of digits; training takes some minutes, once.

    Args:
        progress: Called a hundred times or so in training.
        cache: Keep the weights under `paths.cache_folder()` and use those kept there.
        recipe: How to train; RECIPE where it is None.

    Returns:
        The model, calibrated on training scenes, with the test scenes.
    """
    data = load_scene_data()
    recipe = recipe or RECIPE
    build = partial(make_small_detector, data.spec)
    train = partial(
        train_detector.train_detector,
        build,
        data.spec,
        data.make_draw,
        recipe,
        progress,
    )
    if not cache:
        return make_detection_model(NAME, train(), data)
    path = cache_folder() / f"{NAME}-{_make_key(data, recipe)}.weights"
    net, notes = load_or_train(path, build, train)
    return make_detection_model(NAME, net, data, notes)


def _make_key(data: DetectionData, recipe: DetectorRecipe) -> str:
    """The key of trained weights: scenes, recipe, definitions, torch and kind of processor."""
    modules = (
        anchors, boxes, digit_scenes, etinynet, etinynet_ssd, loss, targets, train_detector,
    )  # fmt: skip
    sources = [inspect.getsource(module) for module in modules]
    processor = (platform.machine(), torch.backends.cpu.get_cpu_capability())
    return make_key(data.spec.to_json(), recipe, sources, torch.__version__, processor)
