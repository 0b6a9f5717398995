"""tinydeploy.toml: what it says, and what a careless user gets told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.check.sample import CONFIG, write_config
from tinydeploy.check.config import list_keys, load_config
from tinydeploy.check.limits import RESOURCES, parse_limits
from tinydeploy.errors import UsageError

ALL_KEYS = """
[defaults]
board = "stm32h743"
optimize = "ram"
[defaults.budget]
flash = "1 MB"
stack = 1200
[targets.one]
model = "nets/one.onnx"
data = "pictures"
labels = "labels.txt"
mean = [123.7, 116.3, 103.5]
std = 58
color = "bgr"
resize = "crop"
input_shape = [3, 96, 96]
layout = "nhwc"
effort = "low"
input = "rows"
io = "int8"
max_ram = "64K"
max_flash = 500_000
max_extra_macs = "10 %"
vectors = 3
baud = 921600
watchdog = 2
firmware = "mlperf"
budget = { stack = "+8 B" }
[targets.two]
model = "package.module:factory"
accelerator = "tinynpu"
weights = "w.pt"
board = "stm32l4r9"
optimize = "speed"
[targets.two.budget]
flash = []
"""


def test_a_target_has_its_own_options_and_the_defaults(tmp_path: Path) -> None:
    one, two = load_config(write_config(tmp_path, ALL_KEYS)).targets
    request, options = one.request, one.request.options
    assert (request.board, request.optimize, request.input_form) == ("stm32h743", "ram", "rows")
    assert (request.max_ram, request.max_flash, request.max_extra_macs) == (65536, 500_000, 0.1)
    assert (request.model, request.keep, request.float_ends) == ("nets/one.onnx", False, False)
    assert options.data == Path("pictures")
    assert (options.mean, options.std) == ((123.7, 116.3, 103.5), (58.0,))
    assert (options.color, options.layout, options.input_shape) == ("bgr", "nhwc", (3, 96, 96))
    assert [limit.text for limit in one.limits["flash"]] == ["1 MB"]
    assert [limit.text for limit in one.limits["stack"]] == ["+8 B"]
    assert (request.vectors, request.baud, request.watchdog) == (3, 921600, 2.0)
    assert request.mlperf
    assert one.lines == {"": 8, "flash": 6, "stack": 28}
    assert (two.request.board, two.request.optimize) == ("stm32l4r9", "speed")
    assert (request.accelerator, two.request.accelerator) == (None, "tinynpu")
    assert two.limits["flash"] == ()


BAD = [
    # what is replaced in CONFIG, by what, words of the message, words of the advice
    ("model =", "modle =", ":6: there is no key 'modle' in [targets.net]", "Did you mean model?"),
    ("instructions =", "instruction =", ":11: there is no key 'instruction'", "instructions?"),
    ("[targets.net.budget]", "[targets.net.budgets]", ":8: there is no key 'budgets'", "budget?"),
    ("[targets.net]", "[target.net]", "there is no key 'target'", "targets?"),
    ('model = "net.tflite"', "", ":5: target net has no model", "board = "),
    ('board = "stm32h743"', "", ":5: target net has no board", "board = "),
    ('"64 KB"', "200", ":9: flash = 200 are 200 bytes", '"200 KB"'),
    ('"64 KB"', "-1", ":9: flash = -1 is no limit", "negative"),
    ('"64 KB"', '"lots"', ":9: flash = 'lots'", "400 KB"),
    ('"64 KB"', '"\\u001b[2J"', ":9: flash = '\\x1b[2J'", ""),
    ('"net.tflite"', "5", ":6: model = 5 is no text", "quotes"),
    ('"net.tflite"', '"a\\u001bb"', ":6: model = 'a\\x1bb' is no text", ""),
    ('"net.tflite"', '"n.tflite"\noptimize = "fast"', ":7: optimize = 'fast'", '"speed"'),
    ('"net.tflite"', '"n.tflite"\nmax_ram = "lots"', ":7: max_ram = 'lots'", ""),
    ('"net.tflite"', '"n.tflite"\nmax_extra_macs = 10', ":7: max_extra_macs", '"10 %"'),
    ('"net.tflite"', '"n.tflite"\ninput_shape = [0]', ":7: input_shape = [0]", "[3, 96, 96]"),
    ('"net.tflite"', '"n.tflite"\nmean = "x"', ":7: mean = 'x'", "127.5"),
    ('"net.tflite"', '"n.tflite"\nvectors = -1', ":7: vectors = -1 is no whole", "1000"),
    ('"net.tflite"', '"n.tflite"\nwatchdog = [1, 2]', ":7: watchdog", "no number"),
    ("[targets.net.budget]", "[targets.net]", "is no TOML", "two names"),
    ("[targets.net]", '[targets."a/../b"]', "is no name", "letters"),
    ("[targets.net.budget]", "[targets.net.budget", "is no TOML", ""),
    ('board = "stm32h743"', 'board = "stm32h743"\nbudget = 3', "defaults.budget is no table", ""),
]


@pytest.mark.parametrize(("old", "new", "message", "advice"), BAD)
def test_mistakes_are_named_with_their_line(
    tmp_path: Path, old: str, new: str, message: str, advice: str
) -> None:
    assert old in CONFIG
    with pytest.raises(UsageError) as caught:
        load_config(write_config(tmp_path, CONFIG.replace(old, new, 1)))
    assert message in caught.value.message
    assert advice in f"{caught.value.message} {caught.value.hint}"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no targets"),
        ("[targets]\n", "names no targets"),
        ("targets = 5\n", "targets is no table"),
        ("[targets]\na = 5\n", "targets.a is no table"),
        ("\n" * 3000, "2000 lines"),
        ("x" * 100_000, "characters"),
        ("a = " + "[" * 5000, ""),
        ("\ufeff[targets]\n", "names no targets"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(write_config(tmp_path, text))
    assert words in caught.value.message


def test_what_the_manual_shows_is_what_the_reader_takes(tmp_path: Path) -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- file: tinydeploy.toml -->\n\n((?:    .*\n|\n)+)", manual)
    assert block is not None
    assert len(block[1].strip().splitlines()) <= 10
    (target,) = load_config(write_config(tmp_path, re.sub(r"(?m)^    ", "", block[1]))).targets
    assert set(target.limits) == {"flash", "ram", "instructions"}
    listed = manual.partition("with `_` for `-`: ")[2].partition(". `max")[0]
    keys = set(re.findall(r"`(\w+)`", listed))
    assert keys == set(list_keys())
    for resource in RESOURCES.values():
        line = re.search(rf"(?m)^\| `{resource.name}` \|.*$", manual)
        assert line is not None
        _, _, absolute, relative = line[0].strip("| ").split(" | ")
        for text in re.findall(r"`([^`]+)`", f"{absolute} {relative}"):
            assert parse_limits(resource, tomllib.loads(f"x = {text}")["x"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read") as caught:
        load_config(tmp_path / "none.toml")
    assert "docs/ci.md" in caught.value.hint
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="no UTF-8"):
        load_config(tmp_path / "bytes.toml")
    with pytest.raises(UsageError, match="cannot read"):
        load_config(tmp_path)
