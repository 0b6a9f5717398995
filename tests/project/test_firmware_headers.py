"""Every header of the application and of the common target code is C99 and C++, by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tinydeploy.paths import FIRMWARE
from tinydeploy.validate.host import find_host_compiler

FOLDERS = ("app", "targets/common", "targets/libc", "include")
HEADERS = [path for folder in FOLDERS for path in sorted((FIRMWARE / folder).glob("*.h"))]
LANGUAGES = {"c": ("-std=c99", "-Wall", "-Wextra", "-Wconversion"), "c++": ("-std=c++11", "-Wall")}


def compile_text(language: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [*find_host_compiler(), "-x", language, *LANGUAGES[language], "-Werror"]
    includes = [f"-I{FIRMWARE / folder}" for folder in FOLDERS if folder != "targets/libc"]
    return subprocess.run(
        [*command, *includes, "-fsyntax-only", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_stands_alone(header: Path, language: str) -> None:
    if compile_text(language, "int nothing;\n").returncode != 0:
        pytest.skip(f"the host compiler has no {language}")
    run = compile_text(language, f'#include "{header}"\n#include "{header}"\n')
    assert run.returncode == 0, run.stderr
