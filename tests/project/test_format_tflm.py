"""The program for TensorFlow Lite Micro: its parts, and with a tree of it at hand, a run."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from handovers import find_or_skip, hand_over, run, run_quietly, write_format

from tests.builders import ModelBuilder
from tests.file_kinds import float_ends, remembering
from tests.nets import classifier
from tinydeploy.errors import UnsupportedModelError, UsageError
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.project.formats import tflm_ops
from tinydeploy.project.formats.make import check_format, format_files
from tinydeploy.project.formats.tflm_arena import Buffer, bound_arena, place_greedily
from tinydeploy.project.formats.tflm_ops import list_operators, resolver_name
from tinydeploy.validate.tflm_arena import find_tflm_tree, measure_tflm_arena


@pytest.fixture(scope="session")
def tree() -> Path:
    """The user's tree of TensorFlow Lite Micro."""
    if not os.environ.get("TFLM_DIR"):
        pytest.skip("TFLM_DIR does not name a tree of TensorFlow Lite Micro")
    found = find_tflm_tree()
    assert found is not None
    return found


def test_resolver_has_the_models_operators_alone() -> None:
    files = format_files("tflm", hand_over("classifier"))
    text = files["src/op_resolver.h"].decode()
    operators = list_operators(parse_tflite(classifier()))
    assert set(operators) == {
        *("ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D"),
        *("RESHAPE", "SOFTMAX"),
    }
    assert f"MicroMutableOpResolver<{len(operators)}>" in text
    added = re.findall(r"resolver\.(Add\w+)\(\)", text)
    assert added == [f"Add{resolver_name(operator)}" for operator in operators]
    assert {"AddConv2D", "AddMaxPool2D", "AddDepthwiseConv2D"} <= set(added)


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        ("CONV_2D", "Conv2D"),
        ("RELU6", "Relu6"),
        ("SPLIT_V", "SplitV"),
        ("REVERSE_V2", "ReverseV2"),
        ("L2_NORMALIZATION", "L2Normalization"),
        ("BATCH_TO_SPACE_ND", "BatchToSpaceNd"),
        ("BATCH_MATMUL", "BatchMatMul"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTM"),
    ],
)
def test_names_of_operators(operator: str, name: str) -> None:
    assert resolver_name(operator) == name


def test_model_data_is_the_file(tmp_path: Path) -> None:
    write_format(tmp_path, "tflm", hand_over("classifier"))
    (tmp_path / "main.cc").write_text(
        '#include <cstdio>\n#include <cstdint>\n#include "src/model_data.h"\n'
        "int main() {\n"
        "  std::fwrite(net_model_data, 1, net_model_data_size, stdout);\n"
        "  return reinterpret_cast<std::uintptr_t>(net_model_data) % 16 != 0;\n}\n"
    )
    compiler = find_or_skip("g++", "clang++")
    flags = ("-std=c++17", "-Wall", "-Wextra", "-pedantic")
    run_quietly([compiler, *flags, "main.cc", "src/model_data.cc", "-o", "main"], tmp_path)
    done = subprocess.run([tmp_path / "main"], capture_output=True, check=True)
    assert done.stdout == classifier()


def test_operator_that_it_lacks() -> None:
    b = ModelBuilder(0)
    tiled = b.finish([b.lookup("RELU_N1_TO_1", b.input((4, 4, 3)))])
    with pytest.raises(UnsupportedModelError, match="has no RELU_N1_TO_1") as caught:
        check_format("tflm", tiled)
    assert "--format library" in caught.value.hint
    check_format("library", tiled)


def test_ends_of_other_types() -> None:
    with pytest.raises(UnsupportedModelError, match="inputs or outputs of float32"):
        check_format("tflm", float_ends())


def test_variables() -> None:
    with pytest.raises(UnsupportedModelError, match="no program for models with variables"):
        check_format("tflm", remembering())


def test_arena_says_how_it_came_about() -> None:
    made = hand_over("classifier")
    bound = bound_arena(parse_tflite(made.tflite))
    for handover, size, word in (
        (made, bound, "Calculated: an upper bound"),
        (replace(made, tflm_arena_bytes=4321), 4321, "Measured: the least"),
    ):
        text = format_files("tflm", handover)["src/arena.h"].decode()
        assert f"#define NET_ARENA_BYTES {size}\n" in text
        assert word in text


@pytest.mark.parametrize(
    ("buffers", "bytes_"),
    [
        ([], 0),
        ([(16, 0, 1), (16, 1, 2), (16, 2, 3)], 32),  # a chain: two at a time
        ([(16, 0, 0), (16, 1, 1)], 16),
        ([(64, 0, 3), (16, 0, 1), (32, 2, 3)], 96),
        ([(48, 0, 1), (32, 1, 2), (16, 2, 3), (48, 3, 4)], 96),
        ([(32, 0, 5), (32, 2, 5), (16, 0, 0), (16, 1, 1)], 64),  # in the gap under a later one
    ],
)
def test_greedy_planner(buffers: list[tuple[int, int, int]], bytes_: int) -> None:
    assert place_greedily([Buffer(*buffer) for buffer in buffers]) == bytes_


def test_wrong_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFLM_DIR", str(tmp_path))
    with pytest.raises(UsageError, match="holds no TensorFlow Lite Micro") as caught:
        find_tflm_tree()
    assert "Unset TFLM_DIR" in caught.value.hint
    monkeypatch.delenv("TFLM_DIR")
    assert find_tflm_tree() is None


def test_cmake_without_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFLM_DIR", raising=False)
    cmake, _ = find_or_skip("cmake"), find_or_skip("g++")
    write_format(tmp_path, "tflm", hand_over("classifier"))
    refused = run([cmake, "-B", "build"], tmp_path)
    assert refused.returncode != 0
    assert "-DTFLM_DIR=/path/to/tflite-micro" in refused.stderr


def test_tree_has_every_operator(tree: Path) -> None:
    header = tree / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
    added = set(re.findall(r"TfLiteStatus Add(\w+)\(", header.read_text(encoding="utf-8")))
    known = tflm_ops._KNOWN
    assert {resolver_name(operator) for operator in known} <= added


@pytest.mark.slow
def test_program_of_the_host(tree: Path, tmp_path: Path) -> None:
    """Built from the folder and the tree alone; its arena is enough, its outputs are right."""
    cmake, _ = find_or_skip("cmake"), find_or_skip("g++")
    write_format(tmp_path, "tflm", hand_over("classifier"))
    for command in (["-B", "build", f"-DTFLM_DIR={tree}"], ["--build", "build", "-j", "2"]):
        done = run([cmake, *command], tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    done = run([tmp_path / "build/net_tflm"], tmp_path)
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"net: arena \d+ of \d+ bytes; \d+ of 3 elements differ, by at most [01]\n", done.stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize("net", ["classifier", "inverted_residuals"])
def test_measured_arena_is_within_the_bound(tree: Path, net: str) -> None:
    handover = hand_over(net)
    arena = measure_tflm_arena("net", format_files("tflm", handover), tree, "cortex-m4")
    bound = bound_arena(parse_tflite(handover.tflite))
    assert arena % 16 == 0
    assert arena <= bound <= arena + 4096
