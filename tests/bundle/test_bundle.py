"""Proof bundles: the same bytes each time, read by SPDX's own library, and whom they convince."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from spdx_tools.spdx.model import RelationshipType
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from tests.builders import conv_model
from tinydeploy.bundle import verify as shipped
from tinydeploy.bundle.archive import SUMS, pack_files, sum_files
from tinydeploy.bundle.make_bundle import BUNDLE, list_packages
from tinydeploy.bundle.sbom import SBOM, find_license, list_compiler, write_sbom
from tinydeploy.bundle.words import OMITTED, list_words
from tinydeploy.cli import build as build_command
from tinydeploy.cli.main import main
from tinydeploy.pipeline import BuildRequest

ROOT = Path(__file__).resolve().parents[2]


def run_build(folder: Path, model: str) -> bytes:
    """A bundle made in a folder, which need not be there yet, of a model named in some way."""
    folder.mkdir()
    (folder / "small net.tflite").write_bytes(conv_model((8, 8, 3), 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["build", model, "--board", "stm32l4r9", "--bundle", "-q", "-o", "out"]
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert not caught.value.code
    return (folder / "out" / BUNDLE).read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return run_build(tmp_path_factory.mktemp("bundle") / "one", "small net.tflite")


@pytest.fixture
def opened(made: bytes, tmp_path: Path) -> Path:
    folder = tmp_path / "opened"
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def verifier(opened: Path) -> ModuleType:
    """The opened bundle's own script."""
    spec = importlib.util.spec_from_file_location("opened_verify", opened / "verify.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        spec.loader.exec_module(module)
    return module


def read_build(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "build.json").read_text("utf-8"))


def change(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def sum_again(folder: Path) -> None:
    """As somebody would who changes files and does not want it to be seen."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != SUMS
    }
    (folder / SUMS).write_bytes(sum_files(files))


def test_same_bytes_in_another_folder(made: bytes, tmp_path: Path) -> None:
    model = tmp_path / "elsewhere" / "small net.tflite"
    assert run_build(model.parent, str(model)) == made


def test_verifies_itself_without_any_package(opened: Path) -> None:
    """As a user runs it, by a Python that knows no tinydeploy."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py"],
        cwd=opened,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [line.split()[:2] for line in done.stdout.splitlines()]
    compiled = "ok" if shutil.which("arm-none-eabi-gcc") else "skipped"
    assert found == [
        ["ok", "hashes"],
        ["ok", "report"],
        [compiled, "compile"],
        ["skipped", "rebuild"],
        ["skipped", "emulate"],
    ]
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=opened, check=True)


def test_rebuilds_and_emulates(verifier: ModuleType, opened: Path) -> None:
    build = read_build(opened)
    if shutil.which("arm-none-eabi-gcc"):
        assert "same images" in verifier.check_rebuild(build)
    assert verifier.check_emulated(build).startswith("20 vectors give the reference's outputs")
    assert verifier.main(["--hashes"]) == 0
    change(opened / "vectors" / "output0.bin")
    with pytest.raises(verifier.WrongError, match="vector 19: output 0 is another"):
        verifier.check_emulated(build)


