"""Requantize layers where tensors with fixed quantizations meet.

TFLite wants one quantization for all inputs and the output of CONCATENATION, MAXIMUM and MINIMUM.
Tensors tied by such a layer get a range together. That is impossible for those whose quantization
is fixed: the network's input, what LOGISTIC, TANH and SOFTMAX write, and what is handed on from
them. They are requantized in front of the layer, unless all of them have the same anyway.
"""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.quantize.network import Layer, Network, Requantize

Fixed = tuple[float, int] | str | None


def add_requantizations(network: Network) -> Network:
    """The network with Requantize layers where it cannot do without them."""
    fixed: dict[str, Fixed] = {network.input: network.input}
    layers: list[Layer] = []
    shapes = dict(network.shapes)
    for layer in network.layers:
        fixed[layer.output] = layer.fixed_quantization
        if not layer.hands_on:
            layers.append(layer)
            continue
        kinds = {fixed[tensor] for tensor in layer.inputs}
        if len(kinds) == 1:
            (fixed[layer.output],) = kinds
            layers.append(layer)
            continue
        inputs = []
        for k, tensor in enumerate(layer.inputs):
            name = f"{layer.output}/input {k}" if fixed[tensor] is not None else tensor
            if name != tensor:
                shapes[name] = shapes[tensor]
                layers.append(Requantize((tensor,), name))
            inputs.append(name)
        layers.append(replace(layer, inputs=tuple(inputs)))
    return replace(network, layers=tuple(layers), shapes=shapes)
