"""Verifies the bundle that this file lies in; plain Python, of the standard library alone.

    python verify.py              # whatever can be checked here
    python verify.py --all        # fails where something cannot be
    python verify.py --hashes     # hashes and report alone: nothing of the bundle is run

Exit codes: 0 nothing is wrong, 1 something is, or with --all could not be checked.

Hashes say that nothing was damaged. That nobody has changed files and hashes together is shown by
what follows them: whoever compiles and builds again trusts nothing in here but the model.
"""
# ruff: noqa: T201 - it is a program of its own, whose output is what it is for

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
SUMS = "SHA256SUMS"
COMPILED = ("firmware.elf", "firmware.bin")
IMAGES = (*COMPILED, "firmware.hex")  # make's .hex is objcopy's, with other line ends


class WrongError(Exception):
    """Something is not as it should be."""


class CannotError(Exception):
    """Something cannot be checked here; says why."""


def check_hashes(build: dict[str, Any]) -> str:
    """Every file of the list has its hash, and there are no others."""
    del build
    text = (ROOT / SUMS).read_bytes()
    lines = [line.split("  ", 1) for line in text.decode().splitlines()]
    listed = {path: digest for digest, path in lines}
    there = {path for path in _list_files(ROOT) if path != SUMS}
    if lost := sorted(set(listed) - there):
        raise WrongError(f"missing: {', '.join(lost[:3])}")
    if more := sorted(there - set(listed)):
        raise WrongError(f"not in {SUMS}: {', '.join(more[:3])}")
    changed = [path for path, digest in listed.items() if _hash(ROOT / path) != digest]
    if changed:
        raise WrongError(f"changed: {', '.join(sorted(changed)[:3])}")
    return f"{len(listed)} files; {SUMS} itself has {hashlib.sha256(text).hexdigest()}"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_report(build: dict[str, Any]) -> str:
    """The report is of this model, compiler and board, and says that all was bit-exact."""
    report = json.loads((ROOT / "report.json").read_text(encoding="utf-8"))
    if report["model"]["tflite_sha256"] != _hash(ROOT / build["model"]):
        raise WrongError(f"the report is of another model than {build['model']}")
    if report["compiler"] != build["compiler"]:
        raise WrongError("the report names another compiler than build.json")
    proof = report["validation"]
    if proof["bit_exact"] is not True:
        raise WrongError("the report does not say that the build is bit-exact")
    return f"bit-exact against {proof['reference']}"


