"""EfficientNet-B0, and lite0 without squeeze-and-excite and swish, for integer kernels.

Source: Tan, Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML
2019), table 1; the lite variants are those of the authors' code.

State dicts of timm's efficientnet_b0 and efficientnet_lite0 fit.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from tinydeploy.zoo.imagenet import make_entry
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published, register_model

_FIVE = (5,)

_B0 = (
    (Row(1, 16, 1, excite=0.25, plain=True),),
    (Row(2, 24, 2, 6, excite=0.25),),
    (Row(2, 40, 2, 6, _FIVE, 0.25),),
    (Row(3, 80, 2, 6, excite=0.25),),
    (Row(3, 112, 1, 6, _FIVE, 0.25),),
    (Row(4, 192, 2, 6, _FIVE, 0.25),),
    (Row(1, 320, 1, 6, excite=0.25),),
)
_LITE0 = tuple(tuple(replace(row, excite=0) for row in rows) for rows in _B0)

register_model(
    make_entry(
        "efficientnet_b0",
        "EfficientNet-B0",
        partial(BlockNet, "EfficientNet-B0", _B0, stem=32, head=1280, activation=nn.SiLU),
        Published(
            5.3e6, 390e6, 76.3, "Tan and Le 2019, table 2", remark="the paper rounds to 0.39 G MACs"
        ),
    )
)
register_model(
    make_entry(
        "efficientnet_lite0",
        "EfficientNet-lite0",
        partial(BlockNet, "EfficientNet-lite0", _LITE0, stem=32, head=1280, activation=nn.ReLU6),
        Published(4.65e6, 385.2e6, 75.1, "the authors' top-1; counts of timm's efficientnet_lite0"),
    )
)
