"""Format `platformio`: the model as a library in a PlatformIO project, with an example."""

from __future__ import annotations

from tinydeploy import __version__
from tinydeploy.project.formats.handover import Handover, licence, model_files


def platformio_files(handover: Handover) -> dict[str, bytes]:
    """README, licence, platformio.ini, src/main.c, and lib/<name>/."""
    library = f"lib/{handover.name}"
    manifest = handover.render("platformio/library.json.j2", version=__version__)
    return model_files(handover, f"{library}/src/") | {
        "README.md": handover.render("platformio/README.md.j2"),
        "LICENSE": licence(),
        "platformio.ini": handover.render("platformio/platformio.ini.j2"),
        "src/main.c": handover.render("library/main.c.j2"),
        f"{library}/library.json": manifest,
        f"{library}/LICENSE": licence(),
    }
