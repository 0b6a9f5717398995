"""The generated sources: deterministic, prefixed, without warnings, usable from C and C++."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import ModelBuilder
from c_build import ARM, compile_c, kernel_files, make_sources, run, write_sources
from nets import classifier, several_ends

from tinydeploy.graph.graph import Graph
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors

HOST = ("gcc", "-std=c99")
COMPILERS = [
    pytest.param(
        compiler,
        id=compiler[0],
        marks=pytest.mark.skipif(
            not shutil.which(compiler[0]), reason=f"{compiler[0]} is not installed"
        ),
    )
    for compiler in (HOST, (*ARM, "-std=c99"), ("clang", "-std=c99"))
]
needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
needs_gxx = pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")
needs_arm = pytest.mark.skipif(not shutil.which(ARM[0]), reason=f"{ARM[0]} is not installed")


def test_the_same_arguments_give_the_same_text() -> None:
    script = (
        "import sys, zlib; sys.path[:0] = ['tests', 'tests/codegen'];"
        "from c_build import make_sources; from nets import several_ends;"
        "print(zlib.crc32(repr(make_sources(several_ends(), 'net')[2]).encode()))"
    )
    here = zlib.crc32(repr(make_sources(several_ends(), "net")[2]).encode())
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(done.stdout) == here


@pytest.mark.parametrize("name", ["pets", "a_name_as_long_as_it_gets_in_int8"])
def test_files_lines_and_licence(name: str) -> None:
    _, _, sources = make_sources(classifier(labels=("a" * 30, "ü", "c")), name)
    names = ("model.h", "model.c", "weights.h", "weights.c", "model_data.h", "model_data.c")
    assert list(sources) == [f"{name}/{file}" for file in names]
    for text in sources.values():
        assert text.startswith("/* SPDX-License-Identifier: 0BSD */\n")
        assert text.isascii()
        assert text.endswith("\n")
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)
        assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("net", [classifier, several_ends])
def test_no_warnings(compiler: tuple[str, ...], net: object, tmp_path: Path) -> None:
    assert callable(net)
    sources = make_sources(net(), "net")[2]
    write_sources(tmp_path, sources)
    files = ("model.c", "weights.c", "model_data.c")
    compile_c(compiler, tmp_path, [f"net/{file}" for file in files], ["-c"])


def symbols(objects: Path, nm: str = "nm") -> list[tuple[str, str]]:
    """(kind, name) of every symbol of the object files in a folder."""
    command = [nm, "-P", *map(str, sorted(objects.glob("*.o")))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = (line.split() for line in done.stdout.splitlines() if not line.endswith(":"))
    return [(fields[1], fields[0]) for fields in lines if len(fields) > 1]


@needs_arm
def test_symbols_are_prefixed_and_only_the_arena_is_writable(tmp_path: Path) -> None:
    graph, plan, sources = make_sources(classifier(), "pets")
    write_sources(tmp_path, sources)
    files = [f"pets/{file}" for file in ("model.c", "weights.c", "model_data.c")]
    compile_c((*ARM, "-std=c99"), tmp_path, files, ["-c"])
    found = [(kind, name) for kind, name in symbols(tmp_path, "arm-none-eabi-nm") if name[0] != "$"]
    assert {name for kind, name in found if kind.isupper() and kind != "U"} == {
        *(f"pets_{name}" for name in ("input", "output", "run", "run_observed", "labels")),
        *(f"pets_model_data{name}" for name in ("", "_len")),
        *re.findall(r"^extern const .*?(pets_layer\d+_\w+)\[", sources["pets/weights.h"], re.M),
    }
    undefined = {name for kind, name in found if kind == "U" and not name.startswith("pets_")}
    called = {f"td_{stem}" for stem in kernel_names(graph, plan) if stem.endswith("_s8")}
    assert undefined & called
    assert all(name.startswith("td_") for name in undefined)
    assert [name for kind, name in found if kind in "dDbBC"] == ["pets_arena_dtcm"]
    layers = {name for _, name in found if re.fullmatch(r"pets_layer\d+", name)}
    assert layers == {f"pets_layer{step.op}" for step in plan.steps}


def kernel_names(graph: object, plan: object) -> list[str]:
    return [path.stem for path in kernel_files(graph, plan)]  # type: ignore[arg-type]


@needs_arm
def test_the_calls_of_layers_are_there_once(tmp_path: Path) -> None:
    _, plan, sources = make_sources(classifier(), "pets")
    write_sources(tmp_path, sources)
    compile_c((*ARM, "-std=c99"), tmp_path, ["pets/model.c"], ["-c", "-o", "model.o"])
    done = subprocess.run(
        ["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", "model.o"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    functions = dict(re.findall(r"<(\w+)>:\n((?:.+\n)+)", done.stdout))
    callers = {name for name, text in functions.items() if re.search(r"\bbl?\t.*<pets_layer", text)}
    assert callers == {"run_layers"}
    assert {f"pets_layer{step.op}" for step in plan.steps} <= functions.keys()
    for name in ("pets_run", "pets_run_observed"):
        assert re.findall(r"\bbl\t.*<(\w+)>", functions[name]) == ["run_layers"]


EXAMPLE = """
#include <stdio.h>
int main(void)
{
    float values[PETS_INPUT_SIZE];
    while (fread(values, sizeof values, 1, stdin) == 1) {
        printf("%s\\n", pets_labels[pets_best(values)]);
    }
    return 0;
}
"""


@needs_gcc
def test_the_example_of_the_header_compiles_and_runs(tmp_path: Path) -> None:
    labels = ('a "cat" ??/ \\', "Fü\tchse", "?")
    tflite = classifier(labels=labels)
    graph, plan, sources = make_sources(tflite, "pets")
    write_sources(tmp_path, sources)
    header = sources["pets/model.h"]
    (example,) = re.findall(r"^ \*     #include.*?^ \*     \}$", header, re.DOTALL | re.MULTILINE)
    text = "\n".join(line[3:].removeprefix("    ") for line in example.splitlines())
    (tmp_path / "main.c").write_text(text + EXAMPLE)
    files = ["main.c", "pets/model.c", "pets/weights.c", *kernel_files(graph, plan)]
    compile_c(HOST, tmp_path, files, ["-o", "main"])
    values = np.random.default_rng(0).normal(0, 5, (8, *graph.tensors[0].shape)).astype(np.float32)
    quantization = graph.tensors[0].quantization
    assert quantization is not None
    scaled = np.rint(values / np.float32(quantization.scale)) + quantization.zero_point
    quantized = np.clip(scaled, -128, 127).astype(np.int8)
    (outputs,) = run_reference(tflite, [quantized]).outputs
    expected = "".join(labels[int(best)] + "\n" for best in outputs.reshape(8, -1).argmax(axis=1))
    assert run(tmp_path / "main", values.tobytes()).decode() == expected
    assert graph.labels == labels


TWO_MODELS = """
#include <stdio.h>
#include <string.h>
#include "pets/model.h"
#include "pets/model_data.h"
#include "things/model.h"
#include "things/model_data.h"

