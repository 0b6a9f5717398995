import pytest
from torch import nn

from tinydeploy.model.count import Counts, count_model


@pytest.mark.parametrize(
    ("net", "shape", "counts"),
    [
        # 3x3 kernels of 2 inputs, 5 filters: 90 weights, used at 4x4 places
        (nn.Conv2d(2, 5, 3, 2, 1), (1, 2, 8, 8), Counts(95, 95, 90 * 16, 90 * 16)),
        (nn.Conv2d(4, 4, 3, groups=4, bias=False), (1, 4, 3, 3), Counts(36, 36, 36, 36)),
        (nn.BatchNorm2d(3), (1, 3, 4, 5), Counts(6, 12, 0, 60)),
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 7)), (1, 3, 2, 2), Counts(91, 91, 84, 84)),
        (nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), (1, 3, 4, 4), Counts(0, 0, 0, 0)),
    ],
)
def test_counts(net, shape, counts):
    assert count_model(net, shape) == counts
    assert all(not parameter.is_meta for parameter in net.parameters())
