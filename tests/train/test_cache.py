from pathlib import Path

import pytest
import torch
from torch import nn

from tinydeploy.train.cache import load_or_train, make_key


def build():
    return nn.Linear(2, 3)


def make_trained(value):
    def train():
        net = build()
        nn.init.constant_(net.weight, value)
        return net

    return train


def refuse():
    raise AssertionError("trained again")


def test_trained_once_and_kept(tmp_path):
    path = tmp_path / "new" / "folder" / "w"
    first, notes = load_or_train(path, build, make_trained(1.5))
    assert notes == ()
    second, notes = load_or_train(path, build, refuse)
    assert notes == ()
    assert not second.training
    torch.testing.assert_close(second.weight, first.weight)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        lambda data: data + b"x",
        lambda data: bytes(len(data)),
    ],
)
def test_a_damaged_file_is_noticed_and_replaced(tmp_path, damage):
    path = tmp_path / "w"
    load_or_train(path, build, make_trained(1.5))
    path.write_bytes(damage(path.read_bytes()))
    net, notes = load_or_train(path, build, make_trained(2.5))
    assert net.weight[0, 0] == 2.5
    assert "the checksum is wrong" in notes[0]
    assert str(path) in notes[0]
    net, notes = load_or_train(path, build, refuse)
    assert (net.weight[0, 0], notes) == (2.5, ())


def test_weights_of_another_network_are_replaced(tmp_path):
    path = tmp_path / "w"
    load_or_train(path, lambda: nn.Linear(5, 5), lambda: nn.Linear(5, 5))
    net, notes = load_or_train(path, build, make_trained(2.5))
    assert net.weight[0, 0] == 2.5
    assert "trained again" in notes[0]


def test_a_folder_that_cannot_be_written_is_mentioned(tmp_path):
    (tmp_path / "file").write_text("in the way")
    net, notes = load_or_train(tmp_path / "file" / "w", build, make_trained(1.5))
    assert net.weight[0, 0] == 1.5
    assert "not kept" in notes[0]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "w"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    if error is OSError:
        assert "not kept" in load_or_train(path, build, make_trained(1.5))[1][-1]
    else:
        with pytest.raises(error):
            load_or_train(path, build, make_trained(1.5))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_keys():
    assert make_key(1, "a") == make_key(1, "a")
    assert len({make_key(1, "a"), make_key(1, "b"), make_key((1, "a")), make_key()}) == 4
