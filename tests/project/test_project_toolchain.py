"""The compiler is found, named, or its absence explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fake_model import toolchain_or_skip

from tinydeploy.board import list_boards, load_board
from tinydeploy.errors import MissingDependencyError
from tinydeploy.project import toolchain as module
from tinydeploy.project.toolchain import compiler_flags, find_toolchain


def script(folder: Path, text: str) -> str:
    """A compiler that prints `text` as its version."""
    path = folder / "compiler"
    path.write_text(f"#!{sys.executable}\nprint({text!r})\n")
    path.chmod(0o755)
    return str(path)


def test_versions_are_told() -> None:
    gcc = toolchain_or_skip("gcc")
    assert gcc.kind == "gcc"
    assert "arm-none-eabi-gcc" in gcc.version
    zig = toolchain_or_skip("zig")
    assert zig.kind == "zig"
    assert "clang" in zig.version


def test_neither_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TINYDEPLOY_CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError) as caught:
        find_toolchain()
    for words in ("apt install gcc-arm-none-eabi", "pip install ziglang", "TINYDEPLOY_CC"):
        assert words in caught.value.hint


@pytest.mark.parametrize(
    ("version", "kind"),
    [("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1", "gcc"), ("clang version 20.1.2", "zig")],
)
def test_environment_names_the_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, kind: str
) -> None:
    command = script(tmp_path, version)
    monkeypatch.setenv("TINYDEPLOY_CC", f"{command} --some-option")
    found = find_toolchain()
    assert (found.kind, found.command, found.version) == (
        kind,
        (command, "--some-option"),
        version,
    )


@pytest.mark.parametrize("command", ["/nowhere/gcc", "false", " ", "'unbalanced"])
def test_environment_names_something_else(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("TINYDEPLOY_CC", command)
    with pytest.raises(MissingDependencyError, match="does not run"):
        find_toolchain()


@pytest.mark.parametrize("name", list_boards())
@pytest.mark.parametrize("kind", ("gcc", "zig"))
def test_flags_name_core_and_fpu(name: str, kind: str) -> None:
    board = load_board(name)
    flags = compiler_flags(kind, board)
    core = board.cpu if kind == "gcc" else board.cpu.replace("-", "_")
    assert any(flag.startswith(f"-mcpu={core}") for flag in flags.compile)
    assert {f for f in flags.compile if f.startswith("-mcpu")} <= set(flags.link)
    for flag in ("-Wall", "-Wextra", "-Wconversion", "-g"):
        assert flag in flags.compile
