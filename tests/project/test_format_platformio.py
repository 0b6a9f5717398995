"""The PlatformIO project: its manifests, and a build as its platform for this computer does it."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import jsonschema
import pytest
from handovers import STRICT, find_or_skip, hand_over, run_quietly, sources_below, write_format

# From PlatformIO's manual on library.json: the fields used here, and what must hold of them.
MANIFEST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "version"],
    "properties": {
        "name": {"type": "string", "maxLength": 50, "pattern": r"^[^:;/,@<>]+$"},
        "version": {"type": "string", "maxLength": 20, "pattern": r"^\d+\.\d+\.\d+$"},
        "description": {"type": "string", "maxLength": 255},
        "keywords": {
            "type": "array",
            "items": {"type": "string", "maxLength": 50, "pattern": r"^[a-z\d\-_+. ]+$"},
        },
        "license": {"const": "0BSD"},
        "frameworks": {"const": "*"},
        "platforms": {"const": "*"},
        "headers": {"type": "array", "items": {"type": "string", "maxLength": 255}},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"srcDir": {"type": "string"}},
        },
    },
}


def test_manifest_of_the_library(tmp_path: Path) -> None:
    write_format(tmp_path, "platformio", hand_over("classifier"))
    library = tmp_path / "lib/net"
    manifest = json.loads((library / "library.json").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, MANIFEST)
    source = library / manifest["build"]["srcDir"]
    for header in manifest["headers"]:
        assert (source / header).is_file()
    assert (library / "LICENSE").is_file()


def test_project_file(tmp_path: Path) -> None:
    write_format(tmp_path, "platformio", hand_over("classifier"))
    config = configparser.ConfigParser(interpolation=None)
    config.read(tmp_path / "platformio.ini", encoding="utf-8")
    default = config["platformio"]["default_envs"]
    assert config[f"env:{default}"]["platform"] == "native"


def test_files_build_as_the_native_platform_does_it(tmp_path: Path) -> None:
    """src/ and each lib/*/src, whose folders are the include paths."""
    write_format(tmp_path, "platformio", hand_over("classifier"))
    files = sources_below(tmp_path, ".c", ".S")
    assert {path.split("/")[0] for path in files} == {"src", "lib"}
    flags = (*STRICT, "-Ilib/net/src", "-Isrc")
    run_quietly([find_or_skip("gcc"), *flags, *files, "-o", "program.out"], tmp_path)
    run_quietly([tmp_path / "program.out"], tmp_path)


def test_platformio_reads_the_project_file(tmp_path: Path) -> None:
    pio = find_or_skip("pio", "platformio")
    write_format(tmp_path, "platformio", hand_over("classifier"))
    run_quietly([pio, "project", "config", "--lint"], tmp_path)


def test_platformio_builds_the_project(tmp_path: Path) -> None:
    """Where its platform is installed, too, which takes its registry."""
    pio = find_or_skip("pio", "platformio")
    if not (Path.home() / ".platformio/platforms/native").is_dir():
        pytest.skip("PlatformIO's platform 'native' is not installed: pio pkg install -g -p native")
    write_format(tmp_path, "platformio", hand_over("classifier"))
    run_quietly([pio, "run", "--silent"], tmp_path)
    run_quietly([tmp_path / ".pio/build/native/program"], tmp_path)
