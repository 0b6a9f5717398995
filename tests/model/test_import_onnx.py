import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx_nets import export, make_model, make_torch_net, save

from tinydeploy.errors import InputFileError, UnsupportedModelError, UsageError
from tinydeploy.model.import_onnx import check_batches, import_onnx
from tinydeploy.model.run_onnx import run_onnx
from tinydeploy.quantize.read_onnx import read_onnx


def make_inputs(count, channels=3):
    return np.random.default_rng(0).random((count, channels, 8, 8), np.float32)


def check_against_torch(net, torch_net, inputs):
    check_batches(net, inputs)
    with torch.no_grad():
        expected = torch_net(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(run_onnx(net.onnx, inputs), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "options"),
    [
        (1, {}),
        (4, {}),
        (1, {"opset_version": 9}),
        (1, {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}),
        (1, {"input_names": ["x"], "dynamic_axes": {"x": [0]}}),
    ],
)
def test_the_batch_is_free(tmp_path, batch, options):
    torch_net = make_torch_net()
    net = import_onnx(export(torch_net, tmp_path / "My net.onnx", batch, **options))
    assert net.name == "My net"
    assert net.input_shape == (1, 3, 8, 8)
    onnx.checker.check_model(onnx.load_model_from_string(net.onnx))
    check_against_torch(net, torch_net, make_inputs(5))


@pytest.mark.parametrize("batch", [1, 2])
def test_the_newer_exporter_with_its_weights_apart(tmp_path, batch, capfd):
    torch_net = make_torch_net()
    path = export(torch_net, tmp_path / "net.onnx", batch, dynamo=True)
    capfd.readouterr()  # it is talkative
    assert (tmp_path / "net.onnx.data").is_file()
    check_against_torch(import_onnx(path), torch_net, make_inputs(5))


def test_gray_pictures(tmp_path):
    torch_net = make_torch_net(channels=1)
    net = import_onnx(export(torch_net, tmp_path / "net.onnx", channels=1))
    assert net.input_shape == (1, 1, 8, 8)
    check_against_torch(net, torch_net, make_inputs(3, channels=1))


@pytest.mark.parametrize(
    ("shape", "pictures"),
    [
        (("n", 640), False),
        ((2, 3), False),
        ((1, 1, 49, 10), True),
        ((1, 3, 8, 8), True),
        ((1, 6, 128, 1), False),
        ((1, 6, 128), False),
        ((None, 64, 8, 3), False),
    ],
)
def test_shapes(tmp_path, shape, pictures):
    net = import_onnx(save(make_model(shape), tmp_path / "net.onnx"))
    assert net.input_shape == (1, *shape[1:])
    assert net.takes_pictures == pictures


def test_weights_listed_as_inputs_are_none(tmp_path):
    """As IR version 3 wants it."""
    model = make_model()
    model.ir_version = 3
    model.opset_import[0].version = 8
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 1, 1]))
    net = import_onnx(save(model, tmp_path / "net.onnx"))
    onnx.checker.check_model(onnx.load_model_from_string(net.onnx))
    check_batches(net, make_inputs(3))


@pytest.mark.parametrize(
    ("model", "message", "advice"),
    [
        (make_model(inputs=0), "has 0 inputs", "one input"),
        (make_model(inputs=2), r"has 2 inputs \(x0, x1\)", "one input"),
        (make_model(element=TensorProto.UINT8), "'x0' .* is UINT8, not FLOAT", "--mean"),
        (make_model(element=TensorProto.FLOAT16), "is FLOAT16", "float32"),
        (make_model((1,)), r"shape \[1\]", r"\[N, C, H, W\]"),
        (make_model((1, 3, 8, 8, 8)), r"\[1, 3, 8, 8, 8\]", r"\[N, C, H, W\]"),
        (make_model(("n", 3, "height", None)), r"\[n, 3, height, \?\]", "--input-shape 3,96,96"),
        (make_model((1, 3, 0, 8)), r"shape \[1, 3, 0, 8\]", "1 or more"),
        (make_model((1, 3, -8, 8)), r"shape \[1, 3, -8, 8\]", "1 or more"),
        (make_model((1, 8, 8, 3)), "seem to come last", "--inputs-as-nchw"),
        (make_model((1, 3, 1 << 20, 1 << 20)), "1048576", "too large"),
    ],
)
def test_other_inputs(tmp_path, model, message, advice):
    with pytest.raises(UnsupportedModelError, match=message) as caught:
        import_onnx(save(model, tmp_path / "net.onnx"))
    assert caught.value.hint
    assert advice.replace("\\", "") in caught.value.hint
    assert "net.onnx" in caught.value.message


def test_an_input_that_is_no_tensor(tmp_path):
    model = make_model()
    sequence = helper.make_tensor_sequence_value_info("x0", TensorProto.FLOAT, [1, 3, 8, 8])
    model.graph.input[0].CopyFrom(sequence)
    with pytest.raises((UnsupportedModelError, InputFileError)):
        import_onnx(save(model, tmp_path / "net.onnx"))


