"""A board in a process of its own: a serial line, and questions that no real board answers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from tinydeploy.board import Board, Link
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.emulate.gaps import Range, find_gaps
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.process import EmulatorProcess
from tinydeploy.emulate.profile import Block, Profile, make_profile
from tinydeploy.errors import EmulationError, InternalError, MissingDependencyError
from tinydeploy.npu.link_faults import NO_FAULTS, LinkFaults

_EVENT = np.dtype("<i4,<i4,<i4,<i4,<u8")
_SHARE = np.dtype("<i4,<u4,<u4,<u4,<u8,<u8")
_BLOCK = np.dtype("<u8,<u8,<u4,<u4,<u4,<u4,<u4,<u4,<u4,<u4")


@dataclass(frozen=True)
class LayerEvent:
    """One call of a layer: rows [first, last) of its output, and the instructions it took.

    The first event of a run includes what ran before it, each other what ran until the next began.
    So does an event behind calls that took a row of the input and could not run a layer with it.
    """

    layer: int
    first: int
    last: int
    instructions: int


class EmulatedTransport:
    """The emulated board's serial line."""

    def __init__(self, emulated: EmulatedBoard) -> None:
        self._emulated = emulated

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Up to `max_bytes` that the firmware sent; none if there are none within the time.

        Raises:
            EmulationError: The firmware has stopped, and all it sent before has been read.
        """
        return self._emulated.process.read_uart(max_bytes, timeout_s)

    def write(self, data: bytes) -> None:
        """Sends bytes to the firmware.

        Raises:
            EmulationError: The firmware has stopped.
        """
        self._emulated.process.write_uart(data)


class EmulatedBoard:
    """Runs an ELF file, as a debug probe would flash it, on an emulated board.

        with EmulatedBoard(elf, board) as emulated:
            client = BoardClient(emulated.transport)

    Args:
        elf: The firmware; None for a board with erased flash.
        board: The board.
        counter: "native", "python", or "" for the native instruction counter where there is a C
            compiler to make one.
        debug: Whether debuggers may connect, see debug_port.py: a firmware that has stopped then
            waits to be looked at or reset.
        protected: Whether readout protection level 1 keeps debuggers from the flash.
        accelerator: What is wired to the board's pins for an accelerator, as "module:name" of what
            makes an Accelerator (npu/device.py); empty for nothing.
        link: How that is linked.
        faults: What goes wrong with it.

    Raises:
        MissingDependencyError: Unicorn is not installed.
        EmulationError: The image does not fit the board, or the emulator's process died.
    """

    def __init__(
        self,
        elf: Path | None,
        board: Board,
        *,
        counter: str = "",
        debug: bool = False,
        protected: bool = False,
        accelerator: str = "",
        link: Link = "spi",
        faults: LinkFaults = NO_FAULTS,
    ) -> None:
        self.image = Image(elf)
        self.transport = EmulatedTransport(self)
        self._elf, self._board = elf, board
        self._options = ChipOptions(counter, debug, protected, accelerator, link, faults)
        self.counter = ""
        self._keys: list[Hashable] = []
        self._process: EmulatorProcess | None = None

    def __enter__(self) -> Self:
        self._process = EmulatorProcess(self._elf, self.image, self._board, self._options)
        self.counter = self._process.counter
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process(self) -> EmulatorProcess:
        """The emulator's process.

        Raises:
            EmulationError: It has not been started, or was closed.
        """
        if self._process is None:
            raise EmulationError("the emulated board is not running")
        return self._process

    def close(self) -> None:
        """Ends the emulator's process."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def instructions(self) -> int:
        """Instructions executed since reset, exactly."""
        return int(self._ask("instructions")["instructions"])

    def core_clock_hz(self) -> float:
        """Clock of the core as the firmware has set up the chip's registers."""
        return float(self._ask("clock")["hertz"])

    def baud(self) -> float:
        """Bits per second of the console as the firmware has set it up."""
        return float(self._ask("clock")["baud"])

    def read_memory(self, address: int, size: int) -> bytes:
        """The bytes at an address.

        Raises:
            EmulationError: They do not lie in one of the board's memories.
        """
        facts, data = self._request({"do": "read", "address": address, "size": size})
        if not facts["found"]:
            raise EmulationError(f"the board has no {size} bytes of memory at {address:#010x}")
        return data

    def write_memory(self, address: int, data: bytes) -> None:
        """Writes RAM, as a debug probe does.

        Raises:
            EmulationError: The bytes do not all lie in one memory that can be written.
        """
        if not self._request({"do": "write", "address": address, "data": data.hex()})[0]["written"]:
            raise EmulationError(f"the board has no {len(data)} bytes of RAM at {address:#010x}")

    def guard_memory(self) -> None:
        """From now on the firmware must not touch RAM in which its image has nothing.

        An access to a page of 4 KB without anything in it is a fault. What else is free is filled
        with noise, see `broken_guard`.
        """
        self._request({"do": "guard", "used": self.image.used})

    def broken_guard(self) -> int | None:
        """Where the firmware wrote into the noise that `guard_memory` left; None for nowhere."""
        address = self._ask("edge")["broken"]
        return None if address is None else int(address)

    def trace_model(self, prefix: str) -> None:
        """Follows each run of a model from now on.

        Args:
            prefix: The model's name. It is run by `<prefix>_run`, or by as many calls of
                `<prefix>_push_row` as its input has rows; its layers are `<prefix>_layer<k>`.

        Raises:
            EmulationError: The ELF file has no such functions.
        """
        starts: dict[str, int] = {f.name: f.address for f in self.image.functions}
        names = (
            f"{prefix}_{stem}{end}" for stem in ("run", "push_row") for end in ("", "_observed")
        )
        runs = [starts[name] for name in names if name in starts]
        begins = [starts[name] for name in (f"{prefix}_begin",) if name in starts]
        name = f"{prefix}_layer"
        layers = [
            (address, int(symbol.removeprefix(name)))
            for symbol, address in starts.items()
            if symbol.startswith(name) and symbol.removeprefix(name).isdecimal()
        ]
        # The compiler marks copies that it has specialized: a copy need not have the arguments that
        # are read here.
        clones = [s for s in starts if s.startswith(name) and "." in s and ".cold" not in s]
        if not runs or not layers or clones:
            found = f"has specialized copies: {', '.join(clones)}" if clones else "lacks them"
            raise EmulationError(
                f"cannot trace {prefix}_run and {name}<k>: the image {found}",
                "The image must have its symbols; layers must be neither inlined nor cloned.",
            )
        request = {"do": "trace", "runs": runs, "begins": begins, "layers": layers}
        self._request({**request, "foreign": self._list_foreign(prefix)})

    def _list_foreign(self, prefix: str) -> list[Range]:
        """Where the image has variables that are not the model's, and inputs that it only reads."""
        symbols = self.image.symbols
        if not {"td_data_start", "td_bss_end"} <= symbols.keys():
            return []
        own = [
            (variable.address, variable.address + variable.size)
            for variable in self.image.variables
            if variable.file == "model.c" or variable.name.startswith(f"{prefix}_")
        ]
        kept = [
            (begin, symbols[name.removesuffix("start") + "end"])
            for name, begin in symbols.items()
            if name.startswith("td_input_") and name.endswith("_start")
        ]
        return [*find_gaps(symbols["td_data_start"], symbols["td_bss_end"], own), *kept]

    def layer_events(self) -> list[LayerEvent]:
        """Events of the last complete run; their instructions add up to the run's."""
        _, data = self._request({"do": "events"})
        return [
            LayerEvent(int(layer), int(first), int(last), int(count))
            for layer, first, last, _, count in np.frombuffer(data, _EVENT)
        ]

    def runs(self) -> int:
        """Complete runs of the traced model so far."""
        return int(self._ask("events")["runs"])

    def stack_high_water(self) -> int:
        """Bytes of stack that the last complete run wrote at most, below its caller's frame."""
        return int(self._ask("events")["stack"])

    def longest_call(self) -> int:
        """Instructions of the longest of the calls that the last complete run took."""
        return int(self._ask("events")["longest"])

    def stray_write(self) -> int | None:
        """Where a run of the traced model changed a variable that is not its own; None: nowhere."""
        address = self._ask("events")["stray"]
        return None if address is None else int(address)

    def capture(self, rows: Mapping[tuple[int, int], Sequence[tuple[int, int, Hashable]]]) -> None:
        """Reads memory whenever the event that makes a row is complete, from the next run on.

        Args:
            rows: (layer, row) -> pieces as (address, bytes, key).
        """
        self._keys = []
        table = []
        for (layer, row), pieces in rows.items():
            numbered = []
            for address, size, key in pieces:
                numbered.append((address, size, len(self._keys)))
                self._keys.append(key)
            table.append((layer, row, numbered))
        self._request({"do": "capture", "rows": table})

    def captured(self) -> dict[Hashable, bytes]:
        """What was captured so far, by key."""
        facts, data = self._request({"do": "captured"})
        found: dict[Hashable, bytes] = {}
        at = 0
        for number, size in facts["pieces"]:
            found[self._keys[number]] = data[at : at + size]
            at += size
        return found

    def accelerator_counts(self) -> dict[str, int]:
        """What the accelerator has done so far, see emulate/accelerator.py."""
        return self._ask("accelerator")

    def profile(self) -> Profile:
        """What was executed since reset."""
        facts, data = self._request({"do": "blocks"})
        rows = np.frombuffer(data, _BLOCK).tolist()
        blocks = [Block(r[2], r[3], r[4], r[0], r[1]) for r in rows if r[0]]
        profile = make_profile(self.image, blocks)
        if profile.instructions != facts["instructions"]:
            raise InternalError(
                f"blocks add up to {profile.instructions} of {facts['instructions']} instructions"
            )
        return profile

    def layer_profiles(self) -> dict[int, Profile]:
        """What each layer executed in the last complete run of the traced model."""
        _, data = self._request({"do": "shares"})
        layers: dict[int, list[Block]] = {}
        for layer, address, size, instructions, executions, taken in np.frombuffer(
            data, _SHARE
        ).tolist():
            block = Block(address, size, instructions, executions, taken)
            layers.setdefault(layer, []).append(block)
        return {layer: make_profile(self.image, blocks) for layer, blocks in sorted(layers.items())}

    def failure(self) -> EmulationError | MissingDependencyError | None:
        """Why the firmware or the emulator has stopped; None while they run."""
        return self.process.failure()

    def _ask(self, what: str) -> dict[str, Any]:
        return self._request({"do": what})[0]

    def _request(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return self.process.request(request)
