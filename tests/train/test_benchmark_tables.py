from dataclasses import replace

import pytest

from tinydeploy.train.benchmark.campaign import Deployment, Result, run_campaign
from tinydeploy.train.benchmark.plot import draw_results
from tinydeploy.train.benchmark.tables import write_accuracies, write_csv, write_markdown
from tinydeploy.train.metrics import PseudoLabelCounts, Scores
from tinydeploy.train.train_net import TrainRequest


def result(data, net, method, f1, seed=0, error=""):
    scores = None if error else Scores(f1 + 1, f1 + 2, f1 + 3, f1)
    return Result(TrainRequest(method, net, data, seed=seed), scores, 1.0, error)


RESULTS = [
    result("a", "net1", "supervised", 60.0),
    result("a", "net1", "supervised", 70.0, seed=1),
    result("a", "net1", "mixmatch", 80.0),
    result("a", "net1", "mixmatch", 90.0, seed=1),
    result("b", "net1", "supervised", 40.0),
    result("b", "net1", "supervised", 50.0, seed=1),
    result("b", "net1", "mixmatch", 10.0, error="went wrong"),
    result("b", "net1", "mixmatch", 70.0, seed=1),
]


def test_means_and_population_deviations():
    text = write_markdown(RESULTS)
    assert "**Macro F1, %: a**" in text
    assert "| net1 | 65.0 (5.0) | **85.0 (5.0)** |" in text
    # Over data sets: (65 + 45) / 2, and the population deviation of both.
    assert "| net1 | 65.0 (5.0) | 45.0 (5.0) | 55.0(10.0) |" in text
    # A seed that failed takes the mean away rather than be left out in silence.
    assert "| net1 | 85.0 (5.0) | failed (1 of 2) | - |" in text
    assert "* b, net1, mixmatch, seed 0: went wrong" in text
    assert "61.0, 71.0" in text


def test_accuracies_alone():
    text = write_accuracies(RESULTS)
    assert "| Data | Network | Base | MixMatch |" in text
    assert "| a | net1 | 66.0 (5.0) | 86.0 (5.0) |" in text
    assert "| b | net1 | 46.0 (5.0) | failed (1 of 2) |" in text
    assert "| a, net1 | Base | 61.0, 71.0 |" in text
    assert "recall" not in text


def test_one_row_per_run():
    rows = write_csv(RESULTS).splitlines()
    assert rows[1] == "a,,net1,supervised,0,0,61.000,62.000,63.000,60.000,1.0,"
    assert rows[7] == "b,,net1,mixmatch,0,0,,,,,1.0,went wrong"


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_picture(count):
    picture = draw_results(RESULTS[:count])
    assert picture.count("<circle") == sum(r.scores is not None for r in RESULTS[:count])


def test_nets_on_a_board():
    built = Deployment("stm32h743", 91.25, 91.0, 8944, 41656, 638054, 1.2633)
    text = write_markdown([replace(RESULTS[0], deployment=built), *RESULTS[1:]])
    row = "| a | net1 | Base | 60.0 | 91.25 | 91.00 | 8,944 | 41,656 | 638,054 | 1.26 |"
    assert row in text
    assert "As firmware" not in write_markdown(RESULTS)


def test_labels_that_the_teachers_gave():
    given = [
        replace(result("a", "net1", "plain", 80.0, seed), pseudo_labels=PseudoLabelCounts(*counts))
        for seed, counts in enumerate([(100, 80, 40, 38), (100, 60, 10, 10)])
    ]
    assert "| a | net1 | PD | 70.0 | 96.0 |" in write_markdown([*RESULTS, *given])
    assert "without labels" not in write_markdown(RESULTS)


def test_only_the_first_seed_is_deployed_and_only_once(tmp_path):
    requests = [
        TrainRequest("supervised", "plain_cnn", "faces", size=8, seed=seed, changes={"steps": 1})
        for seed in (3, 4)
    ]
    seen = []

    def deploy(checkpoint):
        seen.append(checkpoint)
        assert checkpoint.is_file()
        return Deployment("b", 50.0, 50.0, 1, 2, 3, None)

    plain = run_campaign(requests, tmp_path)
    assert [result.deployment for result in plain] == [None, None]
    for _ in range(2):
        results = run_campaign(requests, tmp_path, deploy=deploy)
        assert len(seen) == 1
        assert results[0].deployment == Deployment("b", 50.0, 50.0, 1, 2, 3, None)
        assert results[1].deployment is None
        assert [r.scores for r in results] == [r.scores for r in plain]
