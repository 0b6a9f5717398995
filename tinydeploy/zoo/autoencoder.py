"""The autoencoder of MLPerf Tiny, which hears whether a machine sounds as it always did.

Source: Banbury et al.: MLPerf Tiny Benchmark (2021), anomaly detection: five frames of 128 mel
energies in, the same out; the mean squared error between them is the anomaly's score.

    4 x fully connected 128 -> BN -> ReLU | 8 -> BN -> ReLU | 4 x 128 -> BN -> ReLU | 640

Its published 270 K parameters count BN's running statistics.
"""

from __future__ import annotations

from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.zoo.registry import ModelEntry, Published, register_model

INPUT_SHAPE = (1, 1, 5, 128)
_WIDE, _NARROW, _LAYERS = 128, 8, 4


class Autoencoder(nn.Module):
    """The net.

    Args:
        values: Of an input, all of them together.
        width: Factor of the layers between, rounded down.

    Raises:
        UsageError: Fewer than one value in, or between.
    """

    def __init__(self, values: int = INPUT_SHAPE[2] * INPUT_SHAPE[3], width: float = 1.0) -> None:
        super().__init__()
        sizes = [int(size * width) for size in [_WIDE] * _LAYERS + [_NARROW] + [_WIDE] * _LAYERS]
        if min(values, *sizes) < 1:
            raise UsageError(
                f"an autoencoder of width {width:g} for {values} values is not possible",
                f"It needs a value, and a width of {1 / _NARROW} or more.",
            )
        layers: list[nn.Module] = []
        channels = values
        for size in sizes:
            layers += [nn.Linear(channels, size), nn.BatchNorm1d(size), nn.ReLU()]
            channels = size
        self.layers = nn.Sequential(*layers, nn.Linear(channels, values))

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] -> [n, c * h * w]."""
        y: Tensor = self.layers(x.flatten(1))
        return y


register_model(
    ModelEntry(
        name="autoencoder",
        title="The autoencoder of MLPerf Tiny, for sounds as 5 frames of 128 mel energies",
        published=Published(
            269_992,
            264_192,
            None,
            "MLPerf Tiny's reference; AUC 0.85 required",
            remark="269,992 parameters with BN's statistics, MACs without BN",
        ),
        input_shape=INPUT_SHAPE,
        classes=0,
        preprocessing=None,
        build=Autoencoder,
    )
)
