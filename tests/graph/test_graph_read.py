"""What may be wrong with a .tflite file, and what the user is told."""

from __future__ import annotations

import io
import struct
import time
import zipfile

import flatbuffers
import numpy as np
import pytest
import tflite
from builders import ModelBuilder, conv_model, random_inputs
from execute import execute_graph
from litert import run_litert

from tinydeploy.errors import InputFileError, UnsupportedModelError
from tinydeploy.graph.names import MAX_LENGTH, model_name
from tinydeploy.graph.ops import OPS
from tinydeploy.graph.read import read_graph
from tinydeploy.quantize.tflite_writer import TfliteWriter


def test_missing_file(tmp_path):
    with pytest.raises(InputFileError, match=r"absent\.tflite cannot be read: No such file"):
        read_graph(tmp_path / "absent.tflite")


def test_folder(tmp_path):
    with pytest.raises(InputFileError, match="Is a directory"):
        read_graph(tmp_path)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"PK\3\4 a zip archive", bytes(100)])
def test_other_formats(data, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with pytest.raises(InputFileError, match=r"not a \.tflite file"):
        read_graph(path)


def test_name_of_the_file_names_the_graph(tmp_path):
    path = tmp_path / "My Net-0.25.tflite"
    path.write_bytes(conv_model((4, 4, 1), 1))
    assert read_graph(path).name == "my_net_0_25"
    assert read_graph(path, "Other").name == "other"
    assert read_graph(path.read_bytes()).name == "model"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vww", "vww"),
        ("VWW 96", "vww_96"),
        ("96_vww", "model_96_vww"),
        ("int", "model_int"),
        ("Class", "model_class"),
        ("td_row", "model_td_row"),
        ("__init__", "init"),
        ("größe", "gr_e"),
        ("模型", "model"),
        ("", "model"),
        ("a" * 99, "a" * MAX_LENGTH),
        ("0" * 99, "model_" + "0" * (MAX_LENGTH - 6)),
    ],
)
def test_names_become_identifiers(text, name):
    assert model_name(text) == name
    assert model_name(name) == name


def activation(writer, name, shape, dtype="int8"):
    quantized = {"scales": [0.5], "zero_points": [0]} if dtype == "int8" else {}
    return writer.add_tensor(name, shape, dtype, **quantized)


def chain(*steps, dtypes=("int8",), shape=(1, 4)):
    """A model of unary operators; the last dtype goes on to the end."""
    writer = TfliteWriter()
    tensors = []
    for i in range(len(steps) + 1):
        dtype = dtypes[min(i, len(dtypes) - 1)]
        tensors.append(activation(writer, f"t{i}", shape, dtype))
    for i, (builtin, options) in enumerate(steps):
        writer.add_op(builtin, [tensors[i]], [tensors[i + 1]], options)
    return writer.finish([tensors[0]], [tensors[-1]])


TANH = ("TANH", {})


@pytest.mark.parametrize(
    ("dtypes", "message", "hint"),
    [
        (("float32",), "the model is float32, not int8", "--data"),
        (("float16",), "the model is float16, not int8", "--data"),
        (("float32", "int8"), "quantized inside, but its input or output is float32", "tf.int8"),
        (("int8", "int8", "float32"), "quantized inside, but its input or output", "tf.int8"),
        (
            ("int8", "float32", "int8"),
            "partly float32: 1 of 3 activations, the first of them 't1'; they are made by TANH",
            "--data",
        ),
        (("uint8",), "'t0', an input or output of the model, is uint8, not int8", "--data"),
    ],
)
def test_other_types(dtypes, message, hint):
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(chain(TANH, TANH, dtypes=dtypes))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_unknown_operators_are_told_all_at_once():
    model = chain(("COS", {}), TANH, ("CUMSUM", {}), ("COS", {}))
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(model)
    assert "COS (operator 0, output 't1')" in caught.value.message
    assert "CUMSUM (operator 2, output 't3')" in caught.value.message
    assert "COS (operator 3, output 't4')" in caught.value.message
    assert "TANH" not in caught.value.message
    assert all(builtin in caught.value.hint for builtin in OPS)


