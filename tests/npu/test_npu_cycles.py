"""The cycle model: by hand for single instructions, and against the published frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from model_builder import Handle, ModelBuilder
from npu_nets import compile_model, small_etinynet

from tinydeploy.errors import UsageError
from tinydeploy.npu.compiler import Compiled
from tinydeploy.npu.cycles import PUBLISHED, Scoreboard, Timing, count_work
from tinydeploy.npu.effects import Effects, Size, Span
from tinydeploy.npu.power import Power, frame_energy_mj, frame_ms
from tinydeploy.npu.walk import walk_frame

PUBLISHED_MS = 5.5


def etinynet(size: int) -> bytes:
    """EtinyNet-1.0 with random weights: the cycles do not depend on them."""
    b = ModelBuilder(0)

    def separable(x: Handle, channels: int, stride: int) -> Handle:
        y = b.depthwise(x, stride=(stride, stride), scale=0.05)
        return b.conv(y, channels, (1, 1), activation="RELU", scale=0.05)

    def add(x: Handle, y: Handle) -> Handle:
        return b.binary("ADD", x, y, scale=0.05)

    x = b.pad(b.input((size, size, 3)))
    x = b.conv(x, 32, stride=(2, 2), padding="VALID", scale=0.05)
    x = b.pool("MAX_POOL_2D", x)
    for channels, stride in [(32, 1)] * 4 + [(128, 2)] + [(128, 1)] * 3:
        x = b.depthwise(separable(x, channels, stride), activation="RELU", scale=0.05)
    for channels, stride in [(192, 2), (192, 1), (192, 1), (256, 2), (256, 1), (512, 1)]:
        same = stride == 1 and x.shape[3] == channels
        a = separable(x, channels, stride)
        y = add(a, x) if same else a
        x = add(b.depthwise(y, activation="RELU", scale=0.05), y)
    logits = b.conv(b.mean(x), 1000, (1, 1))
    return b.finish([b.reshape(logits, (1, 1000))])


@pytest.fixture(scope="module")
def frame() -> Compiled:
    return compile_model(etinynet(256))[1]


def test_etinynet_takes_the_published_time(frame: Compiled) -> None:
    ms = frame_ms(frame.walk.cycles)
    assert abs(ms / PUBLISHED_MS - 1) < 0.03
    assert 1000 / ms > 180


def test_the_classifier_stays_and_the_rest_fits(frame: Compiled) -> None:
    stay = [share.op.kind for share in frame.split.shares if share.reason]
    assert stay == ["CONV_2D", "RESHAPE"]
    assert frame.program.image_bytes == 256 * 256 * 3
    assert frame.program.output_bytes == 512


def test_units_work_beside_each_other(frame: Compiled) -> None:
    alone = walk_frame(frame.program, timing=replace(PUBLISHED, overlap=False))
    work = sum(frame.walk.busy.values())
    assert frame.walk.busy == alone.busy
    assert max(frame.walk.busy.values()) < frame.walk.cycles < 0.85 * alone.cycles
    assert work <= alone.cycles


def test_twice_the_depthwise_unit_is_nearly_twice_as_fast(frame: Compiled) -> None:
    twice = walk_frame(frame.program, timing=replace(PUBLISHED, depthwise_macs=32))
    assert 0.5 < twice.cycles / frame.walk.cycles < 0.6


def effects(
    unit: str, source: Size, windows: Size, taps: tuple[int, int], **other: bool
) -> Effects:
    return Effects(unit=unit, source_size=source, windows=windows, taps=taps, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "cycles"),
    [
        # 512 MACs a cycle where channels fill the unit
        (effects("conv", Size(8, 8, 64), Size(8, 8, 128), (1, 1)), 8 * 8 * 64 * 128 // 512),
        (effects("conv", Size(8, 8, 16), Size(8, 8, 32), (3, 3)), 8 * 8 * 16 * 32 * 9 // 512),
        # a channel more begins another block
        (effects("conv", Size(4, 4, 17), Size(4, 4, 33), (1, 1)), 4 * 4 * 2 * 2),
        # the stem's 27 taps and channels are two blocks of 16
        (
            effects("conv", Size(64, 64, 3), Size(32, 32, 32), (3, 3), reads_image=True),
            32 * 32 * 2,
        ),
        (effects("depthwise", Size(8, 8, 32), Size(4, 4, 32), (3, 3)), 4 * 4 * 32 * 9 // 16),
        (effects("tensor", Size(8, 8, 32), Size(8, 8, 32), (1, 1)), 8 * 8 * 32 // 16),
        (effects("tensor", Size(8, 8, 32), Size(1, 1, 32), (1, 1)), 8 * 8 * 32 // 16),
        (effects("tensor", Size(8, 8, 16), Size(4, 4, 16), (2, 2)), 8 * 8),
        (Effects(), 0),
    ],
)
def test_work(what: Effects, cycles: int) -> None:
    assert count_work(what, PUBLISHED) == cycles


def test_what_writes_on_what_is_in_use_waits() -> None:
    size = Size(16, 16, 16)
    first, second, third = Span(0, 4096), Span(4096, 8192), Span(8192, 12288)

    def step(unit: str, source: Span, result: Span) -> Effects:
        taps = (3, 3) if unit == "depthwise" else (1, 1)
        return Effects(unit, (source,), result, source_size=size, windows=size, taps=taps)  # type: ignore[arg-type]

    def finish(*steps: Effects) -> int:
        board = Scoreboard(Timing(issue=1))
        for each in steps:
            board.add(each)
        return board.now

    one = step("depthwise", first, second)
    follows = finish(one, step("conv", second, third))
    waits = finish(one, step("conv", second, first))
    assert count_work(one, PUBLISHED) == 16 * 16 * 9
    assert follows < waits
    assert waits == 1 + 16 * 16 * 9 + 16 * 16


def test_energy_is_power_times_time() -> None:
    assert frame_energy_mj(1_375_000) == pytest.approx(73.6 * 5.5e-3)
    power = Power(active_mw=100, idle_mw=10)
    assert frame_energy_mj(2_500_000, 50, power) == pytest.approx(100 * 0.01 + 10 * 0.01)
    with pytest.raises(UsageError, match=r"a frame takes 10\.000 ms"):
        frame_energy_mj(2_500_000, 101)
    with pytest.raises(UsageError):
        frame_energy_mj(2_500_000, 0)


def test_published_figure_of_merit() -> None:
    """449.1 frames per second and millijoule, as published for 5.5 ms."""
    cycles = round(PUBLISHED_MS * PUBLISHED.clock_hz / 1000)
    merit = 1000 / frame_ms(cycles) / frame_energy_mj(cycles)
    assert merit == pytest.approx(449.1, abs=0.1)


def test_small_nets_spend_little() -> None:
    assert compile_model(small_etinynet())[1].walk.cycles < 20_000
