"""What a bundle holds: model, sources, images, report, vectors, versions, licences, a verifier."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from tinydeploy import __version__
from tinydeploy.bundle.archive import pack_files
from tinydeploy.bundle.sbom import SBOM, Component, list_compiler, write_sbom
from tinydeploy.paths import FIRMWARE
from tinydeploy.report.build_report import BuildReport

BUNDLE: Final = "bundle.zip"
_VERIFIER = Path(__file__).with_name("verify.py")
# Those that the bytes of a build, or of its model, can depend on.
_PACKAGES = (
    "ai-edge-litert", "flatbuffers", "jinja2", "numpy", "onnx", "onnxruntime", "tensorflow",
    "tflite", "torch", "unicorn",
)  # fmt: skip

_README = """\
{title}, built and proven by tinydeploy {version}.

    python verify.py

checks the hashes of all files, compiles firmware/ and compares the image's bytes, builds it again
from the model and compares its sources, and runs the image in the emulated board on the vectors
in vectors/. What it cannot do here, for want of a compiler or of tinydeploy, it says.
"""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What goes into a bundle.

    Args:
        folder: The finished output folder, with firmware/ and the images.
        tflite: The int8 model.
        report: Of the build.
        words: Arguments of `tinydeploy` that build the same again from the model's file.
        board_file: The board's .toml where the user has given one, else None.
        baud: Speed of the console; None for the board's.
        needs_data: The firmware holds inputs of a data set, which is not in the bundle.
        inputs: Vectors that the emulated board was given, one array [n, *shape] per input.
        outputs: What the reference gives for them, one array [n, *shape] per output.
    """

    folder: Path
    tflite: bytes
    report: BuildReport
    words: Sequence[str]
    board_file: Path | None
    baud: int | None
    needs_data: bool
    inputs: Sequence[NDArray[Any]]
    outputs: Sequence[NDArray[Any]]


def make_bundle(evidence: Evidence) -> bytes:
    """The bundle's bytes; the same for the same build, wherever and whenever it is made."""
    report = evidence.report
    name, board = report.model.name, report.board.name
    files = {
        "README.txt": _README.format(
            title=f"{name} for {report.board.title}", version=__version__
        ).encode(),
        "verify.py": _VERIFIER.read_bytes(),
        f"{name}.tflite": evidence.tflite,
        "report.json": strip_report(report).to_json().encode(),
        "build.json": _write_json(_describe_build(evidence)),
        "licenses/0BSD.txt": (FIRMWARE / "LICENSE").read_bytes(),
    }
    if evidence.board_file is not None:
        files[evidence.board_file.name] = evidence.board_file.read_bytes()
    for image in ("firmware.elf", "firmware.bin", "firmware.hex"):
        files[image] = (evidence.folder / image).read_bytes()
    for path in sorted((evidence.folder / "firmware").rglob("*")):
        if path.is_file():
            files[path.relative_to(evidence.folder).as_posix()] = path.read_bytes()
    for kind, tensors in (("input", evidence.inputs), ("output", evidence.outputs)):
        for number, values in enumerate(tensors):
            files[f"vectors/{kind}{number}.bin"] = values.tobytes()
    components = [*list_compiler(report.compiler), *list_packages()]
    files[SBOM] = write_sbom(f"{name}-{board}", files, components)
    return pack_files(files)


def strip_report(report: BuildReport) -> BuildReport:
    """The report without what differs from one run or folder to the next: times and folders."""
    source = report.model.source.replace("\\", "/").rpartition("/")[2]
    return replace(report, model=replace(report.model, source=source), seconds={})


def list_packages() -> list[Component]:
    """The Python packages that are installed, of those that matter."""
    found = []
    for name in _PACKAGES:
        try:
            data = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        version = data["Version"]
        license_id = str(data.json.get("license_expression", "NOASSERTION"))
        found.append(Component(name, version, license_id, f"pkg:pypi/{name}@{version}"))
    return found


def _describe_build(evidence: Evidence) -> dict[str, Any]:
    """What verify.py reads."""
    report, board_file = evidence.report, evidence.board_file
    return {
        "schema": "tinydeploy-bundle-1",
        "tinydeploy": __version__,
        "command": ["tinydeploy", *evidence.words],
        "needs_data": evidence.needs_data,
        "model": f"{report.model.name}.tflite",
        "board": report.board.name if board_file is None else board_file.name,
        "baud": evidence.baud,
        "vectors": len(evidence.inputs[0]),
        "compiler": report.compiler,
        "python": platform.python_version(),
        "packages": {each.name: each.version for each in list_packages()},
    }


def _write_json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
