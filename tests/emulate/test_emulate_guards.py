"""Memory that an image leaves free is watched: pages trap, bytes beside them keep their noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_firmware import Probe

from tinydeploy.emulate.gaps import find_gaps, split_gap
from tinydeploy.errors import EmulationError

RANGES = st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda r: (r[0], r[0] + r[1]))


@given(begin=st.integers(0, 30), size=st.integers(1, 30), used=st.lists(RANGES, max_size=6))
def test_gaps_are_what_is_not_used(begin: int, size: int, used: list[tuple[int, int]]) -> None:
    gaps = find_gaps(begin, begin + size, used)
    found = [address for first, last in gaps for address in range(first, last)]
    free = set(range(begin, begin + size)) - {a for first, last in used for a in range(first, last)}
    assert found == sorted(free)


@pytest.mark.parametrize(
    ("gap", "pages", "edges"),
    [
        ((4096, 12288), (4096, 12288), []),
        ((4000, 12290), (4096, 12288), [(4000, 4096), (12288, 12290)]),
        ((4000, 8191), None, [(4000, 8191)]),
        ((4097, 4100), None, [(4097, 4100)]),
    ],
)
def test_gaps_are_cut_at_pages(
    gap: tuple[int, int], pages: tuple[int, int] | None, edges: list[tuple[int, int]]
) -> None:
    assert split_gap(gap, 4096) == (pages, edges)


def test_a_firmware_that_keeps_to_its_own_is_left_alone(probe: Probe) -> None:
    probe.emulated.guard_memory()
    assert probe.ask("q") == "kept=00000005"
    assert probe.ask("aw1") == "aligned=00000077"
    assert probe.emulated.broken_guard() is None


@pytest.mark.parametrize("probe", ["stm32h743"], indirect=True)
def test_a_page_that_nothing_lies_in_traps(probe: Probe) -> None:
    """Also in a memory that gets its clock only later."""
    probe.emulated.guard_memory()
    probe.emulated.transport.write(b"G")
    with pytest.raises(EmulationError, match="in sram123, where the image has nothing"):
        while True:
            probe.emulated.transport.read(1000, 10.0)


def test_bytes_beside_the_last_that_is_used_are_watched(probe: Probe) -> None:
    emulated = probe.emulated
    emulated.guard_memory()
    end = max(last for first, last in emulated.image.used if first >= 0x2000_0000)
    (before,) = emulated.read_memory(end - 1, 1)
    emulated.write_memory(end - 1, bytes([before ^ 1]))
    assert emulated.broken_guard() is None
    (noise,) = emulated.read_memory(end, 1)
    emulated.write_memory(end, bytes([noise ^ 1]))
    assert emulated.broken_guard() == end


def test_only_ram_can_be_written(probe: Probe) -> None:
    for address in (0x0800_0000, 0x6000_0000):
        with pytest.raises(EmulationError, match="has no 2 bytes of RAM"):
            probe.emulated.write_memory(address, b"ab")