@pytest.mark.parametrize("pinned", [1, 4])
@pytest.mark.parametrize("literal", [0, 1])
def test_reshapes_copy_the_batch(tmp_path, pinned, literal):
    """Shapes that two reshapes share, and one that starts with another number."""
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["a"], allowzero=literal),
        helper.make_node("Reshape", ["x", "shape"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Reshape", ["c", "other"], ["constant"]),
        helper.make_node("Add", ["sum", "constant"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [pinned, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [pinned, 192])],
        [
            numpy_helper.from_array(np.array([pinned, 192]), "shape"),
            numpy_helper.from_array(np.array([1, 192]), "other"),
            numpy_helper.from_array(np.arange(192, dtype=np.float32), "c"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opset)
    net = import_onnx(save(model, tmp_path / "net.onnx"))
    inputs = make_inputs(3)
    check_batches(net, inputs)
    expected = 2 * inputs.reshape(3, 192) + np.arange(192)
    np.testing.assert_allclose(run_onnx(net.onnx, inputs), expected, rtol=1e-6)


@pytest.mark.parametrize("pinned", [1, 4])
def test_resizes_take_the_batch_from_what_they_read(tmp_path, pinned):
    """As interpolate(size=...) is exported: sizes that two share, with the batch among them."""
    nodes = [
        helper.make_node("Resize", ["x", "", "", "sizes"], ["a"], mode="linear"),
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Resize", ["r", "", "", "sizes"], ["b"], mode="linear"),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [pinned, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [pinned, 3, 16, 12])],
        [numpy_helper.from_array(np.array([pinned, 3, 16, 12]), "sizes")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opset)
    net = import_onnx(save(model, tmp_path / "net.onnx"))
    inputs = make_inputs(3)
    check_batches(net, inputs)
    assert run_onnx(net.onnx, inputs).shape == (3, 3, 16, 12)
    assert read_onnx(net.onnx, net.input_shape).shapes["y"] == (1, 16, 12, 3)


@pytest.mark.parametrize(
    ("node", "output", "constants"),
    [
        # The mean over the batch; a shape that merges the batch with the channels.
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[0, 2, 3]), [1, 3, 1, 1], {}),
        (helper.make_node("Reshape", ["x", "s"], ["y"]), [3, "m"], {"s": np.array([3, -1])}),
    ],
)
def test_inputs_that_depend_on_each_other(tmp_path, node, output, constants):
    graph = helper.make_graph(
        [node],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opset)
    net = import_onnx(save(model, tmp_path / "net.onnx"))
    with pytest.raises(UnsupportedModelError, match="independently of each other") as caught:
        check_batches(net, make_inputs(4))
    assert "free batch" in caught.value.hint


def test_what_onnxruntime_refuses(tmp_path, capfd):
    model = make_model()
    model.opset_import[0].version = 1000
    net = import_onnx(save(model, tmp_path / "net.onnx"))
    with pytest.raises(UnsupportedModelError, match="onnxruntime cannot run net: ") as caught:
        check_batches(net, make_inputs(3))
    assert "opset" in caught.value.hint
    assert capfd.readouterr() == ("", "")


def make_last_net(shape, turned):
    """A network that takes its channels last, and perhaps itself puts them in front."""
    nodes = [
        *([helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])] if turned else []),
        helper.make_node("Relu", ["t" if turned else "x"], ["y"]),
    ]
    output = [shape[0], shape[3], shape[1], shape[2]] if turned else shape
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=9, opset_imports=opset)


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("free", [True, False])
def test_channels_last(tmp_path, turned, free):
    shape = ["n", None, None, 3] if free else [1, 8, 6, 3]
    path = save(make_last_net(shape, turned), tmp_path / "net.onnx")
    net = import_onnx(path, (3, 8, 6), channels_last=None if turned else True)
    assert (net.channels_last, net.input_shape) == (True, (1, 3, 8, 6))
    assert net.taken_shape == (1, 8, 6, 3)
    assert net.takes_pictures
    inputs = np.random.default_rng(0).normal(size=(2, 3, 8, 6)).astype(np.float32)
    check_batches(net, inputs)
    expected = np.maximum(inputs, 0)
    if not turned:
        expected = np.moveaxis(expected, 1, -1)
    np.testing.assert_array_equal(run_onnx(net.onnx, inputs), expected)
    onnx.checker.check_model(onnx.load_model_from_string(net.onnx), full_check=True)


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 9, 8), (8, 8), (3, 8, 8, 1)])
def test_input_shapes_that_the_user_gives(tmp_path, shape):
    path = save(make_model(("n", 3, "height", 8)), tmp_path / "net.onnx")
    if len(shape) == 3:
        net = import_onnx(path, shape)
        assert net.input_shape == (1, *shape)
        check_batches(net, np.ones((2, *shape), np.float32))
        with pytest.raises(UsageError, match="--input-shape is 4,8,8"):
            import_onnx(path, (4, 8, 8))
    else:
        with pytest.raises(UsageError, match="--input-shape is"):
            import_onnx(path, shape)