def check_compile(build: dict[str, Any]) -> str:
    """firmware/ compiles to the same bytes."""
    _need_compiler(build)
    if shutil.which("make") is None:
        raise CannotError("make is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "firmware"
        shutil.copytree(ROOT / "firmware", folder)
        _run(["make", "-C", str(folder)])
        _compare(COMPILED, folder / "build")
    return f"firmware/ makes the same {' and '.join(COMPILED)}"


def check_rebuild(build: dict[str, Any]) -> str:
    """The model builds to the same project and images."""
    _need_tinydeploy(build)
    _need_compiler(build)
    if build["needs_data"]:
        raise CannotError("the firmware holds inputs of a data set that is not in the bundle")
    with tempfile.TemporaryDirectory() as name:
        words = [*build["command"][1:], "--quiet", "--output", str(Path(name) / "built")]
        _run([sys.executable, "-P", "-m", "tinydeploy", *words], ROOT)
        built = Path(name) / "built"
        files = _list_files(ROOT / "firmware")
        _compare([f"firmware/{path}" for path in files], built)
        if more := sorted(set(_list_files(built / "firmware")) - set(files)):
            raise WrongError(f"not in firmware/: {', '.join(more[:3])}")
        _compare(IMAGES, built)
    return f"the model builds to the same {len(files)} files of firmware/ and the same images"


def check_emulated(build: dict[str, Any]) -> str:
    """The image gives the outputs of vectors/ in the emulated board."""
    _need_tinydeploy(build)
    if importlib.util.find_spec("unicorn") is None:
        raise CannotError("unicorn, which the emulated board needs, is not installed")
    boards = importlib.import_module("tinydeploy.board")
    emulated_board = importlib.import_module("tinydeploy.emulate.emulated_board")
    client_module = importlib.import_module("tinydeploy.link.client")
    board = boards.load_board(_board(build))
    if build["baud"] is not None:
        board = boards.with_baud(board, build["baud"])
    inputs, outputs = _read_vectors("input", build), _read_vectors("output", build)
    with emulated_board.EmulatedBoard(ROOT / "firmware.elf", board) as emulated:
        client = client_module.BoardClient(emulated.transport, attempts=240)
        client.hello()
        for number in range(build["vectors"]):
            client.infer([values[number] for values in inputs])
            for place, values in enumerate(outputs):
                if client.read_output(place) != values[number]:
                    raise WrongError(f"vector {number}: output {place} is another")
    return f"{build['vectors']} vectors give the reference's outputs on {board.title}"


def _board(build: dict[str, Any]) -> str:
    name = build["board"]
    return str(ROOT / name) if name.endswith(".toml") else name


def _read_vectors(kind: str, build: dict[str, Any]) -> list[list[bytes]]:
    """By tensor, its values for each vector."""
    tensors = []
    for path in sorted((ROOT / "vectors").glob(f"{kind}*.bin"), key=lambda p: (len(p.name), p)):
        data = path.read_bytes()
        size = len(data) // build["vectors"]
        tensors.append([data[at : at + size] for at in range(0, len(data), size)])
    return tensors


def _need_compiler(build: dict[str, Any]) -> None:
    program = shutil.which("arm-none-eabi-gcc")
    if program is None:
        raise CannotError(f"arm-none-eabi-gcc is not installed; it took {build['compiler']}")
    here = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    first = here.stdout.splitlines()[0].strip() if here.stdout else ""
    if first != build["compiler"]:
        raise CannotError(f"the compiler here is {first}; it took {build['compiler']}")


def _need_tinydeploy(build: dict[str, Any]) -> None:
    if importlib.util.find_spec("tinydeploy") is None:
        raise CannotError("tinydeploy is not installed")
    version = importlib.import_module("tinydeploy").__version__
    if version != build["tinydeploy"]:
        raise CannotError(f"tinydeploy here is {version}; it took {build['tinydeploy']}")


def _list_files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise WrongError(f"{command[0]} fails with {done.returncode}: {' '.join(last)}")


def _compare(paths: Sequence[str], folder: Path) -> None:
    other = [
        path
        for path in paths
        if not (folder / path).is_file()
        or (folder / path).read_bytes() != (ROOT / path).read_bytes()
    ]
    if other:
        raise WrongError(f"other bytes: {', '.join(sorted(other)[:3])}")


CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "hashes": check_hashes,
    "report": check_report,
    "compile": check_compile,
    "rebuild": check_rebuild,
    "emulate": check_emulated,
}


def main(words: Sequence[str] | None = None) -> int:
    """Runs the checks and says what each found."""
    parser = argparse.ArgumentParser(description="Verifies the bundle that this file lies in.")
    parser.add_argument("--all", action="store_true", help="fail where a check cannot be made here")
    parser.add_argument("--hashes", action="store_true", help="run nothing of the bundle")
    options = parser.parse_args(words)
    build = json.loads((ROOT / "build.json").read_text(encoding="utf-8"))
    failed = False
    for name, check in CHECKS.items():
        if options.hashes and name not in ("hashes", "report"):
            continue
        try:
            print(f"ok       {name:<8} {check(build)}", flush=True)
        except CannotError as error:
            print(f"skipped  {name:<8} {error}", flush=True)
            failed = failed or options.all
        except (WrongError, OSError, KeyError, ValueError) as error:
            print(f"WRONG    {name:<8} {error}", flush=True)
            failed = True
            if name == "hashes":
                break
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
