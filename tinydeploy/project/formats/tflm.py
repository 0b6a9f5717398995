"""Format `tflm`: the .tflite in a program for TensorFlow Lite Micro, from a tree of the user's."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.codegen.text import byte_lines
from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.project.formats.handover import Handover, licence
from tinydeploy.project.formats.tflm_arena import bound_arena
from tinydeploy.project.formats.tflm_ops import list_operators, resolver_name

# What the probe tries at first: more than the bound, which is no proof.
_PROBE_FACTOR, _PROBE_BYTES = 2, 65536


@dataclass(frozen=True)
class _Output:
    size: int
    lines: str


def tflm_files(handover: Handover) -> dict[str, bytes]:
    """README, licence, CMakeLists.txt, and src/.

    Raises:
        UnsupportedModelError: TensorFlow Lite Micro cannot run the model.
    """
    file = parse_tflite(handover.tflite)
    operators = list_operators(file)
    bound = bound_arena(file)
    measured = handover.tflm_arena_bytes is not None
    facts = {
        "ops": [resolver_name(operator) for operator in operators],
        "registered": operators,
        "lines": "\n".join(byte_lines(handover.tflite)),
        "tflite_bytes": len(handover.tflite),
        "expected": [
            _Output(len(output), "\n".join(byte_lines(output)))
            for output in handover.selftest_outputs
        ],
        "measured": measured,
        "arena_bytes": handover.tflm_arena_bytes or bound,
        "probe_bytes": _PROBE_FACTOR * bound + _PROBE_BYTES,
    }
    templates = {
        "README.md": "README.md",
        "CMakeLists.txt": "CMakeLists.txt",
        "src/model_data.h": "model_data.h",
        "src/model_data.cc": "model_data.cc",
        "src/op_resolver.h": "op_resolver.h",
        "src/arena.h": "arena.h",
        "src/arena_probe.cc": "arena_probe.cc",
        "src/arena_abort.c": "arena_abort.c",
        "src/expected.h": "expected.h",
        "src/main.cc": "main.cc",
    }
    files = {path: handover.render(f"tflm/{name}.j2", **facts) for path, name in templates.items()}
    return files | {"LICENSE": licence()}
