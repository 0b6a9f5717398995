"""Energy of a frame: a model that is one published power times the cycle model's time.

The authors of the accelerator publish 73.6 mW while it works, without saying at which clock, and
no figure for when it waits: the idle power is this model's own parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tinydeploy.errors import UsageError
from tinydeploy.npu.cycles import PUBLISHED, Timing


@dataclass(frozen=True)
class Power:
    """Parameters of the model.

    Args:
        active_mw: While a frame is computed.
        idle_mw: While an image is awaited. Assumed, not published: a tenth of the active power.
    """

    active_mw: float = 73.6
    idle_mw: float = 7.36


PUBLISHED_POWER: Final = Power()


def frame_ms(cycles: int, timing: Timing = PUBLISHED) -> float:
    """Milliseconds of a frame."""
    return 1000 * cycles / timing.clock_hz


def frame_energy_mj(
    cycles: int,
    frames_per_second: float | None = None,
    power: Power = PUBLISHED_POWER,
    timing: Timing = PUBLISHED,
) -> float:
    """Millijoules of a frame.

    Args:
        cycles: Of the frame.
        frames_per_second: With the idle power between frames; None for the active part alone.
        power: Parameters of the model.
        timing: Parameters of the cycle model.

    Raises:
        UsageError: So many frames do not fit into a second.
    """
    seconds = cycles / timing.clock_hz
    energy = power.active_mw * seconds
    if frames_per_second is None:
        return energy
    most = 1 / seconds
    if not 0 < frames_per_second <= most:
        raise UsageError(
            f"{frames_per_second:g} frames per second are not possible: a frame takes "
            f"{1000 * seconds:.3f} ms",
            f"Ask for at most {most:.1f}.",
        )
    return energy + power.idle_mw * (1 / frames_per_second - seconds)
