"""The C that finds boxes against its reference, every byte, under the sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from detectors import Outputs, hostile_outputs, make, usual_outputs

from tests.programs import require_program
from tinydeploy.codegen.detection import KERNEL, write_tables
from tinydeploy.detection.postprocess import DETECTION, Detector
from tinydeploy.paths import FIRMWARE, kernel_sources

FLAGS = (
    *("-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"),
)
CASES = [
    ("etinynet", "usual"),
    ("etinynet", "coarse"),
    ("narrow", "fine"),
    ("open", "usual"),
]


def compile_detector(detector: Detector, folder: Path) -> Path:
    require_program("gcc")
    sizes = ", ".join(str(int(np.prod(shape))) for shape in detector.spec.output_shapes)
    main = (Path(__file__).parent / "detect_main.c").read_text()
    tables = f'#include "td_detect.h"\n{write_tables(detector)}'
    (folder / "main.c").write_text(f"{tables}\n#define OUTPUT_SIZES {{{sizes}}}\n{main}")
    program = folder / "detect"
    sources = [str(path) for path in kernel_sources(KERNEL)]
    includes = ["-I", str(FIRMWARE / "include")]
    command = ["gcc", *FLAGS, *includes, str(folder / "main.c"), *sources, "-o", str(program)]
    subprocess.run(command, check=True)
    return program


@pytest.mark.parametrize(("spec", "scales"), CASES)
def test_equals_the_reference(tmp_path: Path, spec: str, scales: str) -> None:
    detector = make(spec, scales)
    rng = np.random.default_rng(5)
    usual: list[tuple[str, Outputs]] = [("usual", usual_outputs(detector, rng)) for _ in range(30)]
    most = detector.spec.max_detections
    cases = [
        (name, outputs, size)
        for name, outputs in (*usual, *hostile_outputs(detector, rng))
        for size in (most, 0, 1, most + 3)
    ]
    given = b"".join(
        size.to_bytes(4, "little") + b"".join(values.tobytes() for values in outputs)
        for _, outputs, size in cases
    )
    program = compile_detector(detector, tmp_path)
    done = subprocess.run([str(program)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    at = 0
    for name, outputs, size in cases:
        count = int.from_bytes(done.stdout[at : at + 4], "little")
        at += 4
        expected = detector.detect(outputs)[:size]
        assert count == len(expected), (name, size)
        end = at + count * DETECTION.itemsize
        assert done.stdout[at:end] == expected.tobytes(), (name, size)
        at = end
    assert at == len(done.stdout)