int main()
{
    static const unsigned char shape[] = THINGS_OUTPUT_1_SHAPE;
    if (sizeof shape != THINGS_OUTPUT_1_RANK || pets_model_data_len != sizeof pets_model_data) {
        return 1;
    }
    if (fread(pets_input(), PETS_INPUT_SIZE, 1, stdin) != 1 ||
        fread(things_input_0(), THINGS_INPUT_0_SIZE, 1, stdin) != 1 ||
        fread(things_input_1(), THINGS_INPUT_1_SIZE, 1, stdin) != 1) {
        return 2;
    }
    pets_run();
    things_run();
    fwrite(pets_output(), 1, PETS_OUTPUT_SIZE, stdout);
    fwrite(things_output(), 1, THINGS_OUTPUT_SIZE, stdout);
    fwrite(things_output_1(), 1, THINGS_OUTPUT_1_SIZE, stdout);
    fwrite(things_output_2(), 1, THINGS_OUTPUT_2_SIZE, stdout);
    fwrite(things_model_data, 1, things_model_data_len, stdout);
    return 0;
}
"""


@needs_gxx
@needs_gcc
def test_two_models_in_one_program_in_cpp(tmp_path: Path) -> None:
    expected, data, files = b"", b"", []
    for name, tflite in (("pets", classifier()), ("things", several_ends())):
        graph, plan, sources = make_sources(tflite, name)
        write_sources(tmp_path, sources)
        objects = ("model", "weights", "model_data")
        for file in objects:
            flags = ["-c", "-o", f"{name}_{file}.o"]
            compile_c(HOST, tmp_path, [f"{name}/{file}.c"], flags)
        files += [f"{name}_{file}.o" for file in objects]
        for kernel in kernel_files(graph, plan):
            if f"{kernel.stem}.o" not in files:
                compile_c(HOST, tmp_path, [kernel], ["-c", "-o", f"{kernel.stem}.o"])
                files.append(f"{kernel.stem}.o")
        vectors = make_vectors(graph, 5)
        data += b"".join(values[4].tobytes() for values in vectors)
        results = run_reference(tflite, [values[4:] for values in vectors]).outputs
        expected += b"".join(result.tobytes() for result in results)
    (tmp_path / "main.cpp").write_text(TWO_MODELS)
    compile_c(("g++", "-std=c++11"), tmp_path, ["main.cpp", *files], ["-o", "main"])
    assert run(tmp_path / "main", data) == expected + several_ends()


ROUND_TRIP = """
#include <stdio.h>
#include "net/model.h"

