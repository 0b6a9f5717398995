"""The generations of STM32's USART: where each has its registers, and which bits."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class UartLayout:
    """Registers of a USART by offset.

    Args:
        cr1: Control register 1.
        brr: Baud rate register.
        status: Status register.
        receive: Data register to read from.
        transmit: Data register to write to.
        prescaler: Prescaler register; None where there is none.
        enable: Mask of CR1.UE.
        reserved: Mask of the bits of CR1 that must stay 0.
        acknowledges: Whether the status register has TEACK and REACK.
    """

    cr1: int
    brr: int
    status: int
    receive: int
    transmit: int
    prescaler: int | None
    enable: int
    reserved: int
    acknowledges: bool


# With separate data registers (STM32F7), and the same with FIFOs and a prescaler (H7, L4+).
PLAIN_USART = UartLayout(
    cr1=0x00,
    brr=0x0C,
    status=0x1C,
    receive=0x24,
    transmit=0x28,
    prescaler=None,
    enable=1,
    reserved=0xE0000002,
    acknowledges=True,
)
FIFO_USART = replace(PLAIN_USART, prescaler=0x2C, reserved=0)
# With one data register (STM32F4).
OLD_USART = UartLayout(
    cr1=0x0C,
    brr=0x08,
    status=0x00,
    receive=0x04,
    transmit=0x04,
    prescaler=None,
    enable=1 << 13,
    reserved=0xFFFF4000,
    acknowledges=False,
)
