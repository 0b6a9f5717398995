"""What it takes to make the same build again, as a list of facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tinydeploy.report.build_report import BuildReport, OriginFacts, TensorFacts
from tinydeploy.report.page.words import show_real, show_shape


@dataclass(frozen=True)
class Fact:
    """A line: what, a text, and behind it what is to be copied."""

    title: str
    text: str
    code: str = ""


def view_origin(report: BuildReport) -> tuple[Fact, ...]:
    """The facts of a report."""
    model, board = report.model, report.board
    console = f"console at {board.baud:,} baud"
    middle = (
        Fact("model", model.source),
        Fact("int8 file", f"{model.tflite_bytes:,} bytes, SHA-256", model.tflite_sha256),
        Fact("firmware.bin", "SHA-256", report.origin.firmware_sha256),
        Fact("board", f"{board.name}: {board.title}, {board.chip}, {console}"),
        Fact("inputs", _list_tensors(model.inputs)),
        Fact("outputs", _list_tensors(model.outputs)),
    )
    return frame_origin(report.origin, report.tinydeploy, report.compiler, middle)


def frame_origin(
    origin: OriginFacts, tinydeploy: str, compiler: str, facts: Iterable[Fact]
) -> tuple[Fact, ...]:
    """The command, then these facts, then versions."""
    packages = ", ".join(f"{name} {number}" for name, number in origin.packages.items())
    return (
        *((Fact("command", "", origin.command),) if origin.command else ()),
        *facts,
        Fact("tinydeploy", tinydeploy),
        Fact("compiler", compiler),
        Fact("Python", origin.python),
        Fact("packages", packages),
    )


def _list_tensors(tensors: Iterable[TensorFacts]) -> str:
    return "; ".join(
        f"{tensor.name} {show_shape(tensor.shape)}, scale {show_real(tensor.scale)}, "
        f"zero point {tensor.zero_point}"
        for tensor in tensors
    )
