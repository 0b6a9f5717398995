"""What every format is made of: a model with its plan, sources and proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.board import Board
from tinydeploy.codegen.environment import render_template
from tinydeploy.codegen.model_text import ModelText, describe_model
from tinydeploy.graph.graph import Graph
from tinydeploy.paths import FIRMWARE
from tinydeploy.plan.plan import Plan
from tinydeploy.project.layout import kernel_files


@dataclass(frozen=True, eq=False)
class Handover:
    """A model that is proven, to be written down in a format.

    Args:
        graph: The graph as built.
        plan: Its plan.
        board: What it was planned for.
        sources: The generated C text, by path ("<name>/model.c").
        kernels: What of firmware/kernels/ it needs, paths without suffix.
        tflite: The file that the graph was read from.
        selftest_crc: CRC-32 of the outputs that it must give for selftest_inputs().
        selftest_outputs: These outputs, in the model's order.
        stack_bytes: Deepest stack of an inference on the board; None where it was not measured.
        tflm_arena_bytes: Arena that TensorFlow Lite Micro needs; None where it was not measured.
    """

    graph: Graph
    plan: Plan
    board: Board
    sources: Mapping[str, str]
    kernels: tuple[str, ...]
    tflite: bytes
    selftest_crc: int
    selftest_outputs: tuple[bytes, ...]
    stack_bytes: int | None = None
    tflm_arena_bytes: int | None = None

    @property
    def name(self) -> str:
        """Of the model: prefix of its symbols, name of its folder."""
        return self.graph.name

    @property
    def text(self) -> ModelText:
        """What templates say of the model."""
        return describe_model(self.graph, self.plan)

    def render(self, template: str, **more: object) -> bytes:
        """A template of firmware/templates/formats/."""
        return render_template(
            f"formats/{template}",
            model=self.text,
            board=self.board,
            selftest_crc=self.selftest_crc,
            stack_bytes=self.stack_bytes,
            **more,
        ).encode()


def model_files(handover: Handover, root: str) -> dict[str, bytes]:
    """The model as C for any compiler: one folder, which is also its only folder of headers.

    Args:
        handover: The model.
        root: The folder, ending in a slash, or "".

    Returns:
        By path: `root`<name>/ with model.h, model.c, weights and selftest, `root`kernels/, and
        headers in `root` itself.
    """
    name = handover.name
    model = {
        path: text.encode() for path, text in handover.sources.items() if "/model_data." not in path
    }
    for file in ("selftest.h", "selftest.c"):
        model[f"{name}/{file}"] = handover.render(f"library/{file}.j2")
    kernels = kernel_files(handover.kernels, model.values())
    files = model | {path.removeprefix("include/"): text for path, text in kernels.items()}
    return {root + path: text for path, text in files.items()}


def licence() -> bytes:
    """The licence of generated code and of the runtime, 0BSD."""
    return (FIRMWARE / "LICENSE").read_bytes()


def paths_in(files: Mapping[str, bytes], *suffixes: str) -> tuple[str, ...]:
    """Those of the files that end so, sorted."""
    return tuple(sorted(path for path in files if path.endswith(suffixes)))
