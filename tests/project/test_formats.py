"""What holds for every format: chosen by a build, complete, the same each time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from handovers import find_or_skip, hand_over, run_quietly, sources_below

from tests.builders import conv_model
from tinydeploy.cli.console import StageView
from tinydeploy.cli.options import FormatChoice
from tinydeploy.paths import FIRMWARE
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.plan import InputForm
from tinydeploy.project.formats.make import Format, format_files

FORMATS: tuple[Format, ...] = tuple(f for f in get_args(Format) if f != "cmake")


def test_the_command_line_offers_every_format() -> None:
    assert {choice.value for choice in FormatChoice} == set(get_args(Format))


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.parametrize("form", ["arena", "kept", "rows"])
def test_files_are_whole_and_the_same_each_time(chosen: Format, form: InputForm) -> None:
    files = format_files(chosen, hand_over("classifier", form))
    assert files == format_files(chosen, hand_over("classifier", form))
    assert list(files) == sorted(files)
    assert files["LICENSE"] == (FIRMWARE / "LICENSE").read_bytes()
    assert files["README.md"].startswith(b"# net ")
    for path, content in files.items():
        text = content.decode()
        assert text.endswith("\n"), path
        assert not re.search(r"\{\{ \w", text), path
        assert "{%" not in text, path
        assert "None" not in text, path
        assert "\n\n\n" not in text, path
        assert not re.search(r"[ \t]$", text, re.MULTILINE), path
        if path.endswith((".c", ".h", ".S", ".cc", ".ino")):
            assert text.startswith("/* SPDX-License-Identifier: 0BSD */\n"), path


def test_a_build_writes_the_format_beside_the_firmware(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(conv_model((8, 8, 3), 4))
    request = BuildRequest(
        "stm32l4r9",
        str(tmp_path / "net.tflite"),
        output=tmp_path / "out",
        chosen_format="library",
        emulate=False,
    )
    folder = build_image(request, StageView(quiet=True)).folder
    assert folder is not None
    assert {path.name for path in folder.iterdir()} >= {"firmware", "library", "report.json"}
    library = folder / "library"
    for path in ("net/model.c", "net/weights.c"):
        assert (library / "src" / path).read_bytes() == (folder / "firmware" / path).read_bytes()
    gcc = find_or_skip("gcc")
    run_quietly([gcc, "-Isrc", *sources_below(library, ".c"), "-o", "example.out"], library)
    run_quietly([library / "example.out"], library)
