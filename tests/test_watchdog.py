"""The watchdog's registers make the wanted time, and the option says what can be had."""

from __future__ import annotations

import pytest

from tinydeploy.board import list_boards, load_board, with_watchdog
from tinydeploy.errors import UsageError


@pytest.mark.parametrize("name", [n for n in list_boards() if load_board(n).profile.watchdog_hz])
@pytest.mark.parametrize("seconds", [0.1, 0.5, 0.51, 1, 2, 8.2, 30])
def test_registers_make_the_time(name: str, seconds: float) -> None:
    found = with_watchdog(load_board(name), seconds).watchdog
    assert found is not None
    assert 0 <= found.prescaler < 7
    assert 1 <= found.reload < 4096
    made = (found.reload + 1) * (4 << found.prescaler) / 32_000
    assert made == pytest.approx(seconds, rel=0.001)
    assert found.milliseconds == pytest.approx(1000 * seconds)


@pytest.mark.parametrize("seconds", [0.0, 0.09, 33, -1, float("nan"), float("inf")])
def test_times_that_cannot_be_had(seconds: float) -> None:
    with pytest.raises(UsageError, match="cannot be had on NUCLEO-H743ZI2") as caught:
        with_watchdog(load_board("stm32h743"), seconds)
    assert caught.value.hint == "Give 0.1 to 32 seconds."


def test_boards_without_one() -> None:
    with pytest.raises(UsageError, match="no watchdog of MPS2 AN500"):
        with_watchdog(load_board("mps2-an500"), 1)
