"""MixNet S, M and L: inverted residuals whose depthwise channels share kernels from 3x3 to 11x11.

Source: Tan, Le: MixConv: Mixed Depthwise Convolutional Kernels (BMVC 2019), figure 5, and the
authors' code for the parts of the pointwise convolutions.

State dicts of timm's mixnet_s, mixnet_m and mixnet_l fit.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from tinydeploy.zoo.imagenet import make_entry
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published, register_model

_35, _357, _3579 = (3, 5), (3, 5, 7), (3, 5, 7, 9)
_SWISH = nn.SiLU

_S = (
    (Row(1, 16, 1, plain=True),),
    (Row(1, 24, 2, 6, split_expand=2, split_project=2), Row(1, 24, 1, 3, (3,), 0, 2, 2)),
    (
        Row(1, 40, 2, 6, _357, 0.5, activation=_SWISH),
        Row(3, 40, 1, 6, _35, 0.5, 2, 2, _SWISH),
    ),
    (
        Row(1, 80, 2, 6, _357, 0.25, 1, 2, _SWISH),
        Row(2, 80, 1, 6, _35, 0.25, 1, 2, _SWISH),
    ),
    (
        Row(1, 120, 1, 6, _357, 0.5, 2, 2, _SWISH),
        Row(2, 120, 1, 3, _3579, 0.5, 2, 2, _SWISH),
    ),
    (
        Row(1, 200, 2, 6, (3, 5, 7, 9, 11), 0.5, 1, 1, _SWISH),
        Row(2, 200, 1, 6, _3579, 0.5, 1, 2, _SWISH),
    ),
)
_M = (
    (Row(1, 24, 1, plain=True),),
    (Row(1, 32, 2, 6, _357, 0, 2, 2), Row(1, 32, 1, 3, (3,), 0, 2, 2)),
    (
        Row(1, 40, 2, 6, _3579, 0.5, activation=_SWISH),
        Row(3, 40, 1, 6, _35, 0.5, 2, 2, _SWISH),
    ),
    (
        Row(1, 80, 2, 6, _357, 0.25, 1, 1, _SWISH),
        Row(3, 80, 1, 6, _3579, 0.25, 2, 2, _SWISH),
    ),
    (
        Row(1, 120, 1, 6, (3,), 0.5, 1, 1, _SWISH),
        Row(3, 120, 1, 3, _3579, 0.5, 2, 2, _SWISH),
    ),
    (
        Row(1, 200, 2, 6, _3579, 0.5, 1, 1, _SWISH),
        Row(3, 200, 1, 6, _3579, 0.5, 1, 2, _SWISH),
    ),
)

_TIMM = "Tan and Le 2019, table 4; counts and top-1 of timm's"
for _name, _stages, _stem, _width, _published in (
    ("s", _S, 16, 1.0, Published(4.1e6, 239.2e6, 76.0, _TIMM)),
    ("m", _M, 24, 1.0, Published(5.0e6, 339.2e6, 77.27, _TIMM)),
    ("l", _M, 24, 1.3, Published(7.3e6, 555.3e6, 78.97, _TIMM)),
):
    register_model(
        make_entry(
            f"mixnet_{_name}",
            f"MixNet-{_name.upper()}",
            partial(
                BlockNet, "MixNet", _stages, stem=_stem, head=1536, width=_width, scale_head=False
            ),
            _published,
        )
    )
