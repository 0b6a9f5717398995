"""Highway networks: fully-connected layers that a gate mixes with what goes around them.

Source: Srivastava, Greff, Schmidhuber: Highway Networks (2015), section 3.1: the nets for MNIST
that show that depth does no harm, of 10, 20, 50 and 100 layers of 50 units. The first one is plain,
so that ten layers have nine with gates.

    first  fully connected 50 -> ReLU
    layer  T = sigmoid(W' x + b');  ReLU(W x + b) * T + x * (1 - T)
    head   fully connected
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from tinydeploy.errors import UsageError
from tinydeploy.zoo.registry import ModelEntry, register_model

DEPTHS = (10, 20, 50, 100)
INPUT_SHAPE = (1, 1, 28, 28)
CLASSES = 10
_UNITS = 50
# Gates that begin almost closed let gradients through.
_GATE_BIAS = -2.0


class HighwayLayer(nn.Module):
    """One layer.

    Args:
        units: Values in and out.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.transform = nn.Linear(units, units)
        self.gate = nn.Linear(units, units)
        nn.init.constant_(self.gate.bias, _GATE_BIAS)

    def forward(self, x: Tensor) -> Tensor:
        """[n, units], in and out."""
        gate = torch.sigmoid(self.gate(x))
        return torch.relu(self.transform(x)) * gate + x * (1 - gate)


class Highway(nn.Module):
    """The classifier; logits come out.

    Args:
        depth: Layers before the head.
        classes: Outputs.
        values: Of an input, all of them together.

    Raises:
        UsageError: Fewer than one layer, class or value.
    """

    def __init__(
        self, depth: int, *, classes: int = CLASSES, values: int = INPUT_SHAPE[2] * INPUT_SHAPE[3]
    ) -> None:
        super().__init__()
        if min(depth, classes, values) < 1:
            raise UsageError(
                f"a highway network of {depth} layers with {classes} classes for {values} values "
                "is not possible",
                "Each of them must be positive.",
            )
        first = (nn.Linear(values, _UNITS), nn.ReLU())
        layers = (HighwayLayer(_UNITS) for _ in range(depth - 1))
        self.layers = nn.Sequential(*first, *layers, nn.Linear(_UNITS, classes))

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] -> logits [n, classes]."""
        logits: Tensor = self.layers(x.flatten(1))
        return logits


for _depth in DEPTHS:
    register_model(
        ModelEntry(
            name=f"highway-{_depth}",
            title=f"A highway network of {_depth} layers, for digits of 28x28",
            published=None,
            input_shape=INPUT_SHAPE,
            classes=CLASSES,
            preprocessing=None,
            build=partial(Highway, _depth),
        )
    )
