"""The benchmark's tables, and their place in docs/performance.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import BOARDS, make_tables, place_tables
from benchmarks.measure import LayerType, Measurement, measure_model
from benchmarks.peers import PEERS
from benchmarks.tables import show_models, show_types

PERFORMANCE = Path(__file__).parent.parent / "docs" / "performance.md"


def example() -> Measurement:
    return Measurement(
        model="mlperf_tiny_ad",
        core="cortex-m7",
        macs=264_192,
        instructions=264_192,
        cycles=132_096,
        code=7000,
        flash=280_000,
        weights=264_192,
        parameters=264_192,
        channels=1_000,
        arena=2048,
        scratch=1280,
        types=(
            LayerType("FULLY_CONNECTED", 10, 264_192, True, 250_000, 130_000, 1280, 900),
            LayerType("SOFTMAX", 1, 10, False, 500, 400, 0, 570),
        ),
        kernel_code={"cores/dense_joint.S": 700},
    )


def test_tables() -> None:
    line = show_models([example()]).splitlines()[-1]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["mlperf_tiny_ad", "264,192", "**264,192**", "1.00"]
    assert cells[6:8] == ["583,520", f"{264_192 / 583_520:.2f}"]
    dense, softmax = show_types([example()]).splitlines()[-2:]
    assert "264,192 MACs" in dense
    assert dense.endswith(" 900 | 1,280 | 2.2 | 0.43 |")
    assert show_types([example()]).count("|") % 12 == 0
    assert "10 elements | 500 | 50.00" in softmax


def test_estimates_are_never_below_measured_runs() -> None:
    """A model of the core without stalls must not look faster than what boards were seen to do."""
    for cycles, shown in ((132_096, [">= 302,400", ">= 1.14"]), (400_000, ["400,000", "1.51"])):
        line = show_models([replace(example(), cycles=cycles)]).splitlines()[-1]
        assert [cell.strip() for cell in line.split("|")][5:7] == shown


def test_tables_take_their_places() -> None:
    tables = make_tables("b", [example()])
    text = "a\n<!-- models b -->\nold\n<!-- end -->\nc\n<!-- models other -->\nkept\n<!-- end -->\n"
    placed = place_tables(text, tables)
    assert "old" not in placed
    assert "kept" in placed
    assert tables["models b"] in placed
    assert place_tables(placed, tables) == placed


def test_places_are_those_of_tables() -> None:
    places = set(re.findall(r"<!-- (\w+ \w+) -->", PERFORMANCE.read_text("utf-8")))
    known = {name for board in BOARDS for name in make_tables(board, [example()])}
    assert places
    assert places <= known


def test_measures_a_real_model(shared_data: Path) -> None:
    found = measure_model(shared_data / "models" / "mlperf_tiny_ad_int8.tflite", "stm32h743")
    assert found.model in PEERS
    assert found.instructions == sum(kind.instructions for kind in found.types)
    assert found.instructions < 280_000
    assert 0 < sum(found.kernel_code.values()) < found.code
    assert "cores/dense_joint.S" in found.kernel_code
    (dense,) = found.types
    assert dense.code == sum(found.kernel_code.values())  # it has no other layers


def test_comments_in_front_of_a_table_are_left_alone() -> None:
    text = "<!-- not run: slow -->\n\n    command\n\n<!-- costs -->\nold\n<!-- end -->\n"
    assert place_tables(text, {"costs": "new\n"}) == text.replace("old", "new")
    assert place_tables(text, {"others": "new\n"}) == text
