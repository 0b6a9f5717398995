"""The process in which an emulated board lives: `python -m tinydeploy.emulate.server`."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tinydeploy.board import (
    AcceleratorPort,
    Board,
    Chip,
    ClockGate,
    Console,
    ExternalClock,
    Memory,
    Pin,
    SdioPort,
    Uart,
    Watchdog,
)
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.emulate.debug.connections import Connections
from tinydeploy.emulate.host_line import HostLine
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.machine import EmulatedChip
from tinydeploy.emulate.trace import ModelTrace
from tinydeploy.errors import TinydeployError
from tinydeploy.npu.link_faults import LinkFaults

_STACK_LIMITS = ("td_stack_limit", "_stack_limit", "__stack_limit", "__StackLimit", "_sstack")


class Server:
    """Answers the parent's requests about one emulated chip.

    Args:
        chip: The chip.
        image: Its firmware.
        board: The board.
        line: The line to the parent.
    """

    def __init__(self, chip: EmulatedChip, image: Image, board: Board, line: HostLine) -> None:
        self._chip, self._image, self._line = chip, image, line
        self._trace: ModelTrace | None = None
        self._connections: Connections | None = None
        if chip.debug is not None:
            cells = None if chip.flash is None else chip.flash.cells
            self._connections = Connections(chip.debug, cells, board, line)
            chip.debug.on_stop.append(line.report_stop)
            if chip.stopped is not None:
                line.report_stop(chip.stopped)

    def serve(self, request: dict[str, Any]) -> None:
        """Answers one request, or passes on what a debugger says."""
        if request["do"] == "debug":
            if self._connections is not None:
                self._connections.feed(**{k: request[k] for k in ("connection", "gdb", "data")})
            return
        try:
            facts, data = getattr(self, f"_do_{request['do']}")(request)
        except TinydeployError as error:
            facts, data = {"error": error.message, "hint": error.hint}, b""
        self._line.reply(facts, data)

    def _do_instructions(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"instructions": self._chip.counter.total}, b""

    def _do_clock(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"hertz": self._chip.family.core_clock_hz(), "baud": self._chip.uart.baud()}, b""

    def _do_accelerator(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return self._chip.describe_accelerator(), b""

    def _do_read(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        data = self._chip.memories.read(request["address"], request["size"])
        return {"found": data is not None}, data or b""

    def _do_write(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        data = bytes.fromhex(request["data"])
        return {"written": self._chip.memories.write(request["address"], data)}, b""

    def _do_guard(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._chip.memories.guard((begin, end) for begin, end in request["used"])
        return {}, b""

    def _do_edge(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {"broken": self._chip.memories.find_broken_edge()}, b""

    def _do_blocks(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        counter = self._chip.counter
        return {"instructions": counter.total}, counter.snapshot().tobytes()

    def _do_trace(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        if self._trace:
            self._trace.close()
        symbols = self._image.symbols
        limit = next((symbols[name] for name in _STACK_LIMITS if name in symbols), None)
        self._trace = ModelTrace(
            self._chip.uc,
            self._chip.counter,
            self._chip.memories,
            frozenset(request["runs"]),
            frozenset(request["begins"]),
            dict(request["layers"]),
            limit,
            [(begin, end) for begin, end in request["foreign"]],
        )
        self._chip.on_watch = self._trace.on_watch
        return {}, b""

    def _do_capture(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        self._running_trace().capture(
            {(layer, row): [tuple(p) for p in pieces] for layer, row, pieces in request["rows"]}
        )
        return {}, b""

    def _do_captured(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        pieces = self._running_trace().captured()
        sizes = [[key, len(content)] for key, content in pieces.items()]
        return {"pieces": sizes}, b"".join(pieces.values())

    def _do_events(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        trace = self._running_trace()
        facts = {
            "runs": trace.runs,
            "stack": trace.stack_high_water,
            "longest": trace.longest_call,
            "stray": trace.stray,
        }
        return facts, trace.events().tobytes()

    def _do_shares(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        return {}, self._running_trace().shares().tobytes()

    def _running_trace(self) -> ModelTrace:
        if self._trace is None:
            raise TinydeployError("no model is traced", "Call trace_model() first.")
        return self._trace


def board_from_facts(facts: dict[str, Any]) -> Board:
    """Rebuilds a Board from what dataclasses.asdict() made of it."""

    def pin(entry: dict[str, Any] | None) -> Pin | None:
        return Pin(**entry) if entry else None

    def uart(entry: dict[str, Any]) -> Uart:
        return Uart(**entry | {k: tuple(Pin(**p) for p in entry[k]) for k in ("tx", "rx")})

    def wiring(entry: dict[str, Any]) -> AcceleratorPort:
        pins = {key: Pin(**value) for key, value in entry.items() if key not in ("spi", "sdio")}
        bus = entry["sdio"]
        if bus is not None:
            d0, d1, d2, d3 = (Pin(**line) for line in bus["data"])
            bus = SdioPort(bus["unit"], Pin(**bus["ck"]), Pin(**bus["cmd"]), (d0, d1, d2, d3))
        return AcceleratorPort(spi=entry["spi"], **pins, sdio=bus)

    console, chip = facts["console"], facts["profile"]
    clock = chip["external_clock"]
    return Board(
        **facts
        | {
            "memories": tuple(
                Memory(**m | {"clock": ClockGate(**m["clock"]) if m["clock"] else None})
                for m in facts["memories"]
            ),
            "console": Console(**console | {k: pin(console[k]) for k in ("tx", "rx")}),
            "accelerator": wiring(facts["accelerator"]) if facts["accelerator"] else None,
            "watchdog": Watchdog(**facts["watchdog"]) if facts["watchdog"] else None,
            "profile": Chip(
                **chip
                | {
                    "uarts": tuple(uart(entry) for entry in chip["uarts"]),
                    "external_clock": ExternalClock(**clock) if clock else None,
                }
            ),
        }
    )


def options_from_facts(facts: dict[str, Any]) -> ChipOptions:
    """Rebuilds ChipOptions likewise."""
    return ChipOptions(**facts | {"faults": LinkFaults(**facts["faults"])})


def main() -> None:
    """Serves one board until the parent closes the line."""
    # Whatever else writes to standard output must not end up in the messages.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    line = HostLine(sys.stdin.buffer, sink)
    request = line.first_request()
    try:
        image = Image(request["elf"] and Path(request["elf"]))
        board, options = board_from_facts(request["board"]), options_from_facts(request["options"])
        chip = EmulatedChip(board, image, line, options)
    except TinydeployError as error:
        line.reply({"error": error.message, "hint": error.hint})
        return
    except Exception:
        # The parent reads the traceback. Python's own way out would end in another error: a thread
        # that waits for standard input cannot be ended.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    server = Server(chip, image, board, line)
    line.reply({"counter": chip.counter.kind})
    try:
        stopped = chip.run(server.serve)
    except Exception as error:  # a bug of ours: the parent reads the traceback from standard error
        traceback.print_exc()
        stopped = {"reason": "internal", "text": repr(error), "pc": 0, "lr": 0, "sp": 0}
    line.report_stop(stopped)
    while True:
        server.serve(line.first_request())


if __name__ == "__main__":
    main()
