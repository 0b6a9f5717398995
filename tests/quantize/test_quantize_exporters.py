"""Both exporters of torch: the same layers from either file, and right ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from evaluate_network import evaluate_outputs
from exported_nets import SHAPE, Everything, export
from onnx_runs import first_input, measure_snr, run_all

from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Gather, Network, Transpose
from tinydeploy.quantize.read_onnx import read_onnx


def export_and_read(*, dynamo: bool, opset: int = 17) -> tuple[bytes, Network]:
    torch.manual_seed(1)
    data = export(Everything(), dynamo=dynamo, opset=opset)
    network = fold_network(read_onnx(data, SHAPE))
    x = np.random.default_rng(2).normal(0, 1, (3, *SHAPE[1:])).astype(np.float32)
    wanted = run_all(data, x, first_input(data))
    found = evaluate_outputs(network, x)
    for view, exact, got in zip(network.output_views, wanted, found, strict=True):
        stored = view.to_stored(exact, got.shape)
        np.testing.assert_allclose(got, stored, rtol=0, atol=3e-5 * np.abs(exact).max())
    return data, network


@pytest.mark.filterwarnings("ignore")
def test_exporters_agree() -> None:
    script, by_script = export_and_read(dynamo=False)
    dynamo, by_dynamo = export_and_read(dynamo=True)
    kinds = [type(layer) for layer in by_script.layers]
    assert kinds == [type(layer) for layer in by_dynamo.layers]
    assert kinds.count(Gather) == 1  # the shuffle
    assert Transpose not in kinds
    for data in (script, dynamo):
        assert min(measure_snr(data, SHAPE, count=24)) > 25


@pytest.mark.filterwarnings("ignore")
def test_opsets_agree() -> None:
    """Operators change from version to version: HardSwish, Split and Gelu, axes as inputs."""
    kinds = {
        opset: [type(layer) for layer in export_and_read(dynamo=False, opset=opset)[1].layers]
        for opset in (11, 13, 15, 18, 20)
    }
    assert all(found == kinds[11] for found in kinds.values())