def test_a_long_list_is_cut():
    with pytest.raises(UnsupportedModelError, match="and 12 more") as caught:
        read_graph(chain(*[("COS", {})] * 20))
    assert caught.value.message.count("COS") == 8


def test_broken_constraints_are_told_all_at_once():
    writer = TfliteWriter()
    x, y, z = (activation(writer, name, (1, 4)) for name in "xyz")
    writer.add_op("LOGISTIC", [x], [y])
    writer.add_op("SOFTMAX", [y], [z], {"Beta": 1.0})
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(writer.finish([x], [z]))
    assert "LOGISTIC (operator 0, 'y') needs that " in caught.value.message
    assert "SOFTMAX (operator 1, 'z') needs that its output has a scale" in caught.value.message


@pytest.mark.parametrize(
    ("shape", "message"),
    [((8, 4), "has a batch of 8"), ((1, 0), r"has shape \[1, 0\]"), ((), r"has shape \[\]")],
)
def test_shapes_of_the_ends(shape, message):
    with pytest.raises(UnsupportedModelError, match=message):
        read_graph(chain(TANH, shape=shape))


def ends_model(ends):
    """TANH and RELU, x -> y -> z, with any tensors as ends."""
    writer = TfliteWriter()
    names = {name: activation(writer, name, (1, 4)) for name in "xyz"}
    names["c"] = writer.add_tensor(
        "c", (1, 4), "int8", scales=[0.5], data=np.zeros((1, 4), np.int8)
    )
    writer.add_op("TANH", [names["x"]], [names["y"]])
    writer.add_op("RELU", [names["y"]], [names["z"]])
    inputs, outputs = ends
    return writer.finish([names[n] for n in inputs], [names[n] for n in outputs])


@pytest.mark.parametrize(
    ("ends", "error", "message"),
    [
        (("x", ""), UnsupportedModelError, "1 inputs, 0 outputs"),
        (("", "z"), InputFileError, "reads 'x', not written yet"),
        (("xx", "z"), InputFileError, "named twice"),
        (("xc", "z"), InputFileError, "constants or named twice"),
        (("xy", "z"), InputFileError, "writes 'y', which is an input"),
        (("x", "zz"), UnsupportedModelError, "an input too, or is named twice"),
        (("x", "zx"), UnsupportedModelError, "an input too, or is named twice"),
        (("x", "c"), InputFileError, "output 'c' is never written"),
    ],
)
def test_ends(ends, error, message):
    with pytest.raises(error, match=message):
        read_graph(ends_model(ends))


def test_operators_in_disorder():
    writer = TfliteWriter()
    x, y, z = (activation(writer, name, (1, 4)) for name in "xyz")
    writer.add_op("RELU", [y], [z])
    writer.add_op("TANH", [x], [y])
    with pytest.raises(InputFileError, match=r"RELU .* reads 'y', not written yet"):
        read_graph(writer.finish([x], [z]))


def test_two_writers():
    writer = TfliteWriter()
    x, y = (activation(writer, name, (1, 4)) for name in "xy")
    writer.add_op("RELU", [x], [y])
    writer.add_op("TANH", [x], [y])
    with pytest.raises(InputFileError, match=r"TANH .* writes 'y'"):
        read_graph(writer.finish([x], [y]))


