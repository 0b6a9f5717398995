"""STM32F412: what sets it apart from other STM32F.

Limits and tables: RM0402 (PWR chapter 5, flash wait states chapter 3) and the data sheet.
"""

from __future__ import annotations

from tinydeploy.board import Board
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.registers import Oscillator
from tinydeploy.emulate.peripherals.stm32f import APB1ENR, APB2ENR, Stm32F, rcc_layout
from tinydeploy.emulate.peripherals.uart_layout import OLD_USART

# Highest core clock in MHz at scale 1 to 3.
_CORE = {1: 100, 2: 84, 3: 64}


def open_chip(board: Board, supervisor: Supervisor) -> Stm32F4:
    """The family's model."""
    return Stm32F4(board, supervisor)


class Stm32F4(Stm32F):
    """Clock tree, voltage scaling, flash wait states and pins."""

    layout = rcc_layout(
        {
            "USART1": (APB2ENR, 4),
            "USART2": (APB1ENR, 17),
            "USART3": (APB1ENR, 18),
            "USART6": (APB2ENR, 5),
        },
        Oscillator("PLLI2S", 26, 27),
    )
    spaces = (
        (0x40000000, 0x40007400),  # APB1
        (0x40010000, 0x40016400),  # APB2
        (0x40020000, 0x40026800),  # AHB1
        (0x50000000, 0x50060C00),  # AHB2
    )
    uart_layout = OLD_USART
    wait_states = (30, 64, 90, 100)

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        super().__init__(board, supervisor, ports=8, power=0x8000, enabled=0)

    def _limits(self) -> tuple[int, int, int, str]:
        scale = self._scale()
        return _CORE[scale], 50, 100, f"voltage scale {scale}"
