"""Thirteen instructions, each bit of each of them accounted for."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tinydeploy.errors import ProgramError
from tinydeploy.npu.isa import FORMATS, INSTRUCTION_BYTES, Format, decode, encode, make


def test_thirteen_instructions_in_three_classes() -> None:
    assert len(FORMATS) == len({form.opcode for form in FORMATS}) == 13
    assert Counter(form.kind for form in FORMATS) == {"tensor": 6, "neural": 3, "control": 4}
    digits = {"tensor": 1, "neural": 2, "control": 3}
    assert all(form.opcode >> 4 == digits[form.kind] for form in FORMATS)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_fields_do_not_share_bits(form: Format) -> None:
    used = [0xFF, *[0] * 7]
    for field in form.fields:
        assert field.bit + field.width <= 32
        assert not used[field.word] & field.mask
        used[field.word] |= field.mask
    assert tuple(used) == form.masks
    assert len({field.name for field in form.fields}) == len(form.fields)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_round_trip_at_the_ends_of_every_field(form: Format) -> None:
    rng = random.Random(form.opcode)
    draws = [
        lambda field: field.least,
        lambda field: field.most,
        lambda field: rng.randint(field.least, field.most),
    ]
    for draw in draws:
        made = make(form.name, **{field.name: draw(field) for field in form.fields})
        data = encode(made)
        assert len(data) == INSTRUCTION_BYTES
        assert data[0] == form.opcode
        assert decode(data) == made


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_other_bit_is_reserved(form: Format) -> None:
    good = encode(make(form.name))
    for word, mask in enumerate(form.masks):
        for bit in range(32):
            if not mask >> bit & 1:
                bad = bytearray(good)
                bad[4 * word + bit // 8] |= 1 << bit % 8
                with pytest.raises(ProgramError, match=f"reserved bits of word {word}"):
                    decode(bytes(bad))


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_values_out_of_range_are_refused(form: Format) -> None:
    for field in form.fields:
        for value in (field.least - 1, field.most + 1):
            with pytest.raises(ProgramError, match=f"{field.name} is {value}"):
                make(form.name, **{field.name: value})
        if field.least == 1:
            bad = bytearray(encode(make(form.name)))
            clear = ~(field.mask << 32 * field.word)
            number = int.from_bytes(bad, "little") & clear
            with pytest.raises(ProgramError, match=f"{field.name} is 0"):
                decode(number.to_bytes(INSTRUCTION_BYTES, "little"))


def test_unknown_opcodes_are_refused() -> None:
    known = {form.opcode for form in FORMATS}
    for opcode in set(range(256)) - known:
        with pytest.raises(ProgramError, match="is no instruction"):
            decode(bytes([opcode, *bytes(INSTRUCTION_BYTES - 1)]))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ProgramError, match="there is no instruction FFT"):
        make("FFT")
    with pytest.raises(ProgramError, match="HALT has no operand src"):
        make("HALT", src=0)
