import dataclasses
import json

import numpy as np
import pytest
import torch
from pictures import make_pictures

from tinydeploy.errors import TrainingError, UsageError
from tinydeploy.train import api
from tinydeploy.train.checkpoint import read_checkpoint
from tinydeploy.train.methods import mixmatch
from tinydeploy.train.methods.fixmatch import FixMatchLoss
from tinydeploy.train.methods.job import Job
from tinydeploy.train.methods.self_training import PseudoLabels, count, vote
from tinydeploy.train.methods.table import METHODS
from tinydeploy.train.metrics import measure_scores
from tinydeploy.train.train_net import TrainRequest, train_net
from tinydeploy.zoo.registry import find_model


@pytest.fixture
def bars(tmp_path):
    """27 labelled bars, 60 without a label, 30 to validate with."""
    pixels, classes = make_pictures(27)
    more, _ = make_pictures(60, seed=1)
    valid, right = make_pictures(30, seed=2)
    path = tmp_path / "bars.npz"
    np.savez(path, x=pixels, y=classes, x_unlabelled=more, x_valid=valid, y_valid=right)
    return str(path)


def request(bars, method, **changes):
    settings = {"steps": 40, "batch": 8, "learning_rate": 0.01, "warmup": 2, "ema": 0.8}
    if method == "fixmatch":
        settings["learning_rate"] = 0.05
    made = TrainRequest(
        method,
        "plain_cnn",
        bars,
        size=8,
        gray=True,
        weak="shift",
        strong="affine",
        changes=settings,
    )
    return dataclasses.replace(made, **changes)


# What the others do, model-data does too.
SLOW = ("data", "model")
# It goes on from a trained net: test_quantization_aware.
ANEW = [name for name in METHODS if name != "qat"]
CASES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in ANEW]


@pytest.mark.parametrize("method", CASES)
def test_every_method_learns_bars(bars, method):
    teachers = {"knowledge": ("plain_cnn",), "model-data": ("plain_cnn",) * 2}.get(method, ())
    trained = train_net(
        request(bars, method, teachers=teachers, confidence=0.5, views=("gamma", "blur"))
    )
    assert trained.scores.accuracy >= 90
    assert (trained.labelled, trained.unlabelled) == (27, 60)
    assert not trained.net.training


def test_the_same_request_gives_the_same_weights_and_another_seed_others(bars):
    short = {"changes": {"steps": 3, "batch": 4}}
    nets = [
        train_net(request(bars, "mixmatch", seed=seed, **short)).net.state_dict()
        for seed in (0, 0, 1)
    ]
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])
    assert any(not torch.equal(nets[0][name], nets[2][name]) for name in nets[0])


def test_a_report_tells_how_many_labels_were_given_and_were_right(bars, tmp_path):
    # 33 pictures of bars lose their label; 60 never had one.
    more, right = make_pictures(60, seed=1)
    pixels, classes = make_pictures(60)
    np.savez(
        tmp_path / "x.npz", x=pixels, y=classes, x_unlabelled=more, x_valid=more, y_valid=right
    )
    wanted = request(str(tmp_path / "x.npz"), "plain", labels_per_class=9, confidence=0.5)
    found = train_net(wanted, tmp_path / "run").pseudo_labels
    assert found.pictures == 93
    assert 80 <= found.accepted <= 93
    assert 25 <= found.known <= 33
    assert 0.9 * found.known <= found.right <= found.known
    facts = json.loads((tmp_path / "run" / "report.json").read_text())
    assert facts["pseudo_labels"] == found._asdict()
    assert train_net(wanted, tmp_path / "run").pseudo_labels == found  # nothing is trained again
    done = train_net(request(bars, "plain", confidence=0.1, changes={"steps": 2, "batch": 4}))
    assert done.pseudo_labels.known == 0


def test_labels_are_counted():
    said = PseudoLabels(torch.tensor([0, 1, 2, 1]), torch.tensor([True, True, True, False]))
    counts = count(said, np.array([0, 2, -1, 1]))
    assert counts == (4, 3, 2, 1)
    assert str(counts) == (
        "3 of 4 pictures got a label; 50.0 % of the 2 that had one the right one"
    )
    assert str(count(said, None)) == "3 of 4 pictures got a label"


@pytest.mark.parametrize("method", ["plain", "data", "model", "model-data", "fixmatch", "mixmatch"])
def test_methods_for_unlabelled_pictures_need_some(tmp_path, method):
    pixels, classes = make_pictures(24)
    np.savez(tmp_path / "x.npz", x=pixels, y=classes)
    with pytest.raises(TrainingError, match="needs pictures without labels"):
        train_net(request(str(tmp_path / "x.npz"), method))


def test_a_threshold_that_nothing_reaches(bars):
    with pytest.raises(TrainingError, match=r"above 0\.99"):
        train_net(request(bars, "plain", confidence=0.99, changes={"steps": 2, "batch": 4}))


