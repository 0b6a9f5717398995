"""Two builds side by side: what got worse is marked, the layer that did it is named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.sample_accelerated import make_accelerated
from tests.report.sample_report import make_report
from tests.report.test_page import HOSTILE, Reader
from tinydeploy.check.compare import BuildsComparison, compare_builds
from tinydeploy.check.compare_page import write_comparison_page
from tinydeploy.check.compare_text import write_comparison
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.project.publish import ACCELERATED_REPORT
from tinydeploy.report.build_report import BuildReport


@pytest.fixture(scope="module")
def reports() -> tuple[BuildReport, BuildReport]:
    """Of a net, and of one with a wider layer."""
    return make_report(16), make_report(24)


def save(report: BuildReport, folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    return folder


def compare(before: BuildReport, now: BuildReport, folder: Path) -> BuildsComparison:
    return compare_builds(save(before, folder / "a"), save(now, folder / "b"))


def test_the_layer_that_grew_is_named(
    reports: tuple[BuildReport, BuildReport], tmp_path: Path
) -> None:
    narrow, wide = reports
    text = write_comparison(compare(narrow, wide, tmp_path))
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    (flash,) = [line for line in lines if line.startswith("  ▲ flash ")]
    delta = wide.memory.flash_bytes - narrow.memory.flash_bytes
    assert f"{narrow.memory.flash_bytes:,}" in flash
    assert f"{delta:+,}" in flash
    assert any("▲ RAM" in line for line in lines)
    assert not any("▲ stack" in line for line in lines)
    grown = next(k for k, layer in enumerate(wide.layers) if layer.output_shape[-1] == 24)
    reason = " ".join(text.split())
    assert f"flash: layer {wide.layers[grown].index} (CONV_2D" in reason
    assert "went from 1x12x12x16 to 1x12x12x24" in reason


def test_what_got_better_is_not_marked(
    reports: tuple[BuildReport, BuildReport], tmp_path: Path
) -> None:
    narrow, wide = reports
    text = write_comparison(compare(wide, narrow, tmp_path))
    assert "▲" not in text
    assert f"{narrow.memory.flash_bytes - wide.memory.flash_bytes:+,}" in text


def test_equal_builds(reports: tuple[BuildReport, BuildReport], tmp_path: Path) -> None:
    comparison = compare(reports[0], reports[0], tmp_path)
    assert "nothing differs" in write_comparison(comparison)
    assert "Nothing differs." in Reader(write_comparison_page(comparison)).text


def test_what_makes_them_hard_to_compare_is_said(
    reports: tuple[BuildReport, BuildReport], tmp_path: Path
) -> None:
    other = replace(reports[0], compiler="clang 18", inference=None)
    text = write_comparison(compare(reports[0], other, tmp_path))
    assert "other compilers: gcc 12, now clang 18" in text
    assert "only one of them was run" in text


def test_an_accelerator_s_build_and_one_without_have_no_layers_in_common(
    reports: tuple[BuildReport, BuildReport], tmp_path: Path
) -> None:
    """The one's report lists no layers, so all of the other's would be new."""
    accelerated, _ = make_accelerated()
    (tmp_path / "npu").mkdir()
    (tmp_path / "npu" / ACCELERATED_REPORT).write_text(accelerated.to_json(), encoding="utf-8")
    slow = replace(reports[0].inference, latency_ms_estimated=1e3 * accelerated.frame_ms)
    now = save(replace(reports[0], inference=slow), tmp_path / "b")
    comparison = compare_builds(tmp_path / "npu", now)
    (target,) = comparison.targets
    assert (target.changes, target.reasons) == ((), ())
    text = write_comparison(comparison)
    assert "other accelerators: TinyNPU over SPI, now none" in text
    (latency,) = [line for line in text.splitlines() if "latency" in line and "▲" in line]
    assert re.search(r" ms +\+[0-9.]+ %$", latency)
    assert len(latency) <= 80


def test_folders_of_builds_are_compared_by_name(
    reports: tuple[BuildReport, BuildReport], tmp_path: Path
) -> None:
    narrow, wide = reports
    for name, before, now in (("one", narrow, narrow), ("two", narrow, wide)):
        save(before, tmp_path / "a" / name)
        save(now, tmp_path / "b" / name)
    save(narrow, tmp_path / "a" / "old")
    save(narrow, tmp_path / "b" / "fresh")
    (tmp_path / "b" / "empty").mkdir()
    comparison = compare_builds(tmp_path / "a", tmp_path / "b")
    assert [(t.name, t.same) for t in comparison.targets] == [("one", True), ("two", False)]
    assert (comparison.new, comparison.gone) == (("fresh",), ("old",))
    text = write_comparison(comparison)
    assert "new: fresh" in text
    assert "gone: old" in text
    with pytest.raises(UsageError, match="no build in common"):
        compare_builds(tmp_path / "a", tmp_path / "b" / "one")
    with pytest.raises(InputFileError, match="cannot read"):
        compare_builds(tmp_path / "a" / "one", tmp_path / "b" / "empty")


def test_the_page_has_every_change_and_no_name_becomes_markup(tmp_path: Path) -> None:
    comparison = compare(make_report(16, rename=HOSTILE), make_report(24, rename=HOSTILE), tmp_path)
    page = Reader(write_comparison_page(comparison))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    (target,) = comparison.targets
    for change in target.changes:
        delta = change.delta("flash")
        assert delta is not None
        if delta:
            assert f"{delta:+,}" in page.text
    assert "12×12×16 → 12×12×24" in page.text
    assert "got worse" in page.text
