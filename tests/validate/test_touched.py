"""A firmware that touches other bytes than the plan says fails its build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import conv_model

from tinydeploy import pipeline
from tinydeploy.cli.console import StageView
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, MismatchError
from tinydeploy.graph.graph import Graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.plan import Arena, InputForm, Plan, PlannedGraph, Rows
from tinydeploy.validate.touched import TouchedBytes


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., None]:
    """Builds a small model."""
    model = tmp_path / "small.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))

    def run(input_form: InputForm = "arena") -> None:
        request = BuildRequest(
            board="stm32h743", model=str(model), input_form=input_form, keep=False
        )
        build_image(request, StageView(quiet=True))

    return run


def inject(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    """Puts a C statement behind what the model's only layer does."""
    real = pipeline.generate_sources

    def generate(*args: Any, **options: Any) -> Mapping[str, str]:
        sources = dict(real(*args, **options))
        text = sources["small/model.c"]
        head = "small_layer0(int32_t first, int32_t last)\n{\n"
        assert text.count(head) == 1
        end = text.index("}\n", text.index(head))
        sources["small/model.c"] = f"{text[:end]}    {statement}\n{text[end:]}"
        return sources

    monkeypatch.setattr(pipeline, "generate_sources", generate)


@pytest.mark.parametrize(
    ("offset", "error", "text"),
    [
        ("-64", MismatchError, "changed the byte at 0x.*, which is not the model's"),
        ("sizeof small_arena_dtcm", MismatchError, "wrote at 0x.*, where its image has nothing"),
        ("sizeof small_arena_dtcm + 8192", EmulationError, "in dtcm, where the image has nothing"),
    ],
)
def test_a_write_beside_the_arena(
    build: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    offset: str,
    error: type[Exception],
    text: str,
) -> None:
    address = f"(uintptr_t)small_arena_dtcm + {offset}"
    inject(monkeypatch, f"++*(volatile uint8_t *)({address});")
    with pytest.raises(error, match=text):
        build()


def test_a_write_into_a_kept_input(
    build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all of it has been used: outputs stay right."""
    inject(monkeypatch, "if (last == 8) { tensor0.base[0] ^= 1; }")
    with pytest.raises(MismatchError, match=r"changed the byte at 0x.*, which is not the model's"):
        build("kept")


def test_a_plan_that_reserves_too_much(
    build: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pipeline.plan_graph

    def plan(*args: Any, **options: Any) -> PlannedGraph:
        found = real(*args, **options)
        (arena,) = found.plan.arenas
        larger = (Arena(arena.memory, arena.size + 64),)
        return replace(found, plan=replace(found.plan, arenas=larger))

    monkeypatch.setattr(pipeline, "plan_graph", plan)
    with pytest.raises(MismatchError, match=r"writes the first \d+ alone: at most \d+ may"):
        build()


class FakeBoard:
    """As much of an emulated board as the arena's measurement needs."""

    def __init__(self, size: int) -> None:
        self.image = SimpleNamespace(symbols={"net_arena_dtcm": 1000})
        self.memory = bytearray(size)
        self.guarded = False

    def guard_memory(self) -> None:
        self.guarded = True

    def broken_guard(self) -> int | None:
        return None

    def stray_write(self) -> int | None:
        return None

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.memory[address - 1000 : address - 1000 + size])

    def write_memory(self, address: int, data: bytes) -> None:
        self.memory[address - 1000 : address - 1000 + len(data)] = data


@pytest.mark.parametrize(("last", "fits"), [(63, True), (55, True), (54, False), (0, False)])
def test_the_highest_byte_counts(last: int, fits: bool) -> None:
    """The largest tensor has rows of 8 bytes, the widest one of 16."""
    rows = {0: Rows(0, "dtcm", 0, 8, 4, 8), 1: Rows(1, "dtcm", 32, 16, 1, 16)}
    graph = Graph("net", (), (), (), ())
    board = FakeBoard(64)
    plan = Plan((), rows, {}, (Arena("dtcm", 64),), 0, {})
    touched = TouchedBytes(cast(EmulatedBoard, board), graph, plan)
    assert board.guarded
    noises = set()
    for end in (1, last + 1, 2):
        touched.begin_run()
        noises.add(bytes(board.memory))
        for byte in range(end):
            board.memory[byte] ^= 0x55
        touched.end_run()
    assert len(noises) == 3  # what a run finds is never what an earlier one left
    assert touched.highest == {"dtcm": max(last + 1, 2)}
    if fits:
        touched.check()
    else:
        with pytest.raises(MismatchError, match=r"planned with 64 bytes.*at most 8 may be spare"):
            touched.check()