int main(void)
{
    float value;
    while (fread(&value, sizeof value, 1, stdin) == 1) {
        const int8_t q = net_quantize(value);
        const float back = net_dequantize(q);
        fwrite(&q, 1, 1, stdout);
        fwrite(&back, sizeof back, 1, stdout);
    }
    return 0;
}
"""


def renaming_net(scale: float, zero_point: int) -> bytes:
    """A net that computes nothing, so that its input and output quantize alike."""
    b = ModelBuilder()
    return b.finish([b.reshape(b.input((4, 1, 1), scale, zero_point), (1, 4))])


@needs_gcc
@pytest.mark.parametrize(
    ("scale", "zero_point"), [(0.5, 3), (0.0235294122248888, -128), (1.7, 127), (1 / 256, -128)]
)
def test_quantize_and_dequantize_are_the_references(
    scale: float, zero_point: int, tmp_path: Path
) -> None:
    scale = float(np.float32(scale))
    _, _, sources = make_sources(renaming_net(scale, zero_point), "net")
    write_sources(tmp_path, sources)
    (tmp_path / "main.c").write_text(ROUND_TRIP)
    compile_c(HOST, tmp_path, ["main.c"], ["-o", "main"])
    values = quantize_inputs(np.float32(scale))
    expected_q, expected_back = reference_quantize(values, scale, zero_point)
    found = np.frombuffer(
        run(tmp_path / "main", values.tobytes()), np.dtype([("q", "i1"), ("back", "<f4")])
    )
    np.testing.assert_array_equal(found["q"], expected_q)
    np.testing.assert_array_equal(found["back"], expected_back)


REAL_VALUES = """
#include <stdio.h>
#include "net/model.h"

