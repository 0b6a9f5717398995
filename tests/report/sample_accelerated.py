"""A report as a build with an accelerator makes it, of a real program, without compiling C."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from tests.report.sample_report import CLASSES, make_net, make_sizes
from tinydeploy.accelerated import divide_model
from tinydeploy.board import load_board
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.report.accelerated_evidence import Answers
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.collect_accelerated import AcceleratedEvidence, collect_accelerated
from tinydeploy.validate.accelerator import Stream, SystemRun

_SAMPLES, _PICTURES = 40, 8


@cache
def make_accelerated(
    width: int = 16, *, rename: str = "", samples: bool = True
) -> tuple[AcceleratedReport, dict[str, bytes]]:
    """A report of a net whose SOFTMAX stays on the microcontroller, and its pictures.

    Args:
        width: Channels of a layer.
        rename: What all tensors and classes are called, with the tensors' numbers.
        samples: There are labelled samples and a float net.
    """
    tflite = make_net(width)
    graph = read_graph(tflite, "net")
    if rename:
        tensors = tuple(replace(t, name=f"{rename}{k}") for k, t in enumerate(graph.tensors))
        label = rename.encode(errors="ignore").decode()  # a file's labels are UTF-8
        graph = replace(graph, tensors=tensors, labels=(label,) * CLASSES)
    fused = fuse_graph(graph)
    board = load_board("stm32l4r9")
    compiled = compile_graph(fused)
    model = divide_model(fused, compiled, board, tflite)
    assert model.rest is not None
    sizes = make_sizes(model.rest.graph, model.rest.plan)
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(_SAMPLES, CLASSES))
    classes = exact.argmax(1)
    litert = (20 * exact).round().clip(-128, 127).astype(np.int8)
    tinynpu = litert.copy()
    tinynpu[3:7] = np.roll(tinynpu[3:7], 1, axis=1)  # four mistakes
    images = rng.integers(-128, 128, (_PICTURES, 24, 24, 3), np.int8)
    return collect_accelerated(
        AcceleratedEvidence(
            origin=f"{rename}net.tflite",
            tflite=tflite,
            model=model,
            compiled=compiled,
            board=board,
            link="spi",
            compiler="gcc 12",
            sizes=replace(
                sizes,
                constants_bytes=sizes.constants_bytes + len(model.program),
                flash_bytes=sizes.flash_bytes + len(model.program),
            ),
            budget=(board.flash_budget, board.ram_budget),
            run=SystemRun(
                pictures=_PICTURES,
                bytes_compared=_PICTURES * CLASSES,
                stages=(400_000, 100_000, 5_000),
                stream=Stream(8, 4_000_000, compiled.walk.cycles, 48, 2, 1, 0),
                clock_hz=120e6,
                faults={},
            ),
            images=images,
            shown=4 if samples else 0,
            answers=Answers(None, (litert[:_PICTURES],), (tinynpu[:_PICTURES],)),
            tested=Answers((exact,), (litert,), (tinynpu,)) if samples else None,
            classes=classes if samples else None,
            scenes=None,
            command=f"tinydeploy build '{rename}net.tflite'",
            firmware=b"firmware",
        )
    )
