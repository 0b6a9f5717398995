"""Runs a Network of floats: what its layers do, one after the other."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.evaluate import evaluate_layer
from tinydeploy.quantize.network import Network


def evaluate_outputs(network: Network, inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs [n, ...] as stored, for float32 inputs in ONNX's order of axes."""
    values = {network.input: network.store_inputs(inputs)}
    for layer in network.layers:
        sources = [values[name] for name in layer.inputs]
        values[layer.output] = evaluate_layer(layer, sources, network.shapes[layer.output])
        assert values[layer.output].shape[1:] == network.shapes[layer.output][1:]
        assert values[layer.output].dtype == np.float32
    return [values[output] for output in network.outputs]


def evaluate_network(network: Network, inputs: np.ndarray) -> np.ndarray:
    """The first output [n, ...] for float32 NCHW inputs; a picture comes as NCHW too."""
    output = evaluate_outputs(network, inputs)[0]
    return np.moveaxis(output, -1, 1) if output.ndim == 4 else output
