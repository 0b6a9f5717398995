"""The Zephyr module: what Zephyr's tools read, and a build with a stand-in for Zephyr itself."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import kconfiglib
import pytest
import yaml
from handovers import find_or_skip, hand_over, run_quietly, write_format

# The keys of scripts/zephyr_module.py's schema that a module of sources can have.
MODULE_KEYS = {"name": str, "build": dict, "samples": list, "tests": list, "boards": list}
BUILD_KEYS = {"cmake", "kconfig", "depends", "settings"}
# What a CMakeLists.txt of a module and of an application call of Zephyr.
PACKAGE = """\
project(Zephyr C ASM)
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf settings REGEX "^CONFIG_[A-Z0-9_]+=")
foreach(setting IN LISTS settings)
  string(REGEX MATCH "^([A-Z0-9_]+)=(.*)$" parts "${setting}")
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()
add_executable(app)
add_library(zephyr_interface INTERFACE)
target_include_directories(zephyr_interface INTERFACE ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(app PRIVATE zephyr_interface)
macro(zephyr_include_directories folder)
  target_include_directories(zephyr_interface INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
endmacro()
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  target_link_libraries(${name} PUBLIC zephyr_interface)
  target_link_libraries(app PRIVATE ${name})
endmacro()
macro(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
foreach(module IN LISTS EXTRA_ZEPHYR_MODULES)
  add_subdirectory(${module} ${CMAKE_BINARY_DIR}/module)
endforeach()
"""
PRINTK = "#include <stdio.h>\n#define printk printf\n"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_metadata_of_the_module(tmp_path: Path) -> None:
    write_format(tmp_path, "zephyr", hand_over("classifier"))
    module = load(tmp_path / "zephyr/module.yml")
    assert {key: type(value) for key, value in module.items()}.items() <= MODULE_KEYS.items()
    assert set(module["build"]) <= BUILD_KEYS
    assert (tmp_path / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (tmp_path / module["build"]["kconfig"]).is_file()
    (samples,) = module["samples"]
    sample = load(tmp_path / samples / "net/sample.yaml")
    assert set(sample) == {"sample", "tests"}
    ((name, test),) = sample["tests"].items()
    assert re.fullmatch(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)+", name)
    assert test["harness"] == "console"
    assert test["harness_config"]["type"] == "one_line"
    (regex,) = test["harness_config"]["regex"]
    assert re.fullmatch(regex, "net: self-test ok")


def test_kconfig(tmp_path: Path) -> None:
    """As Zephyr includes it: in a menu of its own, with tabs and help as Kconfig wants them."""
    write_format(tmp_path, "zephyr", hand_over("classifier"))
    root = tmp_path / "Kconfig.root"
    root.write_text(
        f'menu "net"\nosource "{tmp_path}/Kconfig"\nendmenu\n'
        'config PRINTK\n\tbool "printk"\nconfig MAIN_STACK_SIZE\n\tint "stack"\n'
    )
    config = kconfiglib.Kconfig(str(root), warn_to_stderr=False)
    assert config.warnings == []
    symbol = config.syms["TINYDEPLOY_NET"]
    assert symbol.str_value == "n"
    config.load_config(str(tmp_path / "samples/net/prj.conf"))
    assert config.warnings == []
    assert symbol.str_value == "y"
    assert config.syms["MAIN_STACK_SIZE"].str_value == "4096"


def test_sample_builds_and_runs(tmp_path: Path) -> None:
    cmake = find_or_skip("cmake")
    folder = write_format(tmp_path / "module of mine", "zephyr", hand_over("classifier"))
    base = tmp_path / "zephyr"
    (base / "include/zephyr/sys").mkdir(parents=True)
    (base / "ZephyrConfig.cmake").write_text(PACKAGE)
    (base / "include/zephyr/sys/printk.h").write_text(PRINTK)
    sample = folder / "samples/net"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEPHYR_BASE", str(base))
        run_quietly([cmake, "-B", "build", "-DCMAKE_C_FLAGS=-std=c99 -Wall -Wextra"], sample)
        run_quietly([cmake, "--build", "build"], sample)
    done = subprocess.run([sample / "build/app"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"net: self-test ok\nnet: largest at [012]\n", done.stdout)


def test_module_that_is_not_wanted_adds_nothing(tmp_path: Path) -> None:
    cmake = find_or_skip("cmake")
    write_format(tmp_path, "zephyr", hand_over("classifier"))
    script = f'include("{tmp_path}/CMakeLists.txt")\n'
    (tmp_path / "script.cmake").write_text(script)
    run_quietly([cmake, "-P", "script.cmake"], tmp_path)
    assert not os.path.lexists(tmp_path / "build")