def test_what_is_advised_where_nothing_is_labelled_works(bars, tmp_path):
    few = {"steps": 2, "batch": 4}
    with pytest.raises(TrainingError) as told:
        train_net(request(bars, "plain", confidence=0.99, changes=few), tmp_path / "one")
    assert "another folder with -o" in str(told.value.hint)
    lower = request(bars, "plain", confidence=0.1, changes=few)
    with pytest.raises(UsageError, match="holds a run with another confidence"):
        train_net(lower, tmp_path / "one")
    assert train_net(lower, tmp_path / "two").checkpoint.is_file()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "magic"}, "no method"),
        ({"model": "nonet"}, "unknown model"),
        ({"confidence": 1.0}, "confidence of 1"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"augmentation": "wild"}, "no augmentation"),
        ({"strong": "wild", "method": "mixmatch"}, "no augmentation"),
        ({"changes": {"steps": 0}}, "steps 0"),
        ({"method": "knowledge"}, "needs a teacher"),
        ({"method": "data", "views": ("wild",)}, "no view"),
    ],
)
def test_what_makes_no_sense(bars, changes, words):
    with pytest.raises(UsageError, match=words):
        train_net(request(bars, changes.pop("method", "supervised"), **changes))


def test_weights_to_start_from(bars, tmp_path):
    source = find_model("plain_cnn").build()
    torch.save(source.state_dict(), tmp_path / "w.pt")
    changes = {"steps": 1, "batch": 4, "learning_rate": 1e-9}
    for gray in (True, False):
        wanted = request(bars, "supervised", weights=tmp_path / "w.pt", gray=gray, changes=changes)
        net = train_net(wanted, tmp_path / str(gray)).net
        torch.testing.assert_close(net.features[1][0].weight, source.features[1][0].weight)
    colour = read_checkpoint(tmp_path / "False" / "model.pt").preprocessing
    assert colour == find_model("plain_cnn").preprocessing
    assert read_checkpoint(tmp_path / "True" / "model.pt").preprocessing.color == "gray"


def test_a_rate_that_is_too_great(bars):
    with pytest.raises(TrainingError, match="not a finite number"):
        train_net(
            request(
                bars, "supervised", changes={"steps": 30, "learning_rate": 1e30, "optimizer": "sgd"}
            )
        )


class Says(torch.nn.Module):
    """A net that always gives the same scores."""

    def __init__(self, scores):
        super().__init__()
        self.scores = torch.tensor(scores)

    def forward(self, x):
        return self.scores.repeat(len(x), 1)


def test_a_vote_is_the_mean_of_probabilities_over_nets_and_views():
    class Setup:
        preprocessing = type("P", (), {"mean": (0.0,), "std": (255.0,)})
        device = "cpu"

    nets = [Says([2.0, 0.0]), Says([0.0, 1.0])]
    made = vote(nets, [lambda x: x, lambda x: 1 - x], torch.rand(3, 1, 4, 4), Setup)
    expected = (torch.tensor([2.0, 0.0]).softmax(0) + torch.tensor([0.0, 1.0]).softmax(0)) / 2
    torch.testing.assert_close(made, expected.repeat(3, 1))


def test_mix_up_keeps_at_least_half_of_each():
    torch.manual_seed(0)
    x, targets = torch.eye(8).view(8, 1, 8, 1), torch.eye(8)
    mixed, mixed_targets = mixmatch.mix_up(x, targets)
    torch.testing.assert_close(mixed.view(8, 8), mixed_targets)
    assert (mixed_targets.diagonal() >= 0.5).all()
    torch.testing.assert_close(mixed_targets.sum(1), torch.ones(8))


def test_alignment_makes_the_mean_that_of_the_labels(bars):
    from tinydeploy.train.data.load import load_training_data

    data = load_training_data(bars, size=8, gray=True)
    loss = FixMatchLoss(Job(data, lambda: None, None), 4)
    unfair = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    for _ in range(200):
        aligned = loss._align(unfair)
    torch.testing.assert_close(loss.mean, unfair.mean(0), atol=1e-3, rtol=0)
    torch.testing.assert_close(aligned.mean(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)


def test_scores_are_macro_averages():
    scores = measure_scores(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    assert scores.accuracy == 75
    assert scores.precision == pytest.approx(100 * (2 / 3 + 1) / 2)
    assert scores.recall == 75
    assert scores.f1 == pytest.approx(100 * (0.8 + 2 / 3) / 2)


def test_functions_as_in_compact_distillation(bars, tmp_path):
    options = {"size": 8, "gray": True, "changes": {"steps": 2, "batch": 4}}
    done = api.plainDistillation(
        "plain_cnn", "plain_cnn", bars, None, str(tmp_path / "a"), 0.1, **options
    )
    assert done.checkpoint.is_file()
    done = api.modelDataDistillation(
        ["plain_cnn", "resnet_8"],
        "plain_cnn",
        ["H Flip"],
        bars,
        None,
        str(tmp_path / "b"),
        0.1,
        **options,
    )
    stages = {file.name for file in (tmp_path / "b" / "stages").iterdir()}
    assert stages == {"teacher-1.state", "teacher-2.state", "net.state", "request.json"}
    assert api.FixMatch is api.fixmatch
    assert api.dataDistillation is api.data_distillation
