"""Flash programming of the STM32F74xxG and F75xxG."""

from __future__ import annotations

from tinydeploy.emulate.peripherals.flash import Cells, FlashController
from tinydeploy.emulate.peripherals.flash_stm32f import FlashF


def open_controller(cells: Cells, *, protected: bool) -> FlashController:
    """The family's controller."""
    return FlashF7(cells, protected=protected)


class FlashF7(FlashF):
    """See FlashController."""

    sectors_kb = (*(32,) * 4, 128, *(256,) * 3)
