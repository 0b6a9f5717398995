"""Format `zephyr`: the model as a module of the Zephyr RTOS, with a sample."""

from __future__ import annotations

from tinydeploy.project.formats.handover import Handover, licence, model_files, paths_in


def zephyr_files(handover: Handover) -> dict[str, bytes]:
    """README, licence, the module's metadata, src/, and samples/<name>/."""
    files = model_files(handover, "src/")
    sample = f"samples/{handover.name}"
    templates = {
        "README.md": "README.md",
        "Kconfig": "Kconfig",
        "zephyr/module.yml": "module.yml",
        f"{sample}/CMakeLists.txt": "sample_CMakeLists.txt",
        f"{sample}/prj.conf": "prj.conf",
        f"{sample}/sample.yaml": "sample.yaml",
        f"{sample}/src/main.c": "main.c",
    }
    cmake = handover.render("zephyr/CMakeLists.txt.j2", sources=paths_in(files, ".c", ".S"))
    made = {path: handover.render(f"zephyr/{name}.j2") for path, name in templates.items()}
    return files | made | {"CMakeLists.txt": cmake, "LICENSE": licence()}
