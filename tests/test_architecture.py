"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinydeploy"

STAGES = (
    "model",
    "zoo",
    "train",
    "quantize",
    "graph",
    "plan",
    "npu",
    "codegen",
    "project",
    "link",
    "emulate",
    "validate",
    "report",
    "bundle",
    "flash",
    "source",
    "pipeline",
    "accelerated",
    "check",
    "compare",
    "cli",
)
LEAVES = {"errors", "paths", "board", "native", "toml_file", "detection", "tinydeploy"}
# The int8 .tflite is the waist: what reads it knows nothing of what made it.
FLOAT_STAGES = {"model", "zoo", "train", "quantize"}
ABOVE_THE_WAIST = {*FLOAT_STAGES, "source", "pipeline", "accelerated", "check", "compare", "cli"}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported_parts(path: Path) -> set[str]:
    """First parts, below tinydeploy, of everything that a module imports from the package."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "tinydeploy":
                names = [f"tinydeploy.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "tinydeploy":
                parts.add(rest.partition(".")[0] or "tinydeploy")
    return parts


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_one_way(module: Path) -> None:
    stage = module.parts[0].removesuffix(".py")
    used = imported_parts(PACKAGE / module) - LEAVES - {"__version__"}
    if stage in {"__init__", *LEAVES}:
        assert not used, f"a leaf imports {used}"
        return
    if stage == "__main__":
        assert used == {"cli"}
        return
    allowed = set(STAGES[: STAGES.index(stage) + 1])
    if stage not in ABOVE_THE_WAIST:
        allowed -= FLOAT_STAGES
    assert used <= allowed, f"{module} imports {used - allowed}"


def test_every_folder_is_a_stage_or_a_leaf() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders
    assert folders <= {*STAGES, *LEAVES}


def test_importing_the_package_loads_no_framework() -> None:
    code = (
        "import sys, tinydeploy, tinydeploy.cli.main\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'tensorflow', 'unicorn', 'sklearn'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def source_files() -> list[Path]:
    patterns = ("tinydeploy/**/*.py", "tests/**/*.py", "firmware/**/*.[chS]", "firmware/**/*.j2")
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert lengths
    long = {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 500}
    assert not long


def test_firmware_carries_its_licence() -> None:
    files = [
        path
        for path in source_files()
        if "firmware" in path.parts and path.name.removesuffix(".j2").endswith((".c", ".h", ".S"))
    ]
    assert files
    without = [str(p) for p in files if "SPDX-License-Identifier: 0BSD" not in p.read_text("utf-8")]
    assert not without


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_says_what_it_is(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    assert docstring, f"{module} has no docstring"
