"""Format `library`: the model alone, for any compiler and any project."""

from __future__ import annotations

from tinydeploy.project.formats.handover import Handover, licence, model_files, paths_in


def library_files(handover: Handover) -> dict[str, bytes]:
    """README, licence, example, CMakeLists.txt, and src/ with all that is compiled."""
    files = model_files(handover, "src/")
    cmake = handover.render(
        "library/CMakeLists.txt.j2",
        c_sources=paths_in(files, ".c"),
        assembly=paths_in(files, ".S"),
    )
    return files | {
        "README.md": handover.render("library/README.md.j2"),
        "LICENSE": licence(),
        "CMakeLists.txt": cmake,
        "example/main.c": handover.render("library/main.c.j2"),
    }
