import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from params_files import MAGICS, TYPES, encode_array, encode_list

from tinydeploy.errors import InputFileError
from tinydeploy.model.mxnet_params import parse_params, read_params

SAMPLE = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.gamma": np.array([1.5, -2.5], np.float32),
}
GOOD = encode_list([encode_array(a) for a in SAMPLE.values()], [n.encode() for n in SAMPLE])


@pytest.mark.parametrize("version", ["V0", *MAGICS])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_version_and_type(version, dtype):
    array = np.arange(6).astype(dtype).reshape(1, 2, 3)
    result = parse_params(encode_list([encode_array(array, version)], ["ü".encode()]), "file")
    assert list(result) == ["ü"]
    assert result["ü"].dtype == dtype
    np.testing.assert_array_equal(result["ü"], array)


def test_scalars_and_empty_arrays():
    nothing = struct.pack("<Iii", MAGICS["V2"], 0, 0)
    unknown = struct.pack("<Iii", MAGICS["V3"], 0, -1)
    scalar = encode_array(np.array(7, np.int32), "V3")
    hollow = encode_array(np.zeros((3, 0), np.float32))
    result = parse_params(
        encode_list([nothing, unknown, scalar, hollow], [b"n", b"u", b"s", b"h"]), "file"
    )
    assert [result[name].shape for name in "nush"] == [(0,), (0,), (), (3, 0)]
    assert result["s"] == 7


def test_read_from_disk(tmp_path):
    path = tmp_path / "w.params"
    path.write_bytes(GOOD)
    for name, array in read_params(path).items():
        np.testing.assert_array_equal(array, SAMPLE[name])
    with pytest.raises(InputFileError, match="cannot read"):
        read_params(tmp_path / "missing.params")


BIG = struct.pack("<IiiqqIII", MAGICS["V2"], 0, 2, 2**62, 2**62, 1, 0, 0)
ONE = encode_array(np.ones(2, np.float32))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header needs 16 bytes, 0 are left"),
        (encode_list([], [], magic=0x113), "starts with 0x113, not with 0x112"),
        (encode_list([], [], count=2**63), "number of arrays is 9223372036854775808"),
        (encode_list([ONE], [b"a"], count=2), "array 1"),
        (encode_list([BIG], [b"a"]), "array 0, shape .* needs"),
        (encode_list([encode_array(np.ones(1, np.float32), kind=99)], [b"a"]), "unknown type 99"),
        (encode_list([encode_array(np.ones(1, np.float32), kind=-1)], [b"a"]), "unknown type -1"),
        (encode_list([encode_array(np.ones(1, np.float32), storage=1)], [b"a"]), "storage type 1"),
        (encode_list([struct.pack("<IiI", MAGICS["V2"], 0, 17)], [b"a"]), "impossible rank"),
        (encode_list([struct.pack("<Iii", MAGICS["V2"], 0, -1)], [b"a"]), "impossible rank"),
        (encode_list([struct.pack("<Iiiq", MAGICS["V2"], 0, 1, -4)], [b"a"]), "shape"),
        (encode_list([struct.pack("<I", 0xDEADBEEF)], [b"a"]), "unknown magic, 0xdeadbeef"),
        (encode_list([ONE], []), "1 arrays but 0 names"),
        (encode_list([ONE, ONE], [b"a", b"a"]), "'a' occurs 2 times"),
        (encode_list([ONE], [b"\xff\xfe"]), "not UTF-8"),
        (GOOD + b"x", "1 bytes are left over"),
    ],
)
def test_what_is_wrong_is_said(data, message):
    with pytest.raises(InputFileError, match=message) as caught:
        parse_params(data, "some.params")
    assert "some.params" in caught.value.message
    assert caught.value.hint


def test_every_truncation_is_noticed():
    for size in range(len(GOOD)):
        with pytest.raises(InputFileError):
            parse_params(GOOD[:size], "file")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=6))
def test_damage_is_an_error_or_harmless(changes):
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    try:
        result = parse_params(bytes(data), "file")
    except InputFileError:
        return
    assert len(result) == len(SAMPLE)
