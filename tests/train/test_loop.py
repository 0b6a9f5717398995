import csv
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from pictures import write_array

from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.train.settings import Settings
from tinydeploy.train.train_net import TrainRequest, train_net

ROOT = Path(__file__).resolve().parents[2]
STEPS = 12


def request(data, method="fixmatch", **changes):
    settings = {"steps": STEPS, "batch": 4, "evaluations": 4} | changes
    return TrainRequest(
        method,
        "plain_cnn",
        str(data),
        size=8,
        gray=True,
        labels_per_class=8,
        changes=settings,
        save_seconds=0,
    )


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_loop import request
from tinydeploy.train.train_net import train_net

def watch(progress):
    if progress.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)

train_net(request(sys.argv[2]), Path(sys.argv[3]), watch)
"""


def run_python(code, *arguments, **environment):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "train")])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "tests" / "train"), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_and_resumed_ends_in_the_same_weights(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    whole = train_net(request(data), tmp_path / "whole")
    assert run_python(KILLED, data, tmp_path / "killed").wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.pt").exists()
    steps = []
    resumed = train_net(request(data), tmp_path / "killed", lambda p: steps.append(p.step))
    # What step 8 did was not saved: the state behind step 7 was the last.
    assert steps == [8, 9, 10, 11, 12]
    for name, values in whole.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[name], values), name
    logs = [(tmp_path / run / "log.csv").read_text() for run in ("whole", "killed")]
    assert logs[0] == logs[1]
    again = train_net(request(data), tmp_path / "killed", lambda p: steps.append(p.step))
    assert len(steps) == 5
    assert again.scores == whole.scores


def test_what_a_run_leaves(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    trained = train_net(request(data), tmp_path / "run")
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["3", "6", "9", "12"]
    assert float(rows[-1]["accuracy"]) == pytest.approx(trained.scores.accuracy / 100)
    picture = ElementTree.parse(tmp_path / "run" / "curves.svg").getroot()
    assert len(picture.findall("{*}polyline")) == 2
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["request"]["method"] == "fixmatch"
    assert report["labelled"] == 24
    assert not list(tmp_path.rglob(".*"))


def test_the_folder_of_another_run_is_refused(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    train_net(request(data, steps=1), tmp_path / "run")
    with pytest.raises(UsageError, match="another --steps or other settings"):
        train_net(request(data, steps=2), tmp_path / "run")


def test_a_damaged_state_is_told(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    train_net(request(data, steps=1), tmp_path / "run")
    state = tmp_path / "run" / "stages" / "net.state"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(InputFileError, match="cannot go on from"):
        train_net(request(data, steps=1), tmp_path / "run")


def test_early_stopping_takes_the_best_net(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    # A rate this great ruins what was learned; the best net comes early.
    changes = {"steps": 60, "patience": 2, "evaluations": 20, "learning_rate": 0.5, "ema": 0.0}
    trained = train_net(request(data, "supervised", **changes), tmp_path / "run")
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    best = max(float(row["accuracy"]) for row in rows)
    assert len(rows) < 20
    assert trained.scores.accuracy == pytest.approx(100 * best)


def test_mixed_precision_trains(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    trained = train_net(request(data, "supervised", precision="bfloat16", steps=3))
    plain = train_net(request(data, "supervised", steps=3))
    first, second = (next(net.parameters()) for net in (trained.net, plain.net))
    assert first.dtype == torch.float32
    assert not torch.equal(first, second)
    torch.testing.assert_close(first, second, atol=0.02, rtol=0)


def test_schedules():
    cosine = Settings(steps=100, learning_rate=1.0, warmup=10)
    assert cosine.rate(0) == pytest.approx(0.1)
    assert cosine.rate(50) == pytest.approx(0.5)
    assert cosine.rate(99) < 0.001
    cycle = Settings(steps=100, learning_rate=1.0, schedule="one-cycle")
    assert cycle.rate(0) == pytest.approx(1 / 25)
    assert cycle.rate(25) == pytest.approx(1.0)
    assert max(cycle.rate(step) for step in range(100)) == cycle.rate(25)
    assert cycle.rate(99) < 0.001


TOGETHER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import torch
from test_loop import request, step_gradients
from tinydeploy.train.distributed import is_first, process_group
from tinydeploy.train.train_net import train_net

torch.set_num_threads(1)
with process_group():
    gradients = step_gradients()
    if is_first():
        torch.save(gradients, sys.argv[3] + "/gradients.pt")
    trained = train_net(request(sys.argv[2]), Path(sys.argv[3]) / "run")
"""


def step_gradients():
    """Gradients of one batch of 7, which two processes cannot share evenly."""
    from tinydeploy.train.distributed import add_gradients, run_parts, share_batch_norm
    from tinydeploy.train.nets import build_net

    torch.manual_seed(0)
    net = build_net("etinynet-0.5-2220", 3, 1, (32, 32))
    share_batch_norm(net)
    scores = run_parts(net, torch.rand(7, 1, 32, 32))
    torch.nn.functional.cross_entropy(scores, torch.arange(7) % 3).backward()
    add_gradients(net)
    buffers = {name: value for name, value in net.named_buffers() if "tracked" not in name}
    return {name: p.grad for name, p in net.named_parameters()} | buffers


def test_two_processes_train_as_one(tmp_path):
    data = write_array(tmp_path / "bars.npz")
    alone = train_net(request(data), tmp_path / "alone")
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29531", "WORLD_SIZE": "2"}
    processes = [run_python(TOGETHER, data, tmp_path, RANK=str(rank), **place) for rank in range(2)]
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    together = torch.load(tmp_path / "gradients.pt", weights_only=True)
    for name, values in step_gradients().items():
        torch.testing.assert_close(together[name], values, atol=1e-5, rtol=1e-3, msg=name)
    found = torch.load(tmp_path / "run" / "model.pt", weights_only=True)["weights"]
    for name, values in alone.net.state_dict().items():
        torch.testing.assert_close(found[name], values, atol=1e-3, rtol=1e-3, msg=name)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["scores"]["accuracy"] == pytest.approx(alone.scores.accuracy, abs=0.01)
