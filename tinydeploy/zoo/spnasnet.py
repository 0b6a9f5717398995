"""Single-Path NAS: inverted residuals whose kernels are parts of one shared kernel in the search.

Source: Stamoulis et al.: Single-Path NAS: Designing Hardware-Efficient ConvNets in less than 4
Hours (ECML-PKDD 2019), figure 5.

State dicts of timm's spnasnet_100 fit.
"""

from __future__ import annotations

from functools import partial

from tinydeploy.zoo.imagenet import make_entry
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published, register_model

_FIVE = (5,)

_STAGES = (
    (Row(1, 16, 1, plain=True),),
    (Row(3, 24, 2, 3),),
    (Row(1, 40, 2, 6, _FIVE), Row(3, 40, 1, 3)),
    (Row(1, 80, 2, 6, _FIVE), Row(3, 80, 1, 3)),
    (Row(1, 96, 1, 6, _FIVE), Row(3, 96, 1, 3, _FIVE)),
    (Row(4, 192, 2, 6, _FIVE),),
    (Row(1, 320, 1, 6),),
)

register_model(
    make_entry(
        "spnasnet",
        "Single-Path NAS",
        partial(BlockNet, "Single-Path NAS", _STAGES, stem=32, head=1280),
        Published(4.42e6, 333.5e6, 74.96, "Stamoulis et al. 2019; counts of timm's spnasnet_100"),
    )
)
