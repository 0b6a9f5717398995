"""Checks of many targets: what is built and what is kept, exit codes, the baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.check.fake_builds import STAGES, fake_builds
from tests.check.sample import write_config
from tinydeploy.check.baseline import NAME, read_baseline
from tinydeploy.check.config import load_config
from tinydeploy.check.facts import describe_total
from tinydeploy.check.results import CheckResult
from tinydeploy.check.run import check_targets, pick_targets
from tinydeploy.check.tasks import Task
from tinydeploy.errors import UsageError
from tinydeploy.paths import BOARDS

TARGETS = [
    f'[targets.t{k}]\nmodel = "n{k}.tflite"\nboard = "stm32h743"\nbudget.ram = "+1 %"\n'
    for k in range(6)
]
SIX = "".join(TARGETS)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Task]:
    for k in range(6):
        (tmp_path / f"n{k}.tflite").write_bytes(f"3 8 {k + 8} 4".encode())
    return fake_builds(monkeypatch, tmp_path / "cache")


def run(folder: Path, text: str, *only: str, **options: Any) -> CheckResult:
    config = load_config(write_config(folder, text))
    return check_targets(config, pick_targets(config, only), **options)


def counts(result: CheckResult) -> tuple[int, int]:
    run = sum(target.stages_run for target in result.results)
    return run, sum(target.stages_reused for target in result.results)


def test_six_targets_reuse_what_did_not_change(tmp_path: Path, tasks: list[Task]) -> None:
    each = 1 + len(STAGES)
    first = run(tmp_path, SIX, update_baseline=True)
    assert first.exit_code == 0
    assert counts(first) == (6 * each, 0)
    assert len(tasks) == 12
    again = run(tmp_path, SIX)
    assert again.exit_code == 0
    assert counts(again) == (0, 6 * each)
    assert len(tasks) == 12
    (tmp_path / "n3.tflite").write_bytes(b"3 8 64 4")
    changed = run(tmp_path, SIX)
    assert changed.exit_code == 3
    assert counts(changed) == (each, 5 * each)
    assert len(tasks) == 14
    assert describe_total(changed) == "6 targets: 5 ok, 1 over budget; 5 stages run, 25 reused"
    (finding,) = changed.results[3].findings
    assert finding.blame is not None
    assert finding.blame.layer is not None
    assert finding.blame.layer.index == 1
    (tmp_path / "n3.tflite").write_bytes(b"3 8 11 4")
    back = run(tmp_path, SIX)
    assert back.exit_code == 0
    assert counts(back) == (0, 6 * each)


def test_a_new_budget_builds_nothing_and_a_new_option_only_the_image(
    tmp_path: Path, tasks: list[Task]
) -> None:
    one = '[targets.a]\nmodel = "n0.tflite"\nboard = "stm32h743"\n'
    run(tmp_path, one)
    assert counts(run(tmp_path, one + 'budget.flash = "64 KB"\n')) == (0, 5)
    assert counts(run(tmp_path, one + 'optimize = "ram"\n')) == (4, 1)
    assert counts(run(tmp_path, one, emulate=False)) == (4, 1)
    assert counts(run(tmp_path, one.replace("h743", "l4r9"))) == (4, 1)
    assert counts(run(tmp_path, one + 'effort = "low"\n')) == (1, 4)  # the same model comes of it
    assert sum(task.source is None for task in tasks) == 2


def test_targets_of_one_model_make_it_once(tmp_path: Path, tasks: list[Task]) -> None:
    text = "".join(
        f'[targets.{board}]\nmodel = "n0.tflite"\nboard = "{board}"\n'
        for board in ("stm32h743", "stm32l4r9", "stm32f746")
    )
    result = run(tmp_path, text)
    assert [(r.stages_run, r.stages_reused) for r in result.results] == [(5, 0), (4, 1), (4, 1)]
    assert sum(task.source is None for task in tasks) == 1


@pytest.mark.parametrize(
    ("models", "code"),
    [
        (["3 8 4"], 0),
        (["3 8 4", "big"], 3),
        (["big", "odd"], 1),
        (["odd", "wrong", "big"], 4),
    ],
)
@pytest.mark.usefixtures("tasks")
def test_one_failure_stops_no_other_and_the_gravest_code_counts(
    tmp_path: Path, models: list[str], code: int
) -> None:
    text = ""
    for k, model in enumerate(models):
        (tmp_path / f"n{k}.tflite").write_text(model, encoding="utf-8")
        text += f'[targets.t{k}]\nmodel = "n{k}.tflite"\nboard = "stm32h743"\n'
    result = run(tmp_path, text + '[targets.good]\nmodel = "n5.tflite"\nboard = "stm32h743"\n')
    assert result.exit_code == code
    assert result.results[-1].exit_code == 0
    assert result.results[-1].figures is not None


@pytest.mark.usefixtures("tasks")
def test_what_cannot_be_built_is_told_by_target(tmp_path: Path) -> None:
    text = """
