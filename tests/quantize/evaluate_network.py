"""Runs a Network of floats: what its layers do, one after the other."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.evaluate import evaluate_layer
from tinydeploy.quantize.network import Network


def evaluate_network(network: Network, inputs: np.ndarray) -> np.ndarray:
    """The output [n, ...] for float32 NCHW inputs; a picture comes as NCHW too."""
    values = {network.input: np.ascontiguousarray(np.moveaxis(inputs, 1, -1))}
    for layer in network.layers:
        sources = [values[name] for name in layer.inputs]
        values[layer.output] = evaluate_layer(layer, sources, network.shapes[layer.output])
        assert values[layer.output].shape[1:] == network.shapes[layer.output][1:]
    output = values[network.output]
    return np.moveaxis(output, -1, 1) if output.ndim == 4 else output