def test_computed_shapes_of_reshapes_are_left_out():
    """Keras flattens by SHAPE, STRIDED_SLICE and PACK, though all sizes are known."""
    b = ModelBuilder(3)
    w = b.writer
    x = b.conv(b.input((4, 4, 2)), 3)
    shape = w.add_tensor("shape", (4,), "int32")
    batch = w.add_tensor("batch", (), "int32")
    new_shape = w.add_tensor("new_shape", (2,), "int32")
    ends = [b.constant(np.array([value], np.int32)) for value in (0, 1, 1)]
    y = b.activation((1, 48), x.scale, x.zero_point)
    w.add_op("SHAPE", [x.id], [shape], {"OutType": "INT32"})
    w.add_op("STRIDED_SLICE", [shape, *ends], [batch], {"ShrinkAxisMask": 1})
    count = b.constant(np.array(48, np.int32))
    w.add_op("PACK", [batch, count], [new_shape], {"ValuesCount": 2})
    w.add_op("RESHAPE", [x.id, new_shape], [y.id])
    model = b.finish([b.fully_connected(y, 5)])
    graph = read_graph(model)
    assert [(op.kind, op.index) for op in graph.ops] == [
        ("CONV_2D", 0),
        ("RESHAPE", 4),
        ("FULLY_CONNECTED", 5),
    ]
    vector = [values[0] for values in random_inputs(model, 1)]
    (expected,) = run_litert(model, vector)
    np.testing.assert_array_equal(execute_graph(graph, vector)[graph.outputs[0]], expected)


def test_operators_without_use_are_left_out():
    b = ModelBuilder()
    x = b.input((4, 4, 2))
    y, z = b.activation((1, 4, 4, 2), 0.5, 0), b.lookup("TANH", x)
    b.writer.add_op("COS", [x.id], [y.id])
    b.lookup("RELU", y)
    assert [op.kind for op in read_graph(b.finish([z])).ops] == ["TANH"]


def labelled(labels, count=3):
    b = ModelBuilder()
    return b.finish([b.fully_connected(b.input((5,)), count)], labels=labels)


def test_labels():
    assert read_graph(labelled(None)).labels == ()
    assert read_graph(labelled(["cat", "dog", "größe"])).labels == ("cat", "dog", "größe")


def zipped(name, data, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        archive.writestr(name, data)
    return labelled(None) + stream.getvalue()


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (zipped("labelmap.txt", "a\nb\nc\n"), ("a", "b", "c")),
        (zipped("labels.txt", "a\r\nb\r\nc"), ("a", "b", "c")),
        (zipped("labels.txt", "a\nb\n"), ()),  # too few
        (zipped("readme.txt", "a\nb\nc\n"), ()),
        (zipped("labels.txt", b"\xff\xfe\n\n\n"), ()),  # no UTF-8
        (zipped("labels.txt", bytes(10**7), compression=zipfile.ZIP_DEFLATED), ()),  # a bomb
        (zipped("labels.txt", "a\nb\nc\n")[:-9], ()),
    ],
)
def test_labels_of_other_tools(model, labels):
    assert read_graph(model).labels == labels


def patch_scalar(model, table, field, value, size):
    """Overwrites a scalar field that the file has."""
    data = bytearray(model)
    offset = table.Offset(4 + 2 * field)
    assert offset, "the file leaves this field at its default"
    data[table.Pos + offset : table.Pos + offset + size] = value.to_bytes(size, "little")
    return bytes(data)


def test_schema_version():
    model = conv_model((4, 4, 1), 1)
    table = tflite.Model.GetRootAs(model, 0)._tab
    with pytest.raises(InputFileError, match="schema version 9"):
        read_graph(patch_scalar(model, table, 0, 9, 4))


def test_old_op_codes():
    """Old files have the operator's number in a byte and leave the int32 at 0."""
    model = conv_model((4, 4, 1), 1)
    code = tflite.Model.GetRootAs(model, 0).OperatorCodes(0)
    assert code.DeprecatedBuiltinCode() == code.BuiltinCode() == tflite.BuiltinOperator.CONV_2D
    assert read_graph(patch_scalar(model, code._tab, 3, 0, 4)).ops[0].kind == "CONV_2D"
    assert read_graph(patch_scalar(model, code._tab, 0, 0, 1)).ops[0].kind == "CONV_2D"


