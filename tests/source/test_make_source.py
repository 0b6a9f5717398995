"""From float .onnx files and data of all kinds to .tflite files that the reference runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from float_models import FloatBuilder
from onnx import numpy_helper
from PIL import Image

from tests.float_nets import write_dense_net, write_net, write_pictures
from tests.model_builder import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.cli.model_input import read_model_input
from tinydeploy.codegen.pixels import describe_pixels
from tinydeploy.errors import BudgetError, InputFileError, UnsupportedModelError, UsageError
from tinydeploy.graph.normalization import Normalization, read_normalization
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.quantize_model import QuantizedModel, quantize_model
from tinydeploy.quantize.recipe import EFFORTS, Effort, Recipe
from tinydeploy.source.board_planner import BoardPlanner
from tinydeploy.source.make_source import make_source
from tinydeploy.source.options import Layout, SourceOptions
from tinydeploy.source.source import Source
from tinydeploy.validate.fidelity import measure_fidelity
from tinydeploy.validate.quality import dequantize_outputs, quantize_inputs
from tinydeploy.validate.reference import run_reference


class Listener:
    """A watch that keeps what it is told."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.seconds[name] = 0.0
        yield

    def detail(self, text: str) -> None:
        del text

    def note(self, text: str) -> None:
        self.notes.append(text)


def check_source(source: Source, least_snr: float = 25.0) -> None:
    """The reference runs the .tflite, and it does what the float net does."""
    assert source.samples is not None
    assert source.float_outputs is not None
    graph = read_graph(source.tflite, source.name)
    run = run_reference(source.tflite, [quantize_inputs(graph, source.samples)])
    for place, (output, exact) in enumerate(zip(run.outputs, source.float_outputs, strict=True)):
        found = dequantize_outputs(graph, output, place)
        assert found.shape[2:] == exact.shape[1:]
        assert measure_fidelity(exact, found, classes=False).snr_db > least_snr


def test_pictures_without_classes(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", [f"{i}.png" for i in range(20)])
    watch = Listener()
    source = make_source(str(write_net(tmp_path / "net.onnx")), watch, SourceOptions(data=pictures))
    assert (source.name, source.origin) == ("net", "net.onnx")
    assert source.classes is None
    assert list(watch.seconds) == ["model", "quantize"]
    assert "(pixel - 0) / 255, a default" in watch.notes[0]
    assert len(watch.notes) == 1
    check_source(source)
    normalization = read_normalization(source.tflite)
    assert normalization is not None
    assert (normalization.mean, normalization.std) == ((0.0,) * 3, (255.0,) * 3)
    # The int8 input is exactly the pixel minus 128.
    assert read_graph(source.tflite, "net").tensors[0].affine == (np.float32(1 / 255), -128)


def test_pictures_of_classes(tmp_path: Path) -> None:
    names = [f"{name}/{i}.png" for name in ("ant", "bee", "cat", "dog") for i in range(12)]
    pictures = write_pictures(tmp_path / "pictures", names)
    for name in ("ant/1.png", "bee/2.png"):
        (pictures / name).write_bytes(b"damaged")
    watch = Listener()
    source = make_source(
        str(write_net(tmp_path / "net.onnx")),
        watch,
        SourceOptions(data=pictures, mean=(123.7, 116.3, 103.5), std=(58.0,)),
    )
    assert source.classes is not None
    assert set(source.classes) == {0, 1, 2, 3}
    assert read_graph(source.tflite, "net").labels == ("ant", "bee", "cat", "dog")
    assert "(pixel - [123.7, 116.3, 103.5]) / 58" in watch.notes[0]
    assert "ant/1.png" in watch.notes[1]
    assert "bee/2.png" in watch.notes[1]
    check_source(source)


def test_inputs_in_an_array_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    inputs = rng.random((60, 3, 8, 8), np.float32) * 2 - 1
    np.savez(tmp_path / "data.npz", x=inputs, y=rng.integers(0, 4, 60))
    source = make_source(
        str(write_net(tmp_path / "net.onnx")),
        Listener(),
        SourceOptions(data=tmp_path / "data.npz", mean=(127.5,), std=(127.5,)),
    )
    assert source.classes is not None
    assert len(source.classes) == 30
    check_source(source)


@pytest.mark.parametrize("effort", [None, *EFFORTS])
def test_effort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effort: Effort | None) -> None:
    seen = []

    def record(model: FloatModel, recipe: Recipe, **options: Any) -> QuantizedModel:
        seen.append(recipe)
        return quantize_model(model, recipe, **options)

    monkeypatch.setattr("tinydeploy.quantize.quantize_model.quantize_model", record)
    pixels = np.random.default_rng(2).integers(0, 256, (40, 8, 8, 3), np.uint8)
    options = SourceOptions(data=iter(pixels), mean=(127.5,), std=(127.5,), effort=effort)
    check_source(make_source(str(write_net(tmp_path / "net.onnx")), Listener(), options))
    assert seen == [EFFORTS[effort or "normal"]]


