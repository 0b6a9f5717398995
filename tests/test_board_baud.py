"""Speeds of consoles that a board's clock can make."""

from __future__ import annotations

import dataclasses

import pytest

from tinydeploy.board import list_boards, load_board
from tinydeploy.board.baud import baud_error, with_baud
from tinydeploy.errors import UsageError


@pytest.mark.parametrize("name", list_boards())
@pytest.mark.parametrize("baud", [115_200, 460_800, 921_600])
def test_every_board_has_the_usual_speeds(name: str, baud: int) -> None:
    assert with_baud(load_board(name), baud).console.baud == baud


@pytest.mark.parametrize(
    ("uart", "hertz", "baud", "expected"),
    [
        ("USART3", 120_000_000, 921_600, 120e6 / 130 / 921_600 - 1),  # +0.16 %
        ("USART3", 54_000_000, 921_600, 54e6 / 59 / 921_600 - 1),  # -0.69 %
        ("USART3", 16_000_000, 1_000_000, 0.0),
        ("USART3", 16_000_000, 1_100_000, None),  # divider 15
        ("USART3", 120_000_000, 1_800, None),  # divider 66667
        ("LPUART1", 120_000_000, 115_200, 256 * 120e6 / 266_667 / 115_200 - 1),
        ("LPUART1", 120_000_000, 9_600, None),  # more than 20 bits
        ("LPUART1", 120_000_000, 50_000_000, None),
        ("USART3", 120_000_000, 0, None),
        ("USART3", 120_000_000, -9600, None),
    ],
)
def test_the_error_of_a_divider(uart: str, hertz: int, baud: int, expected: float | None) -> None:
    found = baud_error(uart, hertz, baud)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_speed_that_is_off_is_refused() -> None:
    board = load_board("stm32h743")
    slow = dataclasses.replace(board.console, kernel_clock_hz=16_000_000)
    slow_board = dataclasses.replace(board, console=slow)
    with pytest.raises(UsageError, match=r"USART3 .* at 16 MHz, cannot run at 921600 baud: \+2.1%"):
        with_baud(slow_board, 921_600)
    with pytest.raises(UsageError, match="out of its range"):
        with_baud(board, 20_000_000)
