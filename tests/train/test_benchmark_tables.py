import pytest

from tinydeploy.train.benchmark.campaign import Result
from tinydeploy.train.benchmark.plot import draw_results
from tinydeploy.train.benchmark.tables import write_csv, write_markdown
from tinydeploy.train.metrics import Scores
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


def test_one_row_per_run():
    rows = write_csv(RESULTS).splitlines()
    assert rows[1] == "a,,net1,supervised,0,0,61.000,62.000,63.000,60.000,1.0,"
    assert rows[7] == "b,,net1,mixmatch,0,0,,,,,1.0,went wrong"


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_picture(count):
    picture = draw_results(RESULTS[:count])
    assert picture.count("<circle") == sum(r.scores is not None for r in RESULTS[:count])