@pytest.mark.parametrize(
    ("share", "said"), [(50.0, r"int16 activations for \d.*RAM; .* dB"), (1e-9, "stays int8")]
)
def test_mixed(tmp_path: Path, share: float, said: str) -> None:
    """What was chosen, or that nothing was, is said."""
    pixels = np.random.default_rng(2).integers(0, 256, (40, 8, 8, 3), np.uint8)
    options = SourceOptions(data=iter(pixels), mean=(127.5,), std=(127.5,), mixed=share)
    watch = Listener()
    planner = BoardPlanner(load_board("stm32h743"))
    net = str(write_net(tmp_path / "net.onnx"))
    source = make_source(net, watch, options, planner=planner)
    check_source(source)
    assert any(re.search(said, note) for note in watch.notes)
    types = {layer.dtype for layer in source.layers}
    assert types == ({"int8", "int16"} if share > 1 else {"int8"})


def test_mixed_needs_a_board(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="for a board"):
        make_source(str(tmp_path / "net.onnx"), Listener(), SourceOptions(mixed=0.15))


def test_effort_of_nets_of_the_zoo() -> None:
    with pytest.raises(UsageError, match="needs trained weights"):  # not: --effort is for others
        make_source("etinynet-1.0", Listener(), SourceOptions(effort="high"))


