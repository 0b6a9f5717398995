"""C text for values, read back by a C compiler's rules."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydeploy.codegen.constants import split_constants
from tinydeploy.codegen.environment import block, indented, make_environment, wrapped
from tinydeploy.codegen.text import byte_lines, c_comment, c_float, c_string
from tinydeploy.errors import InternalError


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literals_read_back_exactly(value: float) -> None:
    text = c_float(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text)
    assert "." in text or "e" in text
    assert np.float32(text[:-1]) == np.float32(value)


@given(st.text())
def test_string_literals_read_back(text: str) -> None:
    literal = c_string(text.encode(errors="replace").decode())
    assert literal.isascii()
    assert "?" not in literal
    # Octal escapes mean the same in Python's byte strings.
    assert ast.literal_eval("b" + literal) == text.encode(errors="replace")


def test_escapes_end_before_digits() -> None:
    assert c_string("é1") == '"\\303\\2511"'


@given(st.text(max_size=300))
def test_comments_stay_comments(text: str) -> None:
    comment = c_comment(text)
    assert comment.isascii()
    assert comment.isprintable()
    assert "*" not in comment
    assert "\\" not in comment
    assert len(comment) <= 100


@given(st.binary(max_size=300))
def test_bytes_read_back(data: bytes) -> None:
    lines = list(byte_lines(data))
    assert bytes(int(value) for line in lines for value in line.split(",")[:-1]) == data
    assert all(len(line) <= 116 for line in lines)


def test_constants_get_external_linkage() -> None:
    text = (
        "static const int8_t net_layer0_weights[4] = {\n    1,-2,3,4,\n};\n"
        "static const td_channel net_layer0_channels[1] = {\n    {1, 2, 3, -128},\n};\n"
    )
    constants = split_constants(text)
    assert constants.declarations == (
        "extern const int8_t net_layer0_weights[4];",
        "extern const td_channel net_layer0_channels[1];",
    )
    assert constants.definitions == text.replace("static ", "")
    assert split_constants("").declarations == ()


@pytest.mark.parametrize(
    "text",
    ["static const int8_t a = 3;\n", "static int8_t a[1] = {\n    1,\n};\n", "int a[1] = {1};\n"],
)
def test_other_definitions_are_refused(text: str) -> None:
    with pytest.raises(InternalError):
        split_constants(text)


def test_filters() -> None:
    assert block("") == ""
    assert block("\na\n\n") == "a\n"
    assert indented("a\n\nb\n") == "    a\n\n    b\n"


def test_long_calls_are_wrapped() -> None:
    short = "    f(a, b);\n"
    assert wrapped(short) == short
    call = f"    td_kernel(&{'x' * 50}, &{'y' * 50}, &{'z' * 50}, first, last);\n"
    assert wrapped(short + call).splitlines() == [
        "    f(a, b);",
        f"    td_kernel(&{'x' * 50}, &{'y' * 50},",
        f"              &{'z' * 50}, first, last);",
    ]
    assert wrapped("x" * 200) == "x" * 200


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        make_environment().from_string("{{ nothing }}").render()
