"""Sets of tensors that TFLite wants in one quantization, because layers hand int8 values on."""

from __future__ import annotations

from tinydeploy.quantize.network import Network


def tie_tensors(network: Network) -> list[tuple[str, ...]]:
    """Sets of tensors that share their quantization, in order of first appearance."""
    groups: dict[str, list[str]] = {network.input: [network.input]}
    for layer in network.layers:
        group = [layer.output]
        groups[layer.output] = group
        if layer.hands_on:
            for tensor in layer.inputs:
                other = groups[tensor]
                if other is not group:
                    other.extend(group)
                    groups.update(dict.fromkeys(group, other))
                    group = other
    return [tuple(group) for group in {id(group): group for group in groups.values()}.values()]


def find_fixed(network: Network, group: tuple[str, ...]) -> tuple[float, int] | None:
    """Scale and zero point of tied tensors where TFLite fixes those of one of them."""
    layers = (network.producer(tensor) for tensor in group)
    fixed = (layer.fixed_quantization for layer in layers if layer is not None)
    return next((quantization for quantization in fixed if quantization is not None), None)