def test_limits_are_judged_before_much_is_done(tmp_path: Path) -> None:
    def judge(*, has_float: bool, has_classes: bool) -> None:
        raise BudgetError(f"{has_float} {has_classes}")

    x = np.random.default_rng(2).random((20, 3, 8, 8), np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    np.savez(tmp_path / "y.npz", x=x, y=np.arange(20) % 4)
    model = str(write_net(tmp_path / "net.onnx"))
    for name, expected in (("x.npz", "True False"), ("y.npz", "True True")):
        watch = Listener()
        with pytest.raises(BudgetError, match=expected):
            make_source(model, watch, SourceOptions(data=tmp_path / name), judge)
        assert list(watch.seconds) == ["model"]
    builder = ModelBuilder()
    path = tmp_path / "net.tflite"
    path.write_bytes(builder.finish([builder.conv(builder.input((4, 4, 2)), 3)]))
    with pytest.raises(BudgetError, match="False False"):
        make_source(str(path), Listener(), judge=judge)


def test_inputs_from_a_generator(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    inputs = (rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(40))
    options = SourceOptions(data=inputs, mean=(127.5,), std=(127.5,))
    source = make_source(str(write_net(tmp_path / "net.onnx")), Listener(), options)
    check_source(source)


def test_inputs_that_are_no_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    dense = rng.normal(3, 10, (60, 20)).astype(np.float32)
    np.savez(tmp_path / "dense.npz", x=dense, y=rng.integers(0, 4, 60))
    np.save(tmp_path / "sensor.npy", -rng.random((20, 6, 8, 8), np.float32))
    sources = [
        make_source(str(net), Listener(), SourceOptions(data=tmp_path / data))
        for net, data in (
            (write_dense_net(tmp_path / "dense.onnx"), "dense.npz"),
            (write_net(tmp_path / "sensor.onnx", channels=6), "sensor.npy"),
        )
    ]
    for source, shape in zip(sources, [(1, 20), (1, 8, 8, 6)], strict=True):
        check_source(source)
        graph = read_graph(source.tflite, "net")
        assert graph.tensors[graph.inputs[0]].shape == shape
        assert read_normalization(source.tflite) is None
    assert sources[0].classes is not None
    # The range is that of the calibration and 0.
    scale, zero_point = graph.tensors[graph.inputs[0]].affine
    assert zero_point == 127
    assert scale == pytest.approx(1 / 255, rel=0.01)


def test_pictures_preprocessed_in_a_way_not_told(tmp_path: Path) -> None:
    inputs = np.random.default_rng(5).normal(size=(20, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "data.npy", inputs)
    watch = Listener()
    model = str(write_net(tmp_path / "net.onnx"))
    source = make_source(model, watch, SourceOptions(data=tmp_path / "data.npy"))
    assert watch.notes == ["the int8 input has the range of the calibration inputs"]
    assert read_normalization(source.tflite) is None
    check_source(source)
    with pytest.raises(InputFileError, match="the preprocessing of pictures gives 0 to 1"):
        make_source(model, Listener(), SourceOptions(data=tmp_path / "data.npy", mean=(0.0,)))


def test_vectors_are_no_pictures(tmp_path: Path) -> None:
    model = str(write_dense_net(tmp_path / "net.onnx"))
    with pytest.raises(UsageError, match=r"needs calibration data: float32 .* \[n, 20\]") as caught:
        make_source(model, Listener())
    assert "numpy.save" in caught.value.hint
    with pytest.raises(UsageError, match="--mean is for pictures"):
        make_source(model, Listener(), SourceOptions(data=tmp_path / "x.npy", mean=(0.0,)))
    with pytest.raises(InputFileError, match="are no pictures"):
        make_source(model, Listener(), SourceOptions(data=tmp_path))


def test_outputs_that_are_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.random.default_rng(3).random((20, 3, 8, 8), np.float32))
    model = str(write_net(tmp_path / "net.ONNX", flat=False))
    source = make_source(model, Listener(), SourceOptions(data=tmp_path / "data.npy"))
    assert source.float_outputs is not None
    assert source.float_outputs[0].shape == (20, 8, 8, 4)
    check_source(source)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", [f"{i}.png" for i in range(20)])
    model = str(write_net(tmp_path / "net.onnx"))
    first, second = (
        make_source(model, Listener(), SourceOptions(data=pictures)).tflite for _ in range(2)
    )
    assert first == second


def test_torch_is_not_needed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", [f"{i}.png" for i in range(20)])
    write_net(tmp_path / "net.onnx")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from tinydeploy.cli.main import main\n"
        "main('check net.onnx --data pictures --board stm32h743 --no-emulate'.split())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "(pixel - 0) / 255" in " ".join(done.stderr.split())


PATH = Path("somewhere")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (None, {"data": PATH}, "--data needs a model"),
        (None, {"mean": (0.0,)}, "--mean needs a model"),
        ("net.onnx", {"weights": PATH, "data": PATH}, "--weights is for nets that come without"),
        ("etinynet-1.0", {"mean": (0.0,)}, "--mean is for other nets"),
    ],
)
def test_options_that_do_not_fit(model: str | None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        make_source(model, Listener(), SourceOptions(**options))
    assert caught.value.hint


@pytest.mark.parametrize("options", [{"data": PATH}, {"std": (1.0,)}, {"effort": "high"}])
def test_int8_takes_no_options(tmp_path: Path, options: dict[str, Any]) -> None:
    builder = ModelBuilder()
    model = tmp_path / "net.tflite"
    model.write_bytes(builder.finish([builder.conv(builder.input((4, 4, 2)), 3)]))
    (name,) = options
    with pytest.raises(UsageError, match=f"--{name} is for float nets"):
        make_source(str(model), Listener(), SourceOptions(**options))


@pytest.mark.parametrize("layout", [None, "nchw"])
def test_float_tflite(tmp_path: Path, layout: Layout | None) -> None:
    """Its arrays are in its own order of axes, unless told otherwise."""
    builder = FloatBuilder((1, 8, 6, 3))
    options = {"Padding": "SAME", "StrideH": 2, "StrideW": 2, "FusedActivationFunction": "RELU"}
    inputs = [builder.input, builder.weights(5, 3, 3, 3), builder.weights(5)]
    filtered = builder.op("CONV_2D", inputs, (1, 4, 3, 5), options)
    pooled = builder.op("MEAN", [filtered, builder.integers(1, 2)], (1, 5), {"KeepDims": False})
    (tmp_path / "net.tflite").write_bytes(builder.finish(pooled))
    shape = (40, 8, 6, 3) if layout is None else (40, 3, 8, 6)
    np.save(tmp_path / "x.npy", np.random.default_rng(6).random(shape, np.float32))
    options = SourceOptions(data=tmp_path / "x.npy", layout=layout)
    source = make_source(str(tmp_path / "net.tflite"), Listener(), options)
    check_source(source)
    with pytest.raises(UsageError, match="--weights is for"):
        make_source(str(tmp_path / "net.tflite"), Listener(), SourceOptions(weights=PATH))


def test_preprocessing_is_carried_along(tmp_path: Path) -> None:
    """What a preprocess.toml and options say is in the .tflite, and in the generated header."""
    rules = 'mean = 128\nstd = 1\nresize = "crop"\ncrop_fraction = 0.5\ncolor = "rgb"\n'
    (tmp_path / "p.toml").write_text(rules)
    pictures = write_pictures(tmp_path / "pictures", [f"{i}.png" for i in range(20)])
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\ndog\n\n")
    options = SourceOptions(
        data=pictures,
        preprocess=tmp_path / "p.toml",
        color="bgr",
        labels=tmp_path / "labels.txt",
    )
    source = make_source(str(write_net(tmp_path / "net.onnx")), Listener(), options)
    graph = read_graph(source.tflite, "net")
    assert graph.labels == ("ant", "bee", "cat", "dog")
    assert graph.normalization == Normalization((128.0,) * 3, (1.0,) * 3, "bgr", "crop", 0.5)
    assert describe_pixels(graph) == (
        "For pixels of 0 to 255, BGR, the real value is (pixel - MEAN) / STD.",
        "MEAN is 128, STD 1.",
        "So the byte is the pixel minus 128.",
        "A picture is cropped: its centre, 0.5 of its shorter side, becomes 8 x 8.",
    )
    # A picture that the run command reads is prepared as those of the calibration were.
    picture = Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3))
    picture.save(tmp_path / "picture.png")
    expected = np.asarray(picture)[4:12, 4:12, ::-1].astype(int) - 128
    np.testing.assert_array_equal(
        read_model_input(tmp_path / "picture.png", graph)[0], expected.astype(np.int8)
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ant\nbee\ncat\n", "names 3 classes, the network has 4 outputs"),
        (b"ant\n\ncat\ndog", "line 2 names no class"),
        (b"\xff\xfe", "is no UTF-8 text"),
        (None, "cannot read the labels"),
    ],
)
def test_bad_labels(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    options = SourceOptions(data=tmp_path, labels=path)
    with pytest.raises(InputFileError, match=message) as caught:
        make_source(str(write_net(tmp_path / "net.onnx")), Listener(), options)
    assert caught.value.hint


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    path = write_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    values = numpy_helper.to_array(model.graph.initializer[0]).copy()
    values[1, 2] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    onnx.save(model, path)
    with pytest.raises(InputFileError, match=r"9 of the 108 values of 'w' are NaN or infinite"):
        make_source(str(path), Listener(), SourceOptions(data=tmp_path))


def test_operators_are_judged_before_data_are_read(tmp_path: Path) -> None:
    model = str(write_net(tmp_path / "net.onnx", last="Erf"))
    with pytest.raises(UnsupportedModelError, match=r"Erf of \[1x4\]"):
        make_source(model, Listener(), SourceOptions(data=tmp_path / "missing"))


def test_data_are_asked_for(tmp_path: Path) -> None:
    model = str(write_net(tmp_path / "net.onnx"))
    with pytest.raises(UsageError, match=r"pictures, or float32 inputs \[n, 3, 8, 8\]") as caught:
        make_source(model, Listener())
    for part in ("--data PATH", "16 or more", ".npz"):
        assert part in caught.value.hint
    with pytest.raises(InputFileError, match="there is no folder"):
        make_source(model, Listener(), SourceOptions(data=tmp_path / "missing"))
