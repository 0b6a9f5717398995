"""ProxylessNAS: inverted residuals with kernels up to 7x7, searched on the target itself.

Source: Cai, Zhu, Han: ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware
(ICLR 2019), figure 4, the net for phones.
"""

from __future__ import annotations

from torch import nn

from tinydeploy.zoo.imagenet import register_widths
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published

_FIVE, _SEVEN = (5,), (7,)

_MOBILE = (
    (Row(1, 16, 1, plain=True),),
    (Row(1, 32, 2, 3, _FIVE), Row(1, 32, 1, 3)),
    (Row(1, 40, 2, 3, _SEVEN), Row(1, 40, 1, 3), Row(2, 40, 1, 3, _FIVE)),
    (Row(1, 80, 2, 6, _SEVEN), Row(3, 80, 1, 3, _FIVE)),
    (Row(1, 96, 1, 6, _FIVE), Row(3, 96, 1, 3, _FIVE)),
    (Row(1, 192, 2, 6, _SEVEN), Row(1, 192, 1, 6, _SEVEN), Row(2, 192, 1, 3, _SEVEN)),
    (Row(1, 320, 1, 6, _SEVEN),),
)

register_widths(
    "proxylessnas",
    "ProxylessNAS-mobile",
    lambda width, **more: BlockNet(
        "ProxylessNAS", _MOBILE, stem=32, head=1280, width=width, activation=nn.ReLU6, **more
    ),
    {1.0: Published(4.1e6, 320e6, 74.6, "Cai et al. 2019, and the authors' list of trained nets")},
)