class Raw:
    """A model written table by table, for what the writer refuses to write."""

    def __init__(self, tensors=2, subgraphs=1, repeat=1):
        self.builder = flatbuffers.Builder(1024)
        self.tensors, self.subgraphs, self.repeat = tensors, subgraphs, repeat

    def table(self, count, fields):
        """Fields by number: ("offset", o), ("u8" | "i32" | "u32" | "u64", value)."""
        b = self.builder
        b.StartObject(count)
        for field, (kind, value) in fields.items():
            {
                "offset": lambda f, v: b.PrependUOffsetTRelativeSlot(f, v, 0),
                "u8": lambda f, v: b.PrependUint8Slot(f, v, 0),
                "i8": lambda f, v: b.PrependInt8Slot(f, v, 0),
                "i32": lambda f, v: b.PrependInt32Slot(f, v, 0),
                "u32": lambda f, v: b.PrependUint32Slot(f, v, 0),
                "u64": lambda f, v: b.PrependUint64Slot(f, v, 0),
            }[kind](field, value)
        return b.EndObject()

    def offsets(self, items):
        b = self.builder
        b.StartVector(4, len(items), 4)
        for item in reversed(items):
            b.PrependUOffsetTRelative(item)
        return b.EndVector()

    def numbers(self, values, dtype):
        return self.builder.CreateNumpyVector(np.array(values, dtype))

    def finish(self, *, tensor=None, buffer=None, custom="", details=False, tail=b""):
        """One operator, TANH unless custom, from tensor 0 to tensor 1.

        Args:
            tensor: Further fields of every tensor; a function that makes them.
            buffer: Fields of a buffer that the tensors have.
            custom: Name of a custom operator.
            details: Give the tensors a custom quantization.
            tail: Bytes behind the flatbuffer.
        """
        b = self.builder
        shape = self.numbers([1, 4], np.int32)
        quantization = {
            2: ("offset", self.numbers([0.5], np.float32)),
            3: ("offset", self.numbers([0], np.int64)),
        }
        if details:
            custom_quantization = self.table(1, {})
            quantization |= {4: ("u8", 1), 5: ("offset", custom_quantization)}
        quantization_offset = self.table(7, quantization)
        more = tensor(self) if tensor else {}
        fields = {
            0: ("offset", shape),
            1: ("i8", tflite.TensorType.INT8),
            2: ("u32", 1 if buffer else 0),
            4: ("offset", quantization_offset),
        }
        tensors = [self.table(10, fields | more) for _ in range(self.tensors)] * self.repeat
        inputs, outputs = self.numbers([0], np.int32), self.numbers([1], np.int32)
        operator = self.table(9, {1: ("offset", inputs), 2: ("offset", outputs)})
        operators, tensor_vector = self.offsets([operator]), self.offsets(tensors)
        subgraph = self.table(
            5,
            {
                0: ("offset", tensor_vector),
                1: ("offset", inputs),
                2: ("offset", outputs),
                3: ("offset", operators),
            },
        )
        number = tflite.BuiltinOperator.CUSTOM if custom else tflite.BuiltinOperator.TANH
        name = b.CreateString(custom)
        code = self.table(4, {0: ("i8", number), 1: ("offset", name), 3: ("i32", number)})
        codes = self.offsets([code])
        subgraphs = self.offsets([subgraph] * self.subgraphs)
        buffers = self.offsets([self.table(3, {}), self.table(3, buffer or {})])
        model = self.table(
            8,
            {
                0: ("u32", 3),
                1: ("offset", codes),
                2: ("offset", subgraphs),
                4: ("offset", buffers),
            },
        )
        b.Finish(model, b"TFL3")
        return bytes(b.Output()) + tail


def test_the_raw_model_is_sound():
    assert read_graph(Raw().finish()).ops[0].kind == "TANH"


def test_custom_operator():
    with pytest.raises(UnsupportedModelError, match="custom operator 'TFLite_Detection'"):
        read_graph(Raw().finish(custom="TFLite_Detection"))


def test_several_subgraphs():
    with pytest.raises(UnsupportedModelError, match="has 2 subgraphs") as caught:
        read_graph(Raw(subgraphs=2).finish())
    assert "control flow" in caught.value.hint


