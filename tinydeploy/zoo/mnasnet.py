"""MnasNet: inverted residuals whose kernels, expansions and depths were searched for a phone.

Source: Tan et al.: MnasNet: Platform-Aware Neural Architecture Search for Mobile (CVPR 2019),
figure 7 (A1, with squeeze-and-excite), and the authors' code (B1 without it, small).

State dicts of timm's mnasnet_*, semnasnet_* and mnasnet_small fit.
"""

from __future__ import annotations

from functools import partial

from tinydeploy.zoo.imagenet import make_entry, register_widths
from tinydeploy.zoo.mobile_blocks import BlockNet, Row
from tinydeploy.zoo.registry import Published, register_model

_FIVE = (5,)

_B1 = (
    (Row(1, 16, 1, plain=True),),
    (Row(3, 24, 2, 3),),
    (Row(3, 40, 2, 3, _FIVE),),
    (Row(3, 80, 2, 6, _FIVE),),
    (Row(2, 96, 1, 6),),
    (Row(4, 192, 2, 6, _FIVE),),
    (Row(1, 320, 1, 6),),
)
_A1 = (
    (Row(1, 16, 1, plain=True),),
    (Row(2, 24, 2, 6),),
    (Row(3, 40, 2, 3, _FIVE, 0.25),),
    (Row(4, 80, 2, 6),),
    (Row(2, 112, 1, 6, excite=0.25),),
    (Row(3, 160, 2, 6, _FIVE, 0.25),),
    (Row(1, 320, 1, 6),),
)
_SMALL = (
    (Row(1, 8, 1, plain=True),),
    (Row(1, 16, 2, 3),),
    (Row(2, 16, 2, 6),),
    (Row(4, 32, 2, 6, _FIVE, 0.25),),
    (Row(3, 32, 1, 6, excite=0.25),),
    (Row(3, 88, 2, 6, _FIVE, 0.25),),
    (Row(1, 144, 1, 6),),
)

_AUTHORS = "Tan et al. 2019, and the authors' list of trained nets"
_MORE = "the authors' MACs lie between those of convolutions and those with BN"
register_widths(
    "mnasnet_b1",
    "MnasNet-B1",
    lambda width, **more: BlockNet("MnasNet-B1", _B1, stem=32, head=1280, width=width, **more),
    {
        1.0: Published(4.4e6, 315e6, 74.5, _AUTHORS),
        0.5: Published(2.2e6, 104.5e6, 67.7, "torchvision's mnasnet0_5"),
    },
    alike="torchvision",
)
register_widths(
    "mnasnet_a1",
    "MnasNet-A1",
    lambda width, **more: BlockNet("MnasNet-A1", _A1, stem=32, head=1280, width=width, **more),
    {
        1.0: Published(3.9e6, 315.2e6, 75.2, _AUTHORS, remark=_MORE),
        0.35: Published(1.7e6, 63.2e6, 64.1, _AUTHORS, remark=_MORE),
    },
)
register_model(
    make_entry(
        "mnasnet_small",
        "MnasNet-small",
        partial(BlockNet, "MnasNet-small", _SMALL, stem=8, head=1280),
        Published(2.0e6, 68e6, 66.2, "the authors' code; top-1 of timm's mnasnet_small"),
    )
)
