"""Schedules as loops and tables: played back, they are the steps that they were made from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydeploy.codegen.schedule_text import FED_STEPS, StretchText, describe_schedule
from tinydeploy.plan.plan import FEED, Step


def play(stretches: tuple[StretchText, ...]) -> list[Step]:
    """What the C does."""
    steps: list[Step] = []
    for stretch in stretches:
        made: dict[int, int] = {}
        for layer, rows in zip(stretch.table[::2], stretch.table[1::2], strict=True):
            first = made.get(layer, 0)
            made[layer] = first + rows
            steps.append(Step(layer, first, first + rows))
        for loop in stretch.loops:
            for i in range(loop.count):
                for call in loop.calls:
                    first, last = (eval(text, {"i": i}) for text in (call.first, call.last))
                    steps.append(Step(call.layer, first, last))
    return steps


@st.composite
def schedules(draw: st.DrawFn) -> list[Step]:
    """Layers of some rows, whole or in turns of some pattern."""
    steps: list[Step] = []
    layer = 0
    for _ in range(draw(st.integers(1, 5))):
        count = draw(st.integers(1, 4))
        pattern = draw(
            st.lists(
                st.tuples(st.integers(0, count - 1), st.integers(1, 3)), min_size=1, max_size=9
            )
        )
        made = [0] * count
        for _ in range(draw(st.sampled_from((1, 1, 2, 3, 40)))):
            for which, rows in pattern:
                steps.append(Step(layer + which, made[which], made[which] + rows))
                made[which] += rows
        layer += count
    return steps


@settings(max_examples=300, deadline=None)
@given(steps=schedules())
def test_what_is_written_is_what_was_planned(steps: list[Step]) -> None:
    assert play(describe_schedule(steps)) == steps


@settings(max_examples=100, deadline=None)
@given(steps=schedules(), data=st.data())
def test_with_pushed_rows_the_first_stretch_has_them_all(
    steps: list[Step], data: st.DataObject
) -> None:
    """Rows may come before and behind any call; what follows the last is written as ever."""
    places = data.draw(st.lists(st.integers(0, len(steps)), min_size=1, max_size=9))
    mixed, rows = list(steps), 0
    for offset, place in enumerate(sorted(places)):
        mixed.insert(place + offset, Step(FEED, rows, rows + 1 + offset % 2))
        rows += 1 + offset % 2
    stretches = describe_schedule(mixed)
    assert play(stretches) == mixed
    assert stretches[0].symbol == FED_STEPS
    assert FEED in stretches[0].table[::2]
    assert all(FEED not in stretch.table[::2] for stretch in stretches[1:])
    layers = [{step.op for step in play((stretch,))} for stretch in stretches]
    assert sum(map(len, layers)) == len(set().union(*layers))


def sites(stretch: StretchText) -> list[tuple[int, int]]:
    return [(loop.count, len(loop.calls)) for loop in stretch.loops]


def test_whole_layers_are_single_calls() -> None:
    steps = [Step(0, 0, 8), Step(1, 0, 8), Step(3, 0, 1)]
    stretches = describe_schedule(steps)
    assert [sites(stretch) for stretch in stretches] == [[(1, 1)]] * 3
    assert not any(stretch.table or stretch.comment for stretch in stretches)


def test_a_layer_in_pieces_is_a_loop_and_a_rest() -> None:
    steps = [Step(4, y, min(y + 3, 14)) for y in range(0, 14, 3)]
    (stretch,) = describe_schedule(steps)
    assert sites(stretch) == [(4, 1), (1, 1)]
    assert (stretch.loops[0].calls[0].first, stretch.loops[0].calls[0].last) == (
        "3 * i",
        "3 * i + 3",
    )
    assert stretch.comment == "Layer 4 in pieces, so that rows of its input give way."


def test_two_layers_in_turns_are_a_loop() -> None:
    steps = [Step(0, 0, 1)]
    for y in range(20):
        steps += [Step(0, y + 1, y + 2), Step(1, y, y + 1)]
    (stretch,) = describe_schedule(steps)
    assert sites(stretch) == [(1, 1), (20, 2)]
    assert stretch.comment == "Layers 0 to 1, row by row."


@pytest.mark.parametrize("rows", [1, 200])
def test_what_does_not_repeat_is_a_table(rows: int) -> None:
    order = [0, 1, 1, 0, 2, 1, 0, 0, 2, 2, 1, 2, 0, 1, 2, 0, 2, 2, 1, 1, 0, 2, 0, 1, 1, 2, 1, 0]
    made = [0, 0, 0]
    steps = []
    for layer in order:
        steps.append(Step(layer, made[layer], made[layer] + rows))
        made[layer] += rows
    (stretch,) = describe_schedule(steps)
    assert not stretch.loops
    assert stretch.table == tuple(value for layer in order for value in (layer, rows))
    assert stretch.symbol == "steps0"
    assert play((stretch,)) == steps
