import numpy as np
import pytest
import torch
from torch import nn

from tinydeploy.errors import InternalError
from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.model.run_onnx import run_onnx

SHAPE = (1, 2, 6, 7)


def make_net():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def make_inputs(count):
    return np.random.default_rng(0).normal(size=(count, *SHAPE[1:])).astype(np.float32)


def test_the_same_network_gives_the_same_bytes():
    assert export_onnx(make_net(), SHAPE) == export_onnx(make_net(), SHAPE)


def test_batches_of_any_size_agree_with_torch():
    net = make_net()
    onnx = export_onnx(net, SHAPE)
    assert net.training  # as it was
    assert check_onnx(net, onnx, make_inputs(5)) < 1e-5
    assert net.training
    outputs = run_onnx(onnx, make_inputs(7), batch_size=3)
    assert outputs.shape == (7, 4)
    np.testing.assert_allclose(outputs[2:3], run_onnx(onnx, make_inputs(7)[2:3]), rtol=1e-5)


class Cropped(nn.Module):
    """TorchScript's exporter loses the sizes of what is sliced while the batch is free."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d((2, 1))

    def forward(self, x):
        return self.pool(x[:, :, :, 1:-2]).flatten(1)


def test_what_one_exporter_cannot_the_other_does(capsys):
    onnx = export_onnx(Cropped(), SHAPE)
    assert capsys.readouterr().out == ""
    assert check_onnx(Cropped(), onnx, make_inputs(3)) < 1e-5


def test_what_no_exporter_can_is_told_as_the_first_tells_it(capsys):
    class Sorted(nn.Module):
        def forward(self, x):
            return torch.linalg.svdvals(x[:, 0])

    with pytest.raises(Exception, match="svd"):
        export_onnx(Sorted(), SHAPE)
    assert capsys.readouterr().out == ""


def test_a_difference_is_noticed():
    net = make_net()
    onnx = export_onnx(net, SHAPE)
    with torch.no_grad():
        net[0].bias += 0.01
    with pytest.raises(InternalError, match="differs from torch"):
        check_onnx(net, onnx, make_inputs(4))
    with torch.no_grad():
        net[0].bias *= torch.nan
    with pytest.raises(InternalError, match="differs from torch"):
        check_onnx(net, onnx, make_inputs(4))
