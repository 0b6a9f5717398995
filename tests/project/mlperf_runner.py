"""A runner of MLPerf Tiny as its host part talks: a command ends in %, an answer in m-ready."""

from __future__ import annotations

import re
import time

from tinydeploy.link.transport import Transport

BYTES_PER_LINE = 31  # that the official runner puts into one `db`


class Runner:
    """One conversation.

    Args:
        transport: The line to the board.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._rest = ""

    def send(self, command: str, timeout_s: float = 60.0) -> list[str]:
        """Sends a command; returns the lines of the answer before m-ready."""
        self._transport.write(f"{command}%".encode())
        lines: list[str] = []
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self._rest += self._transport.read(4096, 1.0).decode()
            *whole, self._rest = self._rest.split("\r\n")
            for number, line in enumerate(whole):
                if line == "m-ready":
                    self._rest = "\r\n".join([*whole[number + 1 :], self._rest])
                    return lines
                lines.append(line)
        raise AssertionError(f"no m-ready behind {command}: {lines}")

    def load(self, data: bytes) -> list[str]:
        """Sends an input; returns what the last of its lines is answered."""
        assert self.send(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
        answer: list[str] = []
        for at in range(0, len(data), BYTES_PER_LINE):
            assert answer == []
            answer = self.send(f"db {data[at : at + BYTES_PER_LINE].hex()}")
        return answer

    def infer(self, count: int, warmup: int) -> tuple[list[float], int]:
        """Runs inferences; returns the results of the last, and the microseconds of all."""
        lines = self.send(f"infer {count} {warmup}")
        text = "\n".join(lines)
        found = re.fullmatch(
            rf"m-warmup-start-{warmup}\nm-warmup-done\nm-infer-start-{count}\nm-lap-us-(\d+)\n"
            r"m-lap-us-(\d+)\nm-infer-done\nm-results-\[([-0-9.,]+)\]",
            text,
        )
        assert found, text
        return [float(word) for word in found[3].split(",")], int(found[2]) - int(found[1])
