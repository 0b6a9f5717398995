import pickle

import numpy as np
import pytest
import torch
from params_files import encode_array, encode_list
from torch import nn

from tinydeploy.errors import InputFileError
from tinydeploy.model.weights import load_weights, read_weights


def make_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def numpy_state(net):
    return {n: v.numpy() for n, v in net.state_dict().items() if "num_batches" not in n}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {name: value.double() for name, value in state.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files(tmp_path, wrap, zipped):
    source = make_net()
    path = tmp_path / "w.pt"
    torch.save(wrap(source.state_dict()), path, _use_new_zipfile_serialization=zipped)
    target = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    load_weights(target, read_weights(path), str(path))
    for name, value in source.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value)


def test_gluon_files_call_the_scale_gamma(tmp_path):
    source = make_net()
    gluon = {"1.weight": "1.gamma", "1.bias": "1.beta"}
    arrays = numpy_state(source)
    path = tmp_path / "w.params"
    path.write_bytes(
        encode_list(
            [encode_array(array) for array in arrays.values()],
            [gluon.get(name, name).encode() for name in arrays],
        )
    )
    weights = read_weights(path)
    assert list(weights) == list(arrays)
    target = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    load_weights(target, weights, str(path))
    torch.testing.assert_close(target[0].weight, source[0].weight)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_does_not_run_code(tmp_path):
    path, trace = tmp_path / "w.pt", tmp_path / "trace"
    torch.save({"a": Bomb(trace)}, path)
    with pytest.raises(InputFileError, match="not a readable torch state dict"):
        read_weights(path)
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(InputFileError, match="not a readable torch state dict"):
        read_weights(path)
    assert not trace.exists()


def saved(value, folder):
    torch.save(value, folder / "saved")
    return (folder / "saved").read_bytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: b"", "neither"),
        (lambda folder: b"TFL3 is something else", "neither"),
        (lambda folder: b"PK\x03\x04 but no zip", "not a readable"),
        (lambda folder: b"\x80\x02", "not a readable"),
        (lambda folder: saved(make_net().state_dict(), folder)[:500], "not a readable"),
        (lambda folder: saved([1, 2], folder), "holds no state dict"),
        (lambda folder: saved({}, folder), "holds no state dict"),
        (lambda folder: saved({"a": 1}, folder), "besides tensors: 'a'"),
        (lambda folder: saved({"a": torch.eye(2).to_sparse()}, folder), "not a dense tensor"),
    ],
)
def test_files_that_hold_no_weights(tmp_path, make, message):
    path = tmp_path / "w.pt"
    path.write_bytes(make(tmp_path))
    with pytest.raises(InputFileError, match=message) as caught:
        read_weights(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(InputFileError, match="no weights file"):
            read_weights(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0.weight": None}, r"1 arrays missing \(0.weight\), nothing left over"),
        ({"2.weight": np.zeros(3)}, r"nothing missing, 1 arrays left over \(2.weight\)"),
        ({"0.weight": np.zeros((2, 1, 5, 5))}, r"'0.weight' has the shape \(2, 1, 5, 5\)"),
        ({"1.bias": np.array([np.nan, 0])}, "of '1.bias' are NaN or infinite"),
        ({"1.bias": np.array([1e300, 0])}, "of '1.bias' are NaN or infinite"),
    ],
)
def test_weights_of_another_network(changes, message):
    weights = {n: v for n, v in (numpy_state(make_net()) | changes).items() if v is not None}
    net = make_net()
    with np.errstate(over="ignore"), pytest.raises(InputFileError, match=message):
        load_weights(net, weights, "some.pt")


def test_a_guess_is_passed_on():
    with pytest.raises(InputFileError, match="it seems to be a horse: 6 arrays missing"):
        load_weights(make_net(), {"x": np.zeros(1)}, "some.pt", lambda names: "a horse")