def test_what_was_changed_is_named(
    verifier: ModuleType, opened: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(opened / "firmware.bin")
    (opened / "firmware" / "more.c").write_text("int x;")
    assert verifier.main(["--hashes"]) == 1
    assert "WRONG    hashes   not in SHA256SUMS: firmware/more.c" in capsys.readouterr().out
    (opened / "firmware" / "more.c").unlink()
    assert verifier.main([]) == 1
    assert capsys.readouterr().out == "WRONG    hashes   changed: firmware.bin\n"
    (opened / "firmware.hex").unlink()
    assert verifier.main([]) == 1
    assert "missing: firmware.hex" in capsys.readouterr().out


def test_changes_with_their_hashes_are_found(verifier: ModuleType, opened: Path) -> None:
    build = read_build(opened)
    weights = opened / "firmware" / "small_net" / "weights.c"
    text = weights.read_text("utf-8")
    at = text.index("=")
    weights.write_text(text[:at] + text[at:].replace("1", "2", 1), encoding="utf-8")
    sum_again(opened)
    assert verifier.main(["--hashes"]) == 0
    if shutil.which("arm-none-eabi-gcc"):
        with pytest.raises(verifier.WrongError, match=r"other bytes: firmware\.bin, firmware\.elf"):
            verifier.check_compile(build)
    report = opened / "report.json"
    report.write_text(report.read_text("utf-8").replace('"bit_exact": true', '"bit_exact": false'))
    with pytest.raises(verifier.WrongError, match="does not say that the build is bit-exact"):
        verifier.check_report(build)
    change(opened / "small_net.tflite")
    with pytest.raises(verifier.WrongError, match=r"of another model than small_net\.tflite"):
        verifier.check_report(build)


def test_what_cannot_be_checked_is_said(
    verifier: ModuleType,
    opened: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build = read_build(opened)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(verifier.CannotError, match="gcc is not installed; it took arm-none-eabi"):
        verifier.check_compile(build)
    monkeypatch.setattr(verifier, "CHECKS", {"compile": verifier.check_compile})
    assert verifier.main([]) == 0
    assert verifier.main(["--all"]) == 1
    assert "skipped  compile  arm-none-eabi-gcc is not installed" in capsys.readouterr().out
    with pytest.raises(verifier.CannotError, match=r"here is .*; it took 9\.9"):
        verifier.check_emulated({**build, "tinydeploy": "9.9"})
    monkeypatch.undo()
    monkeypatch.setattr(verifier, "_need_compiler", lambda build: None)
    with pytest.raises(verifier.CannotError, match="data set that is not in the bundle"):
        verifier.check_rebuild({**build, "needs_data": True})


def test_the_script_is_the_one_of_this_version(opened: Path) -> None:
    assert (opened / "verify.py").read_bytes() == Path(shipped.__file__).read_bytes()


def test_sbom_by_the_library_of_spdx(opened: Path) -> None:
    document = parse_file(str(opened / SBOM))
    assert [str(each) for each in validate_full_spdx_document(document)] == []
    names = {each.name for each in document.files}
    there = {f"./{p.relative_to(opened)}" for p in opened.rglob("*") if p.is_file()}
    assert names == there - {f"./{SBOM}", f"./{SUMS}"}
    licenses = {each.name: str(each.license_concluded) for each in document.files}
    assert licenses["./firmware/Makefile"] == licenses["./firmware/small_net/model.c"] == "0BSD"
    assert licenses["./small_net.tflite"] == "NOASSERTION"
    packages = {each.name: each for each in document.packages}
    assert {"tinydeploy", "numpy", "ai-edge-litert", "small_net-stm32l4r9"} <= set(packages)
    kinds = {each.relationship_type for each in document.relationships}
    assert kinds >= {RelationshipType.DESCRIBES, RelationshipType.CONTAINS}


def test_sbom_of_other_compilers_and_wrong_ones(tmp_path: Path) -> None:
    tools = [*list_compiler("clang version 20.1.2"), *list_packages({"numpy": "1.2"})]
    assert not any(each.linked for each in tools)
    (tmp_path / SBOM).write_bytes(write_sbom("net-board", {"a.c": b"x"}, tools))
    assert validate_full_spdx_document(parse_file(str(tmp_path / SBOM))) == []
    broken = (tmp_path / SBOM).read_text("utf-8").replace("MIT", "M I T", 1)
    (tmp_path / SBOM).write_text(broken, encoding="utf-8")
    assert validate_full_spdx_document(parse_file(str(tmp_path / SBOM)))


def test_licenses() -> None:
    assert find_license("x.c", b"/* SPDX-License-Identifier: Apache-2.0 */") == "Apache-2.0"
    assert find_license("firmware/linker.ld", b"MEMORY {}") == "0BSD"
    assert find_license("firmware.elf", b"\x7fELF") == "NOASSERTION"


def test_a_zip_follows_from_its_files() -> None:
    files = {"b": b"2", "a/c": b"1"}
    packed = pack_files(files)
    assert packed == pack_files(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["SHA256SUMS", "a/c", "b"]
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_command_asks_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = BuildRequest(
        "here/my-board.toml",
        "net.onnx",
        optimize="ram",
        input_form="kept",
        float_ends=True,
        max_ram=65536,
        max_flash=524288,
        max_extra_macs=0.1,
        baud=921600,
        vectors=3,
        watchdog=1.5,
        mlperf=True,
        min_snr=20.0,
    )
    plain = vars(BuildRequest("x"))
    unchanged = [name for name, value in vars(asked).items() if value == plain[name]]
    assert set(unchanged) <= set(OMITTED), "a field that no command would repeat"
    words = list_words("net.tflite", vars(asked))
    got: list[BuildRequest] = []
    monkeypatch.setattr(build_command, "build_image", lambda request, watch: got.append(request))
    monkeypatch.setattr(build_command, "show_result", lambda *words, **options: None)
    with pytest.raises(SystemExit):
        main([*words, "-q"])
    (request,) = got
    repeated = set(plain) - set(OMITTED) - {"board"}
    assert {n: vars(request)[n] for n in repeated} == {n: vars(asked)[n] for n in repeated}
    assert (request.board, request.model) == ("my-board.toml", "net.tflite")