[targets.gone]
model = "nets/none.tflite"
board = "stm32h743"
[targets.typo]
model = "n0.tflite"
board = "stm32h734"
[targets.unlabelled]
model = "n0.tflite"
board = "stm32h743"
labels = "none.txt"
[targets.good]
model = "n0.tflite"
board = "stm32h743"
"""
    gone, typo, labels, good = run(tmp_path, text).results
    assert [r.exit_code for r in (gone, typo, labels, good)] == [1, 2, 1, 0]
    assert gone.error is not None
    assert 'model = "nets/none.tflite"' in gone.error.message
    assert str(tmp_path) in gone.error.message
    assert "relative" in gone.error.hint
    assert typo.error is not None
    assert "Did you mean stm32h743" in typo.error.hint
    assert labels.error is not None
    assert "none.txt" in labels.error.message


@pytest.mark.usefixtures("tasks")
def test_relative_limits_need_a_baseline_of_the_same_board(tmp_path: Path) -> None:
    text = '[targets.a]\nmodel = "n0.tflite"\nboard = "stm32h743"\nbudget.ram = "+1 %"\n'
    without = run(tmp_path, text)
    assert without.exit_code == 2
    assert without.results[0].error is not None
    assert "no baseline" in without.results[0].error.message
    assert "--update-baseline" in without.results[0].error.hint
    run(tmp_path, text, update_baseline=True)
    assert run(tmp_path, text).exit_code == 0
    other = run(tmp_path, text.replace("h743", "l4r9"))
    assert other.exit_code == 2
    assert other.results[0].error is not None
    assert "of the board stm32h743, not stm32l4r9" in other.results[0].error.message
    absolute = run(tmp_path, text.replace("h743", "l4r9").replace("+1 %", "64 KB"))
    assert absolute.exit_code == 0
    assert absolute.results[0].before is None
    assert any("stm32h743" in note for note in absolute.results[0].notes)


def test_a_board_of_the_users_is_followed_into_its_file(tmp_path: Path, tasks: list[Task]) -> None:
    text = (BOARDS / "nucleo-h743zi2.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    one = '[targets.a]\nmodel = "n0.tflite"\nboard = "mine.toml"\nbudget.ram = "+1 %"\n'
    assert run(tmp_path, one, update_baseline=True).exit_code == 0
    assert counts(run(tmp_path, one)) == (0, 5)
    (tmp_path / "mine.toml").write_text(f"# a comment\n{text}", encoding="utf-8")
    assert counts(run(tmp_path, one)) == (0, 5)
    chip = (BOARDS / "chips" / "stm32h743.toml").read_text(encoding="utf-8")
    text = text.replace('chip = "stm32h743"', 'chip = "chip.toml"')
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    (tmp_path / "chip.toml").write_text(chip, encoding="utf-8")
    run(tmp_path, one)
    assert counts(run(tmp_path, one)) == (0, 5)
    smaller = chip.replace("ram_bytes = 0xF_8000", "ram_bytes = 0x8000")
    assert smaller != chip
    (tmp_path / "chip.toml").write_text(smaller, encoding="utf-8")
    assert counts(run(tmp_path, one)) == (4, 1)
    assert len(tasks) == 4


@pytest.mark.usefixtures("tasks")
def test_updating_some_targets_keeps_the_others(tmp_path: Path) -> None:
    run(tmp_path, SIX, update_baseline=True)
    before = (tmp_path / NAME).read_bytes()
    run(tmp_path, SIX, update_baseline=True)
    assert (tmp_path / NAME).read_bytes() == before
    for k in (1, 2):
        (tmp_path / f"n{k}.tflite").write_bytes(b"3 8 40 4")
    assert run(tmp_path, SIX, "t1", update_baseline=True).exit_code == 0
    kept = read_baseline(tmp_path / NAME)
    assert list(kept) == [f"t{k}" for k in range(6)]
    assert run(tmp_path, SIX).exit_code == 3  # t2 is as it was
    assert [r.exit_code for r in run(tmp_path, SIX).results] == [0, 0, 3, 0, 0, 0]
    (tmp_path / "n5.tflite").write_bytes(b"odd")
    run(tmp_path, "".join(TARGETS[1:]), "t5", update_baseline=True)
    assert read_baseline(tmp_path / NAME)["t5"] == kept["t5"]  # of what fails the old figures stay
    assert "t0" not in read_baseline(tmp_path / NAME)  # the file does not name it any more


@pytest.mark.usefixtures("tasks")
def test_a_damaged_baseline_is_written_anew_but_not_in_part(tmp_path: Path) -> None:
    run(tmp_path, SIX, update_baseline=True)
    sound = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(b"<<<<<<< HEAD\n" + sound)
    for only, options in ((), {}), (("t1",), {"update_baseline": True}):
        with pytest.raises(UsageError, match="no baseline"):
            run(tmp_path, SIX, *only, **options)
    assert run(tmp_path, SIX, update_baseline=True).exit_code == 0
    assert (tmp_path / NAME).read_bytes() == sound


@pytest.mark.usefixtures("tasks")
def test_absolute_limits_hold_while_the_baseline_is_updated(tmp_path: Path) -> None:
    text = '[targets.a]\nmodel = "n0.tflite"\nboard = "stm32h743"\n'
    result = run(tmp_path, text + "budget.ram = 4096\n", update_baseline=True)
    assert result.exit_code == 3
    assert (tmp_path / NAME).exists()


@pytest.mark.usefixtures("tasks")
def test_without_the_emulated_board_its_figures_are_not_judged(tmp_path: Path) -> None:
    text = '[targets.a]\nmodel = "n0.tflite"\nboard = "stm32h743"\nbudget.instructions = 5\n'
    assert run(tmp_path, text).exit_code == 3
    result = run(tmp_path, text, emulate=False)
    assert result.exit_code == 0
    assert any("instructions is not judged" in note for note in result.results[0].notes)


@pytest.mark.usefixtures("tasks")
def test_accuracy_that_was_not_measured_is_no_accuracy(tmp_path: Path) -> None:
    text = '[targets.a]\nmodel = "n0.tflite"\nboard = "stm32h743"\nbudget.accuracy = 0.9\n'
    (result,) = run(tmp_path, text).results
    assert result.exit_code == 3
    assert "labelled samples" in result.findings[0].message
    snr = run(tmp_path, text.replace("accuracy = 0.9", 'snr = "31 dB"')).results[0]
    assert "SNR 30 dB, 1 dB under the limit of 31 dB" in snr.findings[0].message


@pytest.mark.usefixtures("tasks")
def test_only_names_targets(tmp_path: Path) -> None:
    assert [r.target.name for r in run(tmp_path, SIX, "t4", "t2").results] == ["t2", "t4"]
    with pytest.raises(UsageError, match="no target 't9'") as caught:
        run(tmp_path, SIX, "t9")
    assert "t0" in caught.value.hint


@pytest.mark.usefixtures("tasks")
def test_damage_in_the_cache_is_built_again(tmp_path: Path) -> None:
    run(tmp_path, SIX, "t0")
    for path in (tmp_path / "cache" / "check").iterdir():
        path.write_bytes(path.read_bytes()[:40])
    result = run(tmp_path, SIX, "t0", update_baseline=True)
    assert counts(result) == (5, 0)
    assert json.loads((tmp_path / NAME).read_text(encoding="utf-8"))["targets"]["t0"]
