"""Compiler and simulator together make what the arithmetic's definition says, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import conv_model, depthwise_model, fc_model, pool_model
from litert import run_litert
from model_builder import Handle, ModelBuilder
from nets import classifier, inverted_residuals, random_net, several_ends
from npu_nets import compile_model, draw_image, expected_results, run_machine, small_etinynet

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.verify import verify_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.isa import FEATURE_LIMIT, MEMORY_BYTES
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.reference import run_arithmetic


def mean_model() -> bytes:
    b = ModelBuilder(3)
    return b.finish([b.mean(b.conv(b.input((7, 5, 4)), 20))])


def sum_model() -> bytes:
    """A sum of feature maps with a bound, one of them the source of the other."""
    b = ModelBuilder(4)
    x = b.conv(b.input((6, 9, 3)), 18)
    return b.finish([b.binary("ADD", b.depthwise(x), x, activation="RELU")])


def elements() -> bytes:
    """Batch normalizations and bounds that stand by themselves: two readers keep passes off."""
    b = ModelBuilder(7)
    x = b.conv(b.input((6, 5, 3)), 18)
    y = b.binary("MUL", x, b.channel_constant(x, -128, 128))
    y = b.binary("ADD", y, b.channel_constant(y, -128, 128), activation="RELU", scale=0.07)
    z = b.binary("SUB", y, b.channel_constant(y, -128, 128), constant_first=True)
    z = b.lookup("RELU6", z, scale=0.9 * z.scale)
    return b.finish([b.binary("SUB", x, z), b.maximum(x, b.channel_constant(x))])


def pooled_behind() -> bytes:
    """A pool behind a convolution that does not read the image, and one that overlaps."""
    b = ModelBuilder(5)
    x = b.conv(b.conv(b.input((12, 12, 3)), 8), 8)
    x = b.pool("MAX_POOL_2D", x)
    return b.finish([b.pool("MAX_POOL_2D", x, (3, 3), stride=(1, 1), padding="SAME")])


def two_readers() -> bytes:
    """The image is read twice, so it is converted first; two results."""
    b = ModelBuilder(6)
    x = b.input((8, 6, 3))
    return b.finish([b.conv(x, 5), b.depthwise(x, 6)])


MODELS: dict[str, Callable[[], bytes]] = {
    "stem": lambda: conv_model((9, 11, 3), 20, (3, 5), stride=(2, 1)),
    "stem of one channel": lambda: conv_model((49, 10, 1), 64, (10, 4), stride=(2, 2)),
    "stem with a bound": lambda: conv_model((9, 9, 3), 5, activation="RELU6"),
    "depthwise": lambda: depthwise_model((9, 7, 21), stride=(2, 2)),
    "depthwise of one channel": lambda: depthwise_model((9, 7, 1), 8),
    "fully connected": lambda: fc_model((3, 4, 5), 11),
    "max pool": lambda: pool_model("MAX_POOL_2D", (9, 8, 17), (3, 2), stride=(2, 3)),
    "mean by a pool": lambda: pool_model("AVERAGE_POOL_2D", (5, 4, 17), (5, 4)),
    "mean": mean_model,
    "sum": sum_model,
    "elements": elements,
    "pools": pooled_behind,
    "two readers": two_readers,
    "classifier": classifier,
    "inverted residuals": inverted_residuals,
    "small EtinyNet": small_etinynet,
}


@pytest.mark.parametrize("name", MODELS)
def test_machine_equals_the_definition(name: str) -> None:
    graph, compiled = compile_model(MODELS[name]())
    for seed in range(3):
        image = draw_image(graph, seed)
        assert run_machine(compiled, image) == expected_results(graph, compiled, image)


def test_elements_run_as_norm() -> None:
    graph, compiled = compile_model(elements())
    assert compiled.split.rest is None
    names = [draft.name for draft in compiled.split.drafts]
    assert names == ["STEM", "NORM", "NORM", "NORM", "NORM", "ADD", "NORM"]
    image = draw_image(graph, 1)
    found = run_arithmetic(graph, image, graph.outputs)
    # LiteRT's double rounding makes a step of difference now and then.
    for values, right in zip(found.values(), run_litert(elements(), [image]), strict=True):
        assert np.abs(values.astype(int) - right).max() <= 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda b, x: b.binary("MUL", x, b.rng.integers(0, 9, x.shape).astype(np.int8)),
            "TinyNPU does MUL with a constant for each channel alone",
        ),
        (lambda b, x: b.binary("MUL", x, x), "TinyNPU does MUL with a constant for each channel"),
        (lambda b, x: b.lookup("TANH", x), "TinyNPU has no instruction for TANH"),
        (
            lambda b, x: b.binary("ADD", b.conv(x, 1, (1, 1)), b.channel_constant(x)),
            "TinyNPU repeats neither pixels nor channels",
        ),
    ],
)
def test_other_elements_stay(make: Callable[[ModelBuilder, Handle], Handle], reason: str) -> None:
    b = ModelBuilder(8)
    x = b.conv(b.input((6, 5, 3)), 7)
    _, compiled = compile_model(b.finish([make(b, x)]))
    last = compiled.split.shares[-1]
    assert not last.drafts
    assert last.reason.startswith(reason)


def test_a_table_that_is_no_line_stays() -> None:
    b = ModelBuilder(9)
    x = b.conv(b.input((4, 4, 3)), 5)
    graph = fuse_graph(read_graph(b.finish([b.lookup("QUANTIZE", x, scale=0.01)])))
    assert compile_graph(graph).split.rest is None
    *ops, last = graph.ops
    assert isinstance(last, Lookup)
    bent = replace(last, table=(np.arange(-128, 128) ** 2 // 256).astype(np.int8))
    compiled = compile_graph(replace(graph, ops=(*ops, bent)))
    assert compiled.split.shares[-1].reason == "TinyNPU has no instruction for QUANTIZE"


def test_machine_equals_the_definition_on_random_nets() -> None:
    count = 0
    for seed in range(40):
        try:
            graph, compiled = compile_model(random_net(seed))
        except UnsupportedModelError as error:
            assert "TinyNPU" in error.message
            continue
        image = draw_image(graph, seed)
        wanted = expected_results(compiled.split.graph, compiled, image)
        assert run_machine(compiled, image) == wanted, f"net {seed}"
        count += 1
    assert count > 15


def test_frames_do_not_depend_on_those_before() -> None:
    graph, compiled = compile_model(small_etinynet())
    images = [draw_image(graph, seed) for seed in range(3)]
    machine = Machine()
    machine.load(compiled.program.data)
    frames = [machine.run(image.tobytes()) for image in (*images, *reversed(images))]
    alone = [run_machine(compiled, image) for image in images]
    assert [frame.outputs for frame in frames] == [*alone, *reversed(alone)]
    assert {frame.cycles for frame in frames} == {compiled.walk.cycles}


def test_equal_graphs_give_equal_programs() -> None:
    assert compile_model(small_etinynet())[1].program == compile_model(small_etinynet())[1].program


def test_several_inputs_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="2 inputs"):
        compile_model(several_ends())


def test_images_larger_than_the_port_are_refused() -> None:
    compile_model(conv_model((512, 512, 1), 1, (15, 15), stride=(15, 15)))
    with pytest.raises(UnsupportedModelError, match="262,145 bytes, TinyNPU's port holds 262,144"):
        compile_model(conv_model((1, 262145, 1), 1, (1, 1)))


def test_rest_is_a_sound_graph_with_the_outputs() -> None:
    graph, compiled = compile_model(small_etinynet())
    rest = compiled.split.rest
    assert rest is not None
    assert [op.kind for op in rest.ops] == ["SOFTMAX"]
    assert rest.inputs == compiled.split.boundary
    assert rest.outputs == graph.outputs
    verify_graph(rest)
    assert fuse_graph(rest).ops


def test_everything_runs_on_the_machine_where_it_can() -> None:
    _, compiled = compile_model(conv_model((8, 8, 3), 4))
    assert compiled.split.rest is None
    assert [share.reason for share in compiled.split.shares] == [""]


def large_classifier(classes: int) -> bytes:
    b = ModelBuilder(7)
    return b.finish([b.fully_connected(b.mean(b.conv(b.input((16, 16, 3)), 512)), classes)])


def test_what_does_not_fit_stays_on_the_microcontroller() -> None:
    _, compiled = compile_model(large_classifier(1600))
    assert compiled.split.rest is None
    _, compiled = compile_model(large_classifier(1700))
    rest = compiled.split.rest
    assert rest is not None
    assert [op.kind for op in rest.ops] == ["FULLY_CONNECTED"]
    (reason,) = [share.reason for share in compiled.split.shares if share.reason]
    assert f"{MEMORY_BYTES:,} bytes" in reason


def test_feature_maps_over_the_limit_stay_on_the_microcontroller() -> None:
    b = ModelBuilder(8)
    x = b.conv(b.input((64, 64, 3)), 32)  # exactly the limit
    model = b.finish([b.mean(b.conv(x, 48, (1, 1)))])
    _, compiled = compile_model(model)
    reasons = [share.reason for share in compiled.split.shares]
    assert reasons[0] == ""
    assert f"{FEATURE_LIMIT:,}" in reasons[1]
    assert reasons[2] == "the microcontroller makes what it reads"


def test_nothing_to_run_is_an_error_with_the_reason() -> None:
    with pytest.raises(UnsupportedModelError, match=r"first op, CONV_2D.*dilation"):
        compile_model(conv_model((16, 16, 3), 8, dilation=(2, 2)))


@pytest.mark.slow
def test_etinynet_equals_the_definition(shared_data: Path) -> None:
    model = (shared_data / "models" / "etinynet_1.0_224_int8.tflite").read_bytes()
    graph, compiled = compile_model(model)
    image = draw_image(graph, 0)
    assert run_machine(compiled, image) == expected_results(graph, compiled, image)
    assert [s.op.kind for s in compiled.split.shares if s.reason] == ["CONV_2D", "RESHAPE"]
    assert compiled.program.output_bytes == 512


@pytest.mark.parametrize(
    ("name", "stay"),
    [
        ("mlperf_tiny_kws_int8", ["SOFTMAX"]),
        ("mlperf_tiny_ic_int8", ["SOFTMAX"]),
        ("mlperf_tiny_vww_int8", ["SOFTMAX"]),
        ("mlperf_tiny_ad_int8", []),
        ("person_detect_int8", ["SOFTMAX"]),
        ("hello_world_int8", []),
    ],
)
def test_public_models_equal_the_definition(shared_data: Path, name: str, stay: list[str]) -> None:
    graph, compiled = compile_model((shared_data / "models" / f"{name}.tflite").read_bytes())
    image = draw_image(graph, 0)
    assert run_machine(compiled, image) == expected_results(graph, compiled, image)
    assert [share.op.kind for share in compiled.split.shares if share.reason] == stay
