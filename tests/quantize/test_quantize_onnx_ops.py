"""Every ONNX operator: floats as onnxruntime computes them, int8 near to them."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_network import evaluate_outputs
from onnx_case import Case
from onnx_cases import CASES
from onnx_runs import measure_snr, quantize_randomly, run_all

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_for_host
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Affine
from tinydeploy.quantize.onnx_reader import NODE_READERS
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.validate.host import run_host
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors


def test_every_operator_has_a_case() -> None:
    covered = {node.op_type for case in CASES.values() for node in case.nodes}
    elsewhere = {"QuantizeLinear", "DequantizeLinear"}  # test_quantize_qdq.py
    assert covered >= set(NODE_READERS) - elsewhere


@pytest.mark.parametrize("name", CASES)
def test_floats_are_those_of_onnxruntime(name: str) -> None:
    case: Case = CASES[name]
    model = case.model()
    x = np.random.default_rng(3).normal(0, 1.5, (3, *case.shape[1:])).astype(np.float32)
    expected = run_all(model, x)
    network = fold_network(read_onnx(model, case.shape, name))
    assert not any(isinstance(layer, Affine) for layer in network.layers)
    found = evaluate_outputs(network, x)
    for view, wanted, got in zip(network.output_views, expected, found, strict=True):
        values = view.to_stored(wanted, got.shape)
        np.testing.assert_allclose(got, values, rtol=0, atol=3e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", CASES)
def test_int8_is_close_to_floats(name: str) -> None:
    """As LiteRT's reference runs it; and our reader takes every operator."""
    case: Case = CASES[name]
    assert min(measure_snr(case.model(), case.shape)) > case.snr


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_generated_code_is_bit_exact(name: str) -> None:
    case: Case = CASES[name]
    tflite = quantize_randomly(case.model(), case.shape)
    graph = read_graph(tflite, "net")
    plan = plan_for_host(graph)
    sources = generate_sources(graph, plan, load_board("stm32h743"), tflite=tflite)
    vectors = make_vectors(graph, 4)
    expected = run_reference(tflite, vectors).outputs
    for found, exact in zip(run_host(graph, plan, sources, vectors), expected, strict=True):
        np.testing.assert_array_equal(found, exact)
