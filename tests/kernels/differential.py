"""Compares every layer of a batch with the reference, byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from kernel_batch import Batch
from kernel_library import Choose, compile_layers

from tinydeploy.board import load_board
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alias import renames
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.overlay import find_overlays
from tinydeploy.validate.reference import run_reference


def check_batch(
    batch: Batch,
    folder: Path,
    *,
    vectors: int = 4,
    fuse: bool = False,
    in_place: bool = False,
    board: str | None = None,
    choose: Choose = choose_kernels,
) -> int:
    """Runs all cases through the reference and through the generated C.

    Args:
        batch: The cases.
        folder: For the library.
        vectors: Input vectors per case.
        fuse: Each case is several ops, and fusion makes one layer of them.
        in_place: Every layer must be able to run in place; those that are, do.
        board: Take the kernels that are chosen for it; None for the portable ones.
        choose: Chooses them.

    Returns:
        Number of bytes compared.
    """
    model, inputs = batch.finish(vectors)
    expected = run_reference(model, inputs).outputs
    graph = read_graph(model, "batch")
    if fuse:
        graph = fuse_graph(graph)
        graph = fuse_expansions(graph, find_expansions(graph).values())
        assert len(graph.ops) == len(graph.outputs), "a case was not fused into one layer"
    library = compile_layers(graph, folder, load_board(board) if board else None, choose)
    given = dict(zip(graph.inputs, inputs, strict=True))
    given |= dict(zip(graph.outputs, expected, strict=True))  # what other cases begin with
    wanted = dict(zip(graph.outputs, zip(batch.names, expected, strict=True), strict=True))
    rng = np.random.default_rng(1)
    compared = 0
    failures = []
    for position, op in enumerate(graph.ops):
        name, reference = wanted[op.outputs[0]]
        if renames(op):  # nothing runs
            values = given[op.inputs[0]].reshape(reference.shape)
            assert np.array_equal(values, reference), f"{name} is no renaming"
            continue
        overlays = tuple(find_overlays(graph, op, library.kernels[position]))
        assert overlays or not in_place, f"{name} does not run in place"
        for vector in range(vectors):
            values = [given[t][vector] for t in op.inputs]
            for overlay in (None, *overlays):
                got = library.run(position, values, rng, overlay=overlay)
                different = int(np.count_nonzero(got != reference[vector]))
                compared += got.size
                if different:
                    place = f", {overlay}" if overlay else ""
                    failures.append(f"{name}, vector {vector}{place}: {different} of {got.size}")
    assert not failures, "\n".join(failures[:20])
    return compared