def test_sparse_tensor():
    with pytest.raises(UnsupportedModelError, match="tensor 0 is sparse"):
        read_graph(Raw().finish(tensor=lambda raw: {6: ("offset", raw.table(3, {}))}))


def test_custom_quantization():
    with pytest.raises(UnsupportedModelError, match="tensor 0 has a custom quantization"):
        read_graph(Raw().finish(details=True))


def test_many_dimensions():
    with pytest.raises(UnsupportedModelError, match="tensor 0 has more than 8 dimensions"):
        read_graph(Raw().finish(tensor=lambda raw: {0: ("offset", raw.numbers([1] * 9, np.int32))}))


def test_unknown_type():
    with pytest.raises(UnsupportedModelError, match="is type 99, not int8"):
        read_graph(Raw().finish(tensor=lambda raw: {1: ("i8", 99)}))


def test_buffer_outside_of_the_flatbuffer():
    model = Raw().finish()
    offset = len(model) + 200
    fields = {1: ("u64", offset), 2: ("u64", 4)}
    model = Raw().finish(buffer=fields)
    with pytest.raises(InputFileError, match="lies outside of the file"):
        read_graph(model)
    whole = model + bytes(offset - len(model)) + b"\1\2\3\4"
    # Read, the tensors are constants, and so no ends of a model.
    with pytest.raises(InputFileError, match="inputs are constants"):
        read_graph(whole)
    huge = Raw().finish(buffer={1: ("u64", 2**63), 2: ("u64", 2**63)})
    with pytest.raises(InputFileError, match="lies outside of the file"):
        read_graph(huge)


def test_buffer_of_another_size():
    b = ModelBuilder()
    model = bytearray(b.finish([b.fully_connected(b.input((4,)), 2)]))
    graph = tflite.Model.GetRootAs(model, 0).Subgraphs(0)
    shape = graph.Tensors(1)._tab
    start = shape.Vector(shape.Offset(4))
    model[start : start + 4] = struct.pack("<i", 3)
    with pytest.raises(InputFileError, match="has 8 bytes, its shape asks for 12"):
        read_graph(bytes(model))


@pytest.mark.parametrize("part", ["quantization", "version"])
def test_what_the_reference_is_given_is_readable(part):
    """A copy for the reference is made by a dimension without scales, and by versions."""
    b = ModelBuilder()
    model = bytearray(b.finish([b.depthwise(b.input((4, 4, 2)), 1, (3, 3), per_channel=True)]))
    root = tflite.Model.GetRootAs(model, 0)
    if part == "version":
        table, fields = root.OperatorCodes(0)._tab, {2: 0x7FFF}
    else:
        graph = root.Subgraphs(0)
        tables = [graph.Tensors(i).Quantization() for i in range(graph.TensorsLength())]
        weights = next(table for table in tables if table and table.QuantizedDimension())
        table, fields = weights._tab, {2: 0, 6: 0x7FFF}
    fields_table = table.Pos - struct.unpack_from("<i", model, table.Pos)[0]
    for field, offset in fields.items():
        assert table.Offset(4 + 2 * field)
        struct.pack_into("<H", model, fields_table + 4 + 2 * field, offset)
    with pytest.raises(InputFileError, match="points outside of it"):
        read_graph(bytes(model))


def shared_name(raw):
    return {3: ("offset", raw.name)}


def test_a_small_file_cannot_ask_for_much_work():
    """Ten thousand tensors that share one name of a megabyte are refused, not read for minutes."""
    raw = Raw(repeat=5000)
    raw.name = raw.builder.CreateString("n" * 1_000_000)
    model = raw.finish(tensor=shared_name)
    start = time.perf_counter()
    with pytest.raises(InputFileError, match="names are longer than the file"):
        read_graph(model)
    assert time.perf_counter() - start < 2


def test_too_many_tensors():
    with pytest.raises(UnsupportedModelError, match="1 operators and 200000 tensors"):
        read_graph(Raw(repeat=100_000).finish())
