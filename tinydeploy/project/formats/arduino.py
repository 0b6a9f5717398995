"""Format `arduino`: the model as an Arduino library, with a sketch."""

from __future__ import annotations

from tinydeploy import __version__
from tinydeploy.project.formats.handover import Handover, licence, model_files

# Cores for processors of 32 bits, as they call themselves.
_ARCHITECTURES = (
    "esp32",
    "mbed",
    "mbed_edge",
    "mbed_giga",
    "mbed_nano",
    "mbed_nicla",
    "mbed_opta",
    "mbed_portenta",
    "mbed_rp2040",
    "nrf52",
    "renesas_portenta",
    "renesas_uno",
    "rp2040",
    "sam",
    "samd",
    "stm32",
    "zephyr",
)


def arduino_files(handover: Handover) -> dict[str, bytes]:
    """README, licence, library.properties, src/, and examples/selftest/."""
    properties = handover.render(
        "arduino/library.properties.j2", version=__version__, architectures=_ARCHITECTURES
    )
    return model_files(handover, "src/") | {
        "README.md": handover.render("arduino/README.md.j2"),
        "LICENSE": licence(),
        "library.properties": properties,
        f"src/{handover.name}.h": handover.render("arduino/header.h.j2"),
        "examples/selftest/selftest.ino": handover.render("arduino/sketch.ino.j2"),
    }
