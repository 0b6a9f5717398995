"""Frames over a bad link: `make npu-faults FRAMES=10000` (docs/tinynpu.md, "Host firmware").

The host's C code, compiled for this machine, runs frames through a device that computes a hash of
image and program, so that anything that went wrong shows in its results. Then the firmware itself
runs some in the emulated board, with the simulated TinyNPU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from native_host import OK, StandIn, compile_host, expect, seal
from native_sdio_host import link_host

from tinydeploy.board import Link, load_board
from tinydeploy.npu.link_faults import NO_FAULTS, LinkFaults

IMAGE_BYTES, RESULT_BYTES, BATCH = 3072, 40, 250
PROGRAM = seal(StandIn.VERSION + bytes(range(256)) * 20)
OTHER_VERSION = seal(b"v2" + PROGRAM[2:])
CASES = {
    "none": NO_FAULTS,
    "1e-5 of all bits": LinkFaults(bit_errors=1e-5),
    "1e-4 of all bits": LinkFaults(bit_errors=1e-4),
    "brown-out in 1 of 200 transactions": LinkFaults(brown_outs=0.005),
    "hangs until RESET after 1 of 500": LinkFaults(hangs=0.002),
    "all of these": LinkFaults(bit_errors=1e-4, brown_outs=0.005, hangs=0.002),
    "never answers": LinkFaults(hangs=1.0),
}


def run_case(
    link: Link, library: Path, faults: LinkFaults, frames: int, program: bytes = PROGRAM
) -> str:
    """One row of the table."""
    facts = (program, IMAGE_BYTES, RESULT_BYTES)
    host = link_host(link, library, StandIn(RESULT_BYTES), faults, *facts)
    device = host.device
    generator = np.random.default_rng(faults.seed)
    right = wrong = reported = 0
    for begin in range(0, frames, BATCH):
        images = [generator.bytes(IMAGE_BYTES) for _ in range(min(BATCH, frames - begin))]
        while images:
            status, found = host.run(images)
            assert (status == OK) == (len(found) == len(images))
            good = [
                result == expect(program, image, RESULT_BYTES)
                for result, image in zip(found, images, strict=False)
            ]
            right, wrong = right + sum(good), wrong + len(good) - sum(good)
            reported += status != OK  # of the first frame without a result; the next ones follow
            images = images[len(found) + (status != OK) :]
    counters = host.count()
    events = f"{device.flipped_bits:,} | {device.brown_outs:,} | {device.hangs:,}"
    repaired = f"{counters.repeated:,} | {counters.resets:,}"
    return f"{frames:,} | {events} | {repaired} | {right:,} | {reported:,} | {wrong:,}"


def run_natively(link: Link, frames: int) -> None:
    """The table of the host's code on this machine."""
    print("| faults | frames | bits | brown-outs | hangs | repeated | resets", end="")  # noqa: T201
    print(" | right | reported | wrong |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|---|---|")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        library = compile_host(Path(folder), link)
        for name, faults in CASES.items():
            print(f"| {name} | {run_case(link, library, faults, frames)} |", flush=True)  # noqa: T201
        row = run_case(link, library, NO_FAULTS, frames, OTHER_VERSION)
        print(f"| program of another version | {row} |")  # noqa: T201


def run_emulated(link: Link, folder: Path, frames: int, faults: LinkFaults) -> None:
    """Some frames through the firmware of a build, the simulated TinyNPU behind it."""
    from emulated_faults import run_build

    begin = time.monotonic()
    shown, counts = run_build(folder, load_board("stm32l4r9"), link, frames, faults)
    print(  # noqa: T201
        f"emulated firmware: {shown.frames} frames, all right; {counts['flipped_bits']} bits, "
        f"{counts['brown_outs']} brown-outs, {counts['hangs']} hangs, {shown.repeated} requests "
        f"repeated, {shown.resets} resets; {time.monotonic() - begin:.0f} s"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", choices=get_args(Link), default="spi")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--build", type=Path, help="Of tinydeploy build --accelerator tinynpu.")
    parser.add_argument("--emulated", type=int, default=200, help="Frames of that build.")
    options = parser.parse_args(arguments)
    run_natively(options.link, options.frames)
    if options.build is not None:
        for name in ("1e-5 of all bits", "1e-4 of all bits", "all of these"):
            run_emulated(options.link, options.build, options.emulated, CASES[name])


if __name__ == "__main__":
    main()