int main(void)
{{
    static float {declarations};
    {reads}
    if (net_run_float({arguments}) != 0) {{
        return 1;
    }}
    {writes}
    return 0;
}}
"""


@needs_gcc
@pytest.mark.parametrize("tflite", [classifier(), several_ends()], ids=["one", "several"])
def test_run_float_is_quantize_run_dequantize(tflite: bytes, tmp_path: Path) -> None:
    graph, plan, sources = make_sources(tflite, "net", float_ends=True)
    assert max(map(len, sources["net/model.h"].splitlines())) <= 120
    write_sources(tmp_path, sources)
    ends = [("x", graph.inputs), ("y", graph.outputs)]
    sizes = {f"{n}{k}": graph.tensors[t].size for n, ids in ends for k, t in enumerate(ids)}
    program = REAL_VALUES.format(
        declarations=", ".join(f"{name}[{size}]" for name, size in sizes.items()),
        reads="\n".join(f"fread({n}, 4, {s}, stdin);" for n, s in sizes.items() if n[0] == "x"),
        arguments=", ".join(sizes),
        writes="\n".join(f"fwrite({n}, 4, {s}, stdout);" for n, s in sizes.items() if n[0] == "y"),
    )
    (tmp_path / "main.c").write_text(program)
    files = ["main.c", "net/model.c", "net/weights.c", *kernel_files(graph, plan)]
    compile_c((*HOST, "-Wno-unused-result"), tmp_path, files, ["-o", "main"])
    vectors = [values[:1] for values in make_vectors(graph, 5)]
    found = run(tmp_path / "main", dequantize(graph, graph.inputs, vectors))
    assert found == dequantize(graph, graph.outputs, run_reference(tflite, vectors).outputs)


def dequantize(graph: Graph, tensors: Sequence[int], arrays: Sequence[np.ndarray]) -> bytes:
    """The real values of int8 arrays, in float32 as C computes them."""
    ends = (graph.tensors[tensor].affine for tensor in tensors)
    return b"".join(
        (np.float32(scale) * (values.astype(np.int32) - zero_point).astype(np.float32)).tobytes()
        for values, (scale, zero_point) in zip(arrays, ends, strict=True)
    )


def quantize_inputs(scale: np.float32) -> np.ndarray:
    """All halves and their neighbours, random values, values far out of range."""
    halves = (np.arange(-600, 600) * np.float32(0.5) * scale).astype(np.float32)
    up, down = np.nextafter(halves, np.float32(np.inf)), np.nextafter(halves, np.float32(-np.inf))
    spread = np.random.default_rng(0).normal(0, 100, 2000).astype(np.float32) * scale
    far = np.array([0.0, -0.0, 1e6, -1e6, 1e-38, -1e-38], np.float32)
    return np.concatenate([halves, up, down, spread, far]).astype(np.float32)


def reference_quantize(
    values: np.ndarray, scale: float, zero_point: int
) -> tuple[np.ndarray, np.ndarray]:
    """LiteRT's QUANTIZE and DEQUANTIZE."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    writer = TfliteWriter()
    shape = (1, len(values))
    source = writer.add_tensor("x", shape, "float32")
    middle = writer.add_tensor("q", shape, "int8", scales=[scale], zero_points=[zero_point])
    back = writer.add_tensor("y", shape, "float32")
    writer.add_op("QUANTIZE", [source], [middle])
    writer.add_op("DEQUANTIZE", [middle], [back])
    interpreter = Interpreter(
        model_content=writer.finish([source], [middle, back]),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(source, values.reshape(shape))
    interpreter.invoke()
    return interpreter.get_tensor(middle)[0].copy(), interpreter.get_tensor(back)[0].copy()


@needs_gcc
def test_not_a_number_becomes_the_zero_point(tmp_path: Path) -> None:
    _, _, sources = make_sources(renaming_net(0.5, 7), "net")
    write_sources(tmp_path, sources)
    (tmp_path / "main.c").write_text(ROUND_TRIP)
    compile_c(HOST, tmp_path, ["main.c"], ["-o", "main"])
    values = np.array([np.nan, np.inf, -np.inf], np.float32)
    found = run(tmp_path / "main", values.tobytes())
    assert [int.from_bytes(found[i : i + 1], signed=True) for i in (0, 5, 10)] == [7, 127, -128]
