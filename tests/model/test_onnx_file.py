import os

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_nets import export, make_model, make_torch_net, save

from tinydeploy.errors import InputFileError
from tinydeploy.model.onnx_file import read_onnx_file


def damage_type(model):
    model.graph.initializer[0].data_type = 99


def damage_shape(model):
    model.graph.initializer[0].dims[0] = 5


def damage_negative(model):
    model.graph.initializer[0].dims[0] = -4


def damage_size(model):
    model.graph.initializer[0].dims[0] = 1 << 40


def damage_order(model):
    model.graph.node[0].input[0] = "nobody's"


def damage_operator(model):
    model.graph.node[0].op_type = "Convulsion"


def damage_graph(model):
    model.ClearField("graph")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_type, "'w' has the unknown type 99"),
        (damage_shape, "not a valid ONNX model: .*too small"),
        (damage_negative, r"'w' has the shape \[-4, 3, 1, 1\]"),
        (damage_size, "more than 512 MB of weights"),
        (damage_order, "not a valid ONNX model: .*'nobody's' of node\n"),
        (damage_operator, "not a valid ONNX model.*Convulsion"),
        (damage_graph, "holds no network"),
    ],
)
def test_broken_rules(tmp_path, damage, message):
    model = make_model()
    damage(model)
    with pytest.raises(InputFileError, match=message) as caught:
        read_onnx_file(save(model, tmp_path / "net.onnx"))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no ONNX file"),
        (b"hello, I am no network", "no ONNX file"),
        (b"PK\x03\x04" + bytes(100), "no ONNX file"),
        (bytes(1000), "no ONNX file"),
        (None, "there is no file"),
    ],
)
def test_other_files(tmp_path, content, message):
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputFileError, match=message) as caught:
        read_onnx_file(path)
    assert caught.value.hint


def test_no_file_at_all(tmp_path):
    with pytest.raises(InputFileError, match="is no file"):
        read_onnx_file(tmp_path)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(InputFileError, match="is no file"):
        read_onnx_file(tmp_path / "pipe.onnx")
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(InputFileError, match="larger than 512 MB"):
        read_onnx_file(tmp_path / "huge.onnx")


def test_no_truncation_and_no_flipped_byte_does_more_than_an_error(tmp_path):
    """Most damage is noticed; what is not (a weight's byte) leaves a valid model."""
    path = export(make_torch_net(), tmp_path / "net.onnx")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    errors = 0
    for size in (0, 1, 5, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputFileError):
            read_onnx_file(path)
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            read_onnx_file(path)
        except InputFileError:
            errors += 1
    assert errors > 20


def test_weights_in_a_file_beside_it(tmp_path):
    values = np.arange(12, dtype=np.float32)
    model = make_model(external="weights.bin")
    model.graph.initializer[0].external_data.add(key="offset", value="4")
    path = save(model, tmp_path / "net.onnx")
    with pytest.raises(InputFileError, match=r"the file weights\.bin, which is not beside"):
        read_onnx_file(path)
    (tmp_path / "weights.bin").write_bytes(b"skip" + values.tobytes())
    read = read_onnx_file(path)
    np.testing.assert_array_equal(numpy_helper.to_array(read.graph.initializer[0]).ravel(), values)
    onnx.checker.check_model(read)
    (tmp_path / "weights.bin").write_bytes(b"skip" + values.tobytes()[:-1])
    with pytest.raises(InputFileError, match=r"weights\.bin is truncated: it ends within 'w'"):
        read_onnx_file(path)


@pytest.mark.parametrize(
    "entries",
    [
        {"location": "../secret"},
        {"location": "link"},
        {"location": "/etc/passwd"},
        {"location": ""},
        {"location": "a\0b"},
        {"location": "x" * 5000},
        {"location": "w", "offset": "-1"},
        {"location": "w", "offset": "9" * 30},
        {"location": "w", "offset": "four"},
        {"location": "w", "length": "1"},
        {"location": "."},
    ],
)
def test_weights_elsewhere_are_not_read(tmp_path, entries):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(48))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "w").write_bytes(bytes(48))
    model = make_model(external="w")
    tensor = model.graph.initializer[0]
    tensor.ClearField("external_data")
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    with pytest.raises(InputFileError):
        read_onnx_file(save(model, folder / "net.onnx"))
