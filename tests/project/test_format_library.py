"""The library builds with any compiler, for any core, and gives the reference's bytes there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from handovers import STRICT, find_or_skip, hand_over, run, run_quietly, sources_below, write_format

from tinydeploy.emulate.bare import CODE_ADDRESS, DATA_ADDRESS, call_entry
from tinydeploy.paths import FIRMWARE
from tinydeploy.plan.plan import InputForm

CASES: list[tuple[str, InputForm]] = [
    ("classifier", "arena"),
    ("classifier", "kept"),
    ("classifier", "rows"),
    ("several_ends", "arena"),
    ("several_ends", "kept"),
    ("streaming", "arena"),
    ("detector", "arena"),
]
ARM = "arm-none-eabi-gcc"
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33")
STRING_H = """\
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
"""


def compilers() -> dict[str, tuple[str, ...]]:
    zig = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")
    return {"gcc": ("gcc",), "clang": ("clang",), "zig": zig}


def command_of(name: str) -> tuple[str, ...]:
    if name == "zig":
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("the Python package ziglang is not installed")
    else:
        find_or_skip(name)
    return compilers()[name]


def build_example(folder: Path, *command: str) -> Path:
    """Compiles the example with all files of src/, as its README says, and nothing is said."""
    files = sources_below(folder, ".c", ".S")
    run_quietly([*command, *STRICT, "-Isrc", *files, "-o", "example.out"], folder)
    return folder / "example.out"


@pytest.mark.parametrize(("net", "form"), CASES)
def test_example_of_every_form_with_sanitizers(tmp_path: Path, net: str, form: InputForm) -> None:
    write_format(tmp_path, "library", hand_over(net, form))
    sanitizers = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    program = build_example(tmp_path, *command_of("gcc"), *sanitizers)
    run_quietly([program], tmp_path)


@pytest.mark.parametrize("name", ["gcc", "clang", "zig"])
def test_compilers_of_the_host(tmp_path: Path, name: str) -> None:
    write_format(tmp_path, "library", hand_over("inverted_residuals"))
    run_quietly([build_example(tmp_path, *command_of(name), "-O2")], tmp_path)


def test_selftest_finds_a_wrong_weight(tmp_path: Path) -> None:
    write_format(tmp_path, "library", hand_over("several_ends"))
    weights = tmp_path / "src/net/weights.c"
    text = weights.read_text()
    changed = re.sub(r"(_weights\[\d+\] = \{\n    )-?\d+,", r"\g<1>99,", text, count=1)
    assert changed != text
    weights.write_text(changed)
    assert run([build_example(tmp_path, *command_of("gcc"))], tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("core", "portable"), [*((core, False) for core in CORES), ("cortex-m4", True)]
)
def test_cores(tmp_path: Path, core: str, portable: bool) -> None:
    """The example runs on the core; with the DSP extension its loops are assembly, else C."""
    pytest.importorskip("unicorn", reason="the emulator is not installed")
    find_or_skip(ARM)
    write_format(tmp_path, "library", hand_over("inverted_residuals"))
    places = (f"-Wl,-Ttext={CODE_ADDRESS:#x}", f"-Wl,-Tdata={DATA_ADDRESS:#x}", "-Wl,-e,main")
    define = ("-DTD_PORTABLE",) if portable else ()
    program = build_example(
        tmp_path, ARM, f"-mcpu={core}", "-mthumb", "-O2", "-nostartfiles", *define, *places
    )
    assembly = core in ("cortex-m4", "cortex-m33") and not portable
    assert (b"smlad" in disassemble(program)) == assembly
    assert call_entry(program, core=core) == 0


def disassemble(program: Path) -> bytes:
    done = run(["arm-none-eabi-objdump", "-d", program.name], program.parent)
    assert done.returncode == 0
    return done.stdout.encode()


def test_compiler_without_extensions(tmp_path: Path) -> None:
    """What is no GNU compiler sees no attribute, no builtin, no assembly; its structs have gaps."""
    write_format(tmp_path, "library", hand_over("inverted_residuals"))
    files = sources_below(tmp_path, ".c")
    plain = ("-std=c11", "-pedantic-errors", "-ffreestanding", "-U__GNUC__", "-Isrc")
    include = ("-isystem", "libc")
    (tmp_path / "libc").mkdir()
    (tmp_path / "libc/string.h").write_text(STRING_H)
    run_quietly([*command_of("gcc"), *plain, *include, *files, "-o", "example.out"], tmp_path)
    run_quietly([tmp_path / "example.out"], tmp_path)
    seen = run(["gcc", *plain, *include, "-E", *files], tmp_path).stdout
    ours = r'^# \d+ "(?:src|example)/.*\n((?:[^#].*\n|\n)*)'
    text = "".join(re.findall(ours, seen, re.MULTILINE))
    assert "net_layer0(int32_t" in text
    assert not re.search(r"\b__\w+", text)


def test_c99_without_attributes_is_told_what_to_define(tmp_path: Path) -> None:
    write_format(tmp_path, "library", hand_over("classifier"))
    plain = (*command_of("gcc"), "-std=c99", "-ffreestanding", "-U__GNUC__", "-Isrc", "-c")
    refused = run([*plain, "src/net/model.c"], tmp_path)
    assert "Define TD_ALIGNED(bytes)" in refused.stderr


@pytest.mark.parametrize("form", ["arena", "kept", "rows"])
def test_headers_in_cplusplus(tmp_path: Path, form: InputForm) -> None:
    compiler = find_or_skip("g++", "clang++")
    write_format(tmp_path, "library", hand_over("classifier", form))
    headers = sources_below(tmp_path / "src", ".h")
    assert "net/model.h" in headers
    lines = [f'#include "{header}"\n' for header in headers]
    text = "".join(lines) + "int main() { return net_selftest() + net_output()[0]; }\n"
    (tmp_path / "user.cc").write_text(text)
    flags = ("-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Isrc")
    run_quietly([compiler, *flags, "-c", "user.cc", "-o", "user.o"], tmp_path)
    symbols = run(["nm", "user.o"], tmp_path).stdout
    assert " U net_selftest\n" in symbols
    assert " U net_output\n" in symbols


def test_cmake_as_a_part_of_another_project(tmp_path: Path) -> None:
    cmake = find_or_skip("cmake")
    command_of("gcc")
    write_format(tmp_path / "third party/net", "library", hand_over("classifier"))
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(theirs C)\n"
        'add_subdirectory("third party/net")\n'
        "add_executable(theirs main.c)\ntarget_link_libraries(theirs PRIVATE tinydeploy_net)\n"
    )
    (tmp_path / "main.c").write_text(
        '#include "net/selftest.h"\nint main(void) { return net_selftest(); }\n'
    )
    for command in ([cmake, "-B", "out"], [cmake, "--build", "out"], [tmp_path / "out/theirs"]):
        run_quietly(command, tmp_path)


@pytest.mark.parametrize(("net", "form"), CASES)
def test_needs_nothing_but_itself_and_memory_functions(
    tmp_path: Path, net: str, form: InputForm
) -> None:
    write_format(tmp_path, "library", hand_over(net, form))
    found = set()
    for file in sources_below(tmp_path, ".c", ".h", ".S"):
        text = (tmp_path / file).read_text()
        assert text.startswith("/* SPDX-License-Identifier: 0BSD */\n")
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)
        if file.startswith(("src/net/", "example/")):  # the others are no generated text
            assert max(map(len, text.splitlines())) <= 120, file
        found |= set(re.findall(r"#include <(.*)>", text))
        for header in re.findall(r'#include "(.*)"', text):
            folders = (tmp_path / "src", (tmp_path / file).parent)
            assert any((folder / header).exists() for folder in folders)
    assert found <= {"stdint.h", "stddef.h", "string.h", "arm_acle.h"}
    assert (tmp_path / "LICENSE").read_bytes() == (FIRMWARE / "LICENSE").read_bytes()


@pytest.mark.parametrize("own", [False, True], ids=["in .bss", "in sections"])
def test_arena_is_a_variable_unless_asked_for(tmp_path: Path, own: bool) -> None:
    """In a linker script that does not know a section, what is in it would become file content."""
    write_format(tmp_path, "library", hand_over("classifier"))
    define = ("-DTD_ARENA_SECTIONS",) if own else ()
    run_quietly([find_or_skip(ARM), *STRICT, *define, "-Isrc", "-c", "src/net/model.c"], tmp_path)
    with (tmp_path / "model.o").open("rb") as stream:
        sizes = {section.name: section["sh_size"] for section in ELFFile(stream).iter_sections()}
    (arena,) = hand_over("classifier").plan.arenas
    assert (sizes.get(f".td_arena.{arena.memory}") == arena.size) == own
    assert (sizes[".bss"] >= arena.size) != own


def test_usage_in_the_readme_compiles(tmp_path: Path) -> None:
    for number, (net, form) in enumerate(CASES):
        folder = write_format(tmp_path / str(number), "library", hand_over(net, form))
        text = (folder / "README.md").read_text()
        code = re.search(r"\n\n((?:    .*\n|\n)+)", text)
        assert code
        include, _, body = code[1].partition("\n")
        stands_for = "extern const int8_t buffer[], buffer_0[], buffer_1[], *next_row(void);\n"
        program = f"{include}\n{stands_for}void use(void)\n{{\n{body}}}\n"
        (folder / "use.c").write_text(program)
        flags = (*STRICT, "-Wno-unused-variable", "-Isrc", "-c", "use.c")
        run_quietly([*command_of("gcc"), *flags], folder)
