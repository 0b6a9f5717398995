"""Flash programming of the STM32F412xG."""

from __future__ import annotations

from tinydeploy.emulate.peripherals.flash import Cells, FlashController
from tinydeploy.emulate.peripherals.flash_stm32f import FlashF


def open_controller(cells: Cells, *, protected: bool) -> FlashController:
    """The family's controller."""
    return FlashF4(cells, protected=protected)


class FlashF4(FlashF):
    """See FlashController."""

    sectors_kb = (*(16,) * 4, 64, *(128,) * 7)
