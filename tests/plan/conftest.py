"""Tests of the plan use ops of their own, whose scratch is an attribute."""

from __future__ import annotations

import pytest
from plan_graphs import fake_variants

from tinydeploy.board import Board, load_board


@pytest.fixture(autouse=True, scope="module")  # undone before other folders' tests
def _scratch_is_an_attribute() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinydeploy.plan.memory.list_variants", fake_variants)
        yield


@pytest.fixture(scope="session")
def board() -> Board:
    return load_board("stm32h743")
