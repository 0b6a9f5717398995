import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from tinydeploy.errors import TrainingError
from tinydeploy.train import classifier
from tinydeploy.train.classifier import Progress, Recipe, train_classifier

RECIPE = Recipe(
    epochs=3,
    batch_size=8,
    learning_rate=0.02,
    weight_decay=0.01,
    warmup_epochs=1,
    max_shift=0.1,
    max_rotation=5,
    max_log_scale=0.1,
    background=-1.0,
    seed=0,
)


def build():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
    )


def make_data(count=64):
    """Bright pictures are class 1, dark ones class 0."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, count)
    inputs = rng.normal(2.0 * classes[:, None, None, None] - 1, 0.5, (count, 1, 8, 8))
    return torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(classes)


def train(recipe=RECIPE, **options):
    return train_classifier(build, *make_data(), recipe, **options)


def test_it_learns_and_reports():
    seen = []
    net = train(progress=seen.append)
    inputs, classes = make_data()
    with torch.no_grad():
        assert (net(inputs).argmax(1) == classes).float().mean() > 0.95
    assert not net.training
    assert [(p.epoch, p.epochs) for p in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[-1].loss < seen[0].loss
    assert all(isinstance(p, Progress) and 0 <= p.accuracy <= 1 for p in seen)


def states_are_equal(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_seed_decides_and_nothing_else():
    torch.manual_seed(123)
    first = train()
    torch.manual_seed(456)
    assert states_are_equal(first, train())
    assert not states_are_equal(first, train(dataclasses.replace(RECIPE, seed=1)))


@pytest.mark.parametrize("interrupted", [False, True])
def test_global_settings_are_put_back(interrupted):
    def observe(progress):
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        if interrupted:
            raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        state = torch.random.get_rng_state()
        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                train(progress=observe)
        else:
            train(progress=observe)
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
        assert torch.equal(torch.random.get_rng_state(), state)
    finally:
        torch.set_num_threads(threads)


def test_divergence_is_an_error():
    with pytest.raises(TrainingError, match="not a finite number in epoch"):
        train(dataclasses.replace(RECIPE, learning_rate=1e38))


def test_too_few_inputs():
    with pytest.raises(TrainingError, match="3 training inputs do not fill a batch of 8"):
        train_classifier(build, *make_data(3), RECIPE)


def test_schedule_rises_then_falls_to_zero():
    recipe = dataclasses.replace(RECIPE, epochs=10, warmup_epochs=2)
    rates = [classifier._schedule_rate(recipe, step, 5) for step in range(50)]
    assert max(rates) <= recipe.learning_rate
    peak = rates.index(max(rates))
    assert 8 <= peak <= 10
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 * recipe.learning_rate


STILL = dataclasses.replace(RECIPE, max_shift=0, max_rotation=0, max_log_scale=0)


def test_augmentation_by_nothing_changes_nothing():
    inputs, _ = make_data(4)
    torch.testing.assert_close(classifier._augment(inputs, STILL), inputs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "change", [{"max_shift": 0.2}, {"max_rotation": 30}, {"max_log_scale": 0.5}]
)
def test_augmentation_moves_the_picture_over_the_background(change):
    torch.manual_seed(0)
    recipe = dataclasses.replace(STILL, **change)
    inputs = torch.full((200, 1, 16, 16), 3.0)
    result = classifier._augment(inputs, recipe)
    assert result.min() == pytest.approx(-1.0, abs=1e-5)
    assert result.max() == pytest.approx(3.0, abs=1e-5)
    if "max_shift" in change:
        # At most 0.2 of 16 pixels on either side, and nearly so somewhere among 200 pictures.
        uncovered = (result < 2.99).float().mean(dim=2).gt(0.5).sum(dim=2)
        assert 3 <= uncovered.max() <= 4
