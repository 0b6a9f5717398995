"""What a bundle holds: model, sources, images, report, vectors, versions, licences, a verifier."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from tinydeploy import __version__
from tinydeploy.bundle.archive import pack_files
from tinydeploy.bundle.sbom import SBOM, Component, list_compiler, write_sbom
from tinydeploy.bundle.words import list_words
from tinydeploy.paths import FIRMWARE
from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.page import write_page

BUNDLE: Final = "bundle.zip"
_VERIFIER = Path(__file__).with_name("verify.py")
_README = """\
{title}, built and proven by tinydeploy {version}.

    python verify.py

checks the hashes of all files, compiles firmware/ and compares the image's bytes, builds it again
from the model and compares its sources, and runs the image in the emulated board on the vectors
in vectors/. What it cannot do here, for want of a compiler or of tinydeploy, it says.
"""


Tensors = Sequence[NDArray[Any]]


def write_bundle(
    folder: Path,
    tflite: bytes,
    report: BuildReport,
    request: Mapping[str, Any],
    inputs: Tensors,
    outputs: Tensors,
) -> int:
    """Puts a bundle into an output folder; the same bytes for the same build, wherever it is made.

    Args:
        folder: The finished folder, with firmware/ and the images.
        tflite: The int8 model.
        report: Of the build.
        request: The fields of its BuildRequest.
        inputs: Vectors that the emulated board was given, one array [n, *shape] per input.
        outputs: What the reference gives for them, one array [n, *shape] per output.

    Returns:
        Its size in bytes.
    """
    stripped = strip_report(report)
    name = report.model.name
    model = f"{name}.tflite"
    board = Path(request["board"])
    files = {
        "README.txt": _README.format(
            title=f"{name} for {report.board.title}", version=__version__
        ).encode(),
        "verify.py": _VERIFIER.read_bytes(),
        model: tflite,
        "report.json": stripped.to_json().encode(),
        "report.html": write_page(stripped).encode(),
        "licenses/0BSD.txt": (FIRMWARE / "LICENSE").read_bytes(),
    }
    if board.suffix == ".toml":  # of the user's: elsewhere nobody has it
        files[board.name] = board.read_bytes()
    for image in ("firmware.elf", "firmware.bin", "firmware.hex"):
        files[image] = (folder / image).read_bytes()
    for path in sorted((folder / "firmware").rglob("*")):
        if path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for number, values in enumerate(tensors):
            files[f"vectors/{kind}{number}.bin"] = values.tobytes()
    build = {
        "schema": "tinydeploy-bundle-1",
        "tinydeploy": __version__,
        "command": ["tinydeploy", *list_words(model, request)],
        "needs_data": request["vectors"] > 0,
        "model": model,
        "board": board.name,
        "baud": request["baud"],
        "vectors": len(inputs[0]),
        "compiler": report.compiler,
        "python": report.origin.python,
        "packages": dict(report.origin.packages),
    }
    files["build.json"] = (json.dumps(build, indent=2) + "\n").encode()
    components = [*list_compiler(report.compiler), *list_packages(report.origin.packages)]
    files[SBOM] = write_sbom(f"{name}-{report.board.name}", files, components)
    content = pack_files(files)
    (folder / BUNDLE).write_bytes(content)
    return len(content)


def strip_report(report: BuildReport) -> BuildReport:
    """The report without what differs from one run or folder to the next: times and folders."""
    source = report.model.source.replace("\\", "/").rpartition("/")[2]
    model = replace(report.model, source=source)
    return replace(report, model=model, origin=replace(report.origin, command=""), seconds={})


def list_packages(versions: Mapping[str, str]) -> list[Component]:
    """Python packages, by name and version, with the licences that their metadata names."""
    found = []
    for name, version in versions.items():
        data = importlib.metadata.metadata(name).json
        license_id = str(data.get("license_expression", "NOASSERTION"))
        found.append(Component(name, version, license_id, f"pkg:pypi/{name}@{version}"))
    return found
