"""The generated API of kept inputs and of pushed rows: its examples, its symbols, its refusals."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from builders import ModelBuilder
from c_build import ARM, compile_c, kernel_files, make_sources, run, write_sources
from nets import classifier

from tinydeploy.plan.plan import InputForm

HOST = ("gcc", "-std=c99", "-fsanitize=undefined")
needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
needs_arm = pytest.mark.skipif(not shutil.which(ARM[0]), reason=f"{ARM[0]} is not installed")
FORMS: tuple[InputForm, ...] = ("kept", "rows")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["pets", "a_name_as_long_as_it_gets_in_int8"])
def test_lines_and_licence(form: InputForm, name: str) -> None:
    for text in make_sources(classifier(), name, form)[2].values():
        assert text.startswith("/* SPDX-License-Identifier: 0BSD */\n")
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)
        assert max(map(len, text.splitlines())) <= 120


@needs_arm
@pytest.mark.parametrize("form", FORMS)
def test_no_warnings(form: InputForm, tmp_path: Path) -> None:
    write_sources(tmp_path, make_sources(classifier(), "net", form)[2])
    compile_c((*ARM, "-std=c99"), tmp_path, ["net/model.c", "net/weights.c"], ["-c"])


MISUSE_OF_ROWS = """
#include "net/model.h"
#include <stdio.h>
#include <string.h>
static const int8_t picture[NET_INPUT_SIZE];
static const int8_t noise[NET_INPUT_ROW_SIZE] = { 99, -99, 7 };
static int push(int row) { return net_push_row(picture + row * NET_INPUT_ROW_SIZE); }
int main(void)
{
    int wrong = net_push_row(NULL) != NET_BAD_INPUT;
    for (int row = 0; row < NET_INPUT_ROWS; row++) {
        wrong += push(row) != NET_INPUT_ROWS - 1 - row;
        wrong += net_push_row(NULL) != NET_BAD_INPUT; /* between two rows: as if nothing had been */
    }
    int8_t once[NET_OUTPUT_SIZE];
    memcpy(once, net_output(), sizeof once);
    for (int row = 0; row < 5; row++) {
        wrong += net_push_row(noise) != NET_INPUT_ROWS - 1 - row;
    }
    net_begin();
    for (int row = 0; row < NET_INPUT_ROWS; row++) {
        wrong += push(row) != NET_INPUT_ROWS - 1 - row;
    }
    wrong += memcmp(once, net_output(), sizeof once) != 0;
    wrong += push(0) != NET_INPUT_ROWS - 1; /* the next inference begins by itself */
    printf("%d\\n", wrong);
    return 0;
}
"""

MISUSE_OF_KEPT = """
#include "net/model.h"
#include <stdio.h>
#include <string.h>
static __attribute__((aligned(4))) int8_t pictures[2][4 * (NET_INPUT_SIZE / 4 + 1)];
int main(void)
{
    int wrong = net_run() != NET_BAD_INPUT;
    wrong += net_set_input(NULL) != NET_BAD_INPUT;
    wrong += net_set_input(pictures[0] + 1) != NET_BAD_INPUT;
    wrong += net_run() != NET_BAD_INPUT;
    pictures[1][7] = 100;
    wrong += net_set_input(pictures[1]) != 0 || net_run() != 0;
    int8_t first[NET_OUTPUT_SIZE];
    memcpy(first, net_output(), sizeof first);
    wrong += net_set_input(pictures[0] + 2) != NET_BAD_INPUT; /* changes nothing */
    wrong += net_run() != 0 || memcmp(first, net_output(), sizeof first) != 0;
    wrong += net_set_input(pictures[0]) != 0 || net_run() != 0;
    wrong += memcmp(first, net_output(), sizeof first) == 0;
    printf("%d\\n", wrong);
    return 0;
}
"""


@needs_gcc
@pytest.mark.parametrize(("form", "program"), [("rows", MISUSE_OF_ROWS), ("kept", MISUSE_OF_KEPT)])
def test_misuse_is_refused_and_changes_nothing(
    tmp_path: Path, form: InputForm, program: str
) -> None:
    b = ModelBuilder(7)
    tflite = b.finish([b.conv(b.conv(b.input((9, 5, 3)), 4), 3)])
    assert run_program(tmp_path, tflite, form, program) == b"0\n"


def run_program(folder: Path, tflite: bytes, form: InputForm, program: str) -> bytes:
    graph, plan, sources = make_sources(tflite, "net", form)
    write_sources(folder, sources)
    (folder / "main.c").write_text(program)
    files = ["main.c", "net/model.c", "net/weights.c", *kernel_files(graph, plan)]
    compile_c(HOST, folder, files, ["-o", "main"])
    return run(folder / "main")


EXAMPLES = {
    "rows": """
static int8_t picture[NET_INPUT_SIZE];
static int taken;
static const int8_t *line(void) { return picture + taken++ * NET_INPUT_ROW_SIZE; }
int main(void) { printf("%d\\n", net_best(line)); return 0; }
""",
    "kept": """
static __attribute__((aligned(4))) const int8_t picture[NET_INPUT_SIZE];
int main(void) { printf("%d\\n", net_best(picture)); return 0; }
""",
}


@needs_gcc
@pytest.mark.parametrize("form", FORMS)
def test_the_example_of_the_header_compiles_and_runs(tmp_path: Path, form: InputForm) -> None:
    """The picture has some class; MISUSE_OF_... shows that results are right."""
    header = make_sources(classifier(), "net", form)[2]["net/model.h"]
    example = re.findall(r"^ \*     (.*)$", header, re.MULTILINE)
    text = "\n".join(example) + "\n#include <stdio.h>\n" + EXAMPLES[form]
    assert run_program(tmp_path, classifier(), form, text) in (b"0\n", b"1\n", b"2\n")
