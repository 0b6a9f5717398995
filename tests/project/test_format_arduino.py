"""The Arduino library: its properties, its layout, and its sketch with a stand-in for the board."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from handovers import find_or_skip, hand_over, run, run_quietly, sources_below, write_format

from tinydeploy.plan.plan import InputForm

# Those that the specification asks for, and those more that are used here.
REQUIRED = {
    *("name", "version", "author", "maintainer", "sentence", "paragraph"),
    *("category", "url", "architectures"),
}
MORE = {"includes", "license"}
CATEGORIES = {
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing"),
    *("Data Storage", "Data Processing", "Other"),
}
ARDUINO_H = """\
#include <cstdio>
struct HardwareSerial {
    void begin(unsigned long) {}
    explicit operator bool() const { return true; }
    void print(const char *text) { std::fputs(text, stdout); }
    void println(const char *text) { std::puts(text); }
    void println(long value) { std::printf("%ld\\n", value); }
};
static HardwareSerial Serial;
static void delay(unsigned long) {}
"""
MAIN = "int main() { setup(); loop(); loop(); }\n"


def properties(folder: Path) -> dict[str, str]:
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_properties(tmp_path: Path) -> None:
    write_format(tmp_path, "arduino", hand_over("classifier"))
    found = properties(tmp_path)
    assert set(found) == REQUIRED | MORE
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,62}", found["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
    assert found["sentence"].endswith(".")
    assert found["category"] in CATEGORIES
    assert "avr" not in found["architectures"].split(",")
    assert (tmp_path / "src" / found["includes"]).is_file()


def test_layout(tmp_path: Path) -> None:
    """Sources below src/ are compiled, whatever their folder; a sketch has its folder's name."""
    write_format(tmp_path, "arduino", hand_over("classifier"))
    assert all(path.startswith("src/") for path in sources_below(tmp_path, ".c", ".h", ".S"))
    assert sources_below(tmp_path, ".ino") == ["examples/selftest/selftest.ino"]
    for folder in ("extras", "utility", "library.json"):
        assert not (tmp_path / folder).exists()


@pytest.mark.parametrize("form", ["arena", "kept", "rows"])
def test_sketch_runs(tmp_path: Path, form: InputForm) -> None:
    gcc, cplusplus = find_or_skip("gcc"), find_or_skip("g++")
    write_format(tmp_path, "arduino", hand_over("classifier", form))
    sketch = (tmp_path / "examples/selftest/selftest.ino").read_text()
    (tmp_path / "sketch.cpp").write_text(f"{ARDUINO_H}{sketch}{MAIN}")
    (tmp_path / "objects").mkdir()
    sources = [f"../{path}" for path in sources_below(tmp_path, ".c", ".S")]
    run_quietly([gcc, "-I../src", "-c", *sources], tmp_path / "objects")
    objects = [f"objects/{path}" for path in sources_below(tmp_path / "objects", ".o")]
    # As Arduino's cores do: the newest C++ they have, and hardly a warning.
    flags = ("-std=gnu++17", "-Wall", "-Wextra", "-Isrc")
    run_quietly([cplusplus, *flags, "sketch.cpp", *objects, "-o", "sketch.out"], tmp_path)
    said = run([tmp_path / "sketch.out"], tmp_path).stdout
    assert re.fullmatch(r"net: self-test ok\n(net: largest at [012]\n){2}", said)


def test_processor_of_16_bits_is_refused(tmp_path: Path) -> None:
    """An int of 16 bits, as AVR has it, stops the compiler before any wrong answer."""
    write_format(tmp_path, "arduino", hand_over("classifier"))
    text = (tmp_path / "src/td_types.h").read_text()
    narrow = text.replace("sizeof(int) >=", "sizeof(short) >=")
    assert narrow != text
    (tmp_path / "src/td_types.h").write_text(narrow)
    refused = run([find_or_skip("gcc"), "-Isrc", "-c", "src/net/model.c"], tmp_path)
    assert "td_int_has_32_bits" in refused.stderr
