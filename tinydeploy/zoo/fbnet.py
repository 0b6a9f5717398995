"""FBNet-C: inverted residuals chosen layer by layer by a differentiable search.

Source: Wu et al.: FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural
Architecture Search (CVPR 2019), figure 4.

State dicts of timm's fbnetc_100 fit.
"""

from __future__ import annotations

from functools import partial

from tinydeploy.zoo.imagenet import make_entry
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published, register_model

_FIVE = (5,)

_C = (
    (Row(1, 16, 1, 1),),
    (Row(1, 24, 2, 6), Row(2, 24, 1, 1)),
    (Row(1, 32, 2, 6, _FIVE), Row(1, 32, 1, 3, _FIVE), Row(1, 32, 1, 6, _FIVE), Row(1, 32, 1, 6)),
    (Row(1, 64, 2, 6, _FIVE), Row(1, 64, 1, 3, _FIVE), Row(2, 64, 1, 6, _FIVE)),
    (Row(3, 112, 1, 6, _FIVE), Row(1, 112, 1, 3, _FIVE)),
    (Row(4, 184, 2, 6, _FIVE),),
    (Row(1, 352, 1, 6),),
)

register_model(
    make_entry(
        "fbnet_c",
        "FBNet-C",
        partial(BlockNet, "FBNet-C", _C, stem=16, head=1984),
        Published(
            5.5e6,
            383e6,
            75.2,
            "the authors' list of trained nets",
            remark="timm's definition, whose weights fit, counts as here",
        ),
    )
)
