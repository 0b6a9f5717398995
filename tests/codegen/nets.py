"""Small int8 nets with random weights, as .tflite bytes, for tests that run generated C."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from tinydeploy.quantize.tflite_writer import TfliteWriter

_STRIDES = {"StrideH": 1, "StrideW": 1}


class Net:
    """Adds one layer after the other; every method takes and gives tensor ids."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.writer = TfliteWriter()
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.quantization: dict[int, tuple[float, int]] = {}

    def tensor(
        self, shape: Sequence[int], quantization: tuple[float, int] | None = None, name: str = ""
    ) -> int:
        scale, zero_point = quantization or (
            float(np.float32(self.rng.uniform(0.02, 0.2))),
            int(self.rng.integers(-60, 60)),
        )
        tensor = self.writer.add_tensor(
            name or f"t{len(self.shapes)}", shape, "int8", scales=[scale], zero_points=[zero_point]
        )
        self.shapes[tensor] = tuple(shape)
        self.quantization[tensor] = scale, zero_point
        return tensor

    def weights(self, shape: Sequence[int], axis: int, source: int, fan_in: int) -> tuple[int, int]:
        """Weights with a scale per channel, and their bias."""
        channels = shape[axis]
        scales = self.rng.uniform(0.5, 1.5, channels) * 0.02 / np.sqrt(fan_in)
        scales = scales.astype(np.float32).astype(float)
        data = self.rng.integers(-127, 128, shape, dtype=np.int8)
        weights = self.writer.add_tensor(
            "w", shape, "int8", scales=scales, zero_points=[0] * channels, axis=axis, data=data
        )
        bias = self.writer.add_tensor(
            "b",
            [channels],
            "int32",
            scales=scales * self.quantization[source][0],
            zero_points=[0] * channels,
            data=self.rng.integers(-2000, 2000, channels).astype(np.int32),
        )
        return weights, bias

    def conv(
        self,
        source: int,
        channels: int,
        kernel: int = 3,
        stride: int = 1,
        activation: str = "NONE",
        name: str = "",
    ) -> int:
        _, height, width, depth = self.shapes[source]
        parts = self.weights((channels, kernel, kernel, depth), 0, source, kernel * kernel * depth)
        out = self.tensor((1, -(-height // stride), -(-width // stride), channels), name=name)
        options = {"Padding": "SAME", "FusedActivationFunction": activation}
        options |= {"StrideH": stride, "StrideW": stride}
        options |= {"DilationHFactor": 1, "DilationWFactor": 1}
        self.writer.add_op("CONV_2D", [source, *parts], [out], options)
        return out

    def depthwise(self, source: int, stride: int = 1, activation: str = "RELU") -> int:
        _, height, width, depth = self.shapes[source]
        parts = self.weights((1, 3, 3, depth), 3, source, 9)
        out = self.tensor((1, -(-height // stride), -(-width // stride), depth))
        options = {"Padding": "SAME", "FusedActivationFunction": activation, "DepthMultiplier": 1}
        options |= {"StrideH": stride, "StrideW": stride}
        options |= {"DilationHFactor": 1, "DilationWFactor": 1}
        self.writer.add_op("DEPTHWISE_CONV_2D", [source, *parts], [out], options)
        return out

    def max_pool(self, source: int) -> int:
        _, height, width, depth = self.shapes[source]
        out = self.tensor((1, height // 2, width // 2, depth), self.quantization[source])
        options = {"Padding": "VALID", "StrideH": 2, "StrideW": 2}
        options |= {"FilterHeight": 2, "FilterWidth": 2, "FusedActivationFunction": "NONE"}
        self.writer.add_op("MAX_POOL_2D", [source], [out], options)
        return out

    def add(self, first: int, second: int) -> int:
        out = self.tensor(self.shapes[first])
        self.writer.add_op("ADD", [first, second], [out], {"FusedActivationFunction": "NONE"})
        return out

    def reshape(self, source: int, shape: Sequence[int]) -> int:
        out = self.tensor(shape, self.quantization[source])
        constant = np.array(shape, np.int32)
        new_shape = self.writer.add_tensor("shape", [len(shape)], "int32", data=constant)
        self.writer.add_op("RESHAPE", [source, new_shape], [out], {"NewShape": list(shape)})
        return out

    def dense(self, source: int, units: int) -> int:
        depth = self.shapes[source][-1]
        scale = float(np.float32(0.02 / np.sqrt(depth)))
        weights = self.writer.add_tensor(
            "w",
            [units, depth],
            "int8",
            scales=[scale],
            zero_points=[0],
            data=self.rng.integers(-127, 128, (units, depth), dtype=np.int8),
        )
        bias = self.writer.add_tensor(
            "b",
            [units],
            "int32",
            scales=[scale * self.quantization[source][0]],
            zero_points=[0],
            data=self.rng.integers(-2000, 2000, units).astype(np.int32),
        )
        out = self.tensor((1, units))
        options = {"FusedActivationFunction": "NONE", "WeightsFormat": "DEFAULT"}
        self.writer.add_op("FULLY_CONNECTED", [source, weights, bias], [out], options)
        return out

    def softmax(self, source: int) -> int:
        out = self.tensor(self.shapes[source], (1 / 256, -128))
        self.writer.add_op("SOFTMAX", [source], [out], {"Beta": 1.0})
        return out

    def finish(
        self, inputs: Sequence[int], outputs: Sequence[int], labels: Sequence[str] = ()
    ) -> bytes:
        return self.writer.finish(inputs, outputs, labels=labels)


def classifier(seed: int = 0, labels: Sequence[str] = ("cat", "dog", "none")) -> bytes:
    """One input, a residual block, pooling, a renaming, softmax over three classes."""
    net = Net(seed)
    x = net.tensor((1, 12, 10, 3), name="picture")
    a = net.max_pool(net.conv(x, 8, activation="RELU"))
    b = net.add(net.conv(net.depthwise(a), 8, kernel=1), a)
    c = net.conv(b, 4, stride=2)
    flat = net.reshape(c, (1, 3 * 3 * 4))
    out = net.softmax(net.dense(flat, 3))
    return net.finish([x], [out], labels)


def several_ends(seed: int = 1) -> bytes:
    """Two inputs, three outputs, one made early and one an input renamed; a dead end."""
    net = Net(seed)
    x = net.tensor((1, 6, 5, 3), name="first */ input")
    y = net.tensor((1, 6, 5, 3), name="second\\")
    early = net.conv(x, 2, kernel=1, name="early?")
    total = net.add(x, y)
    net.conv(total, 5)
    renamed = net.reshape(y, (1, 90))
    late = net.conv(net.depthwise(total), 3)
    return net.finish([x, y], [early, late, renamed])


def random_net(seed: int) -> bytes:
    """A random chain with skips, some of it branching."""
    choose = random.Random(seed)
    net = Net(seed)
    x = net.tensor((1, choose.randrange(1, 14), choose.randrange(1, 14), choose.randrange(1, 9)))
    known = [x]
    for _ in range(choose.randrange(1, 9)):
        source = known[-1] if choose.random() < 0.8 else choose.choice(known)
        _, height, width, _ = net.shapes[source]
        kind = choose.choice(("conv", "conv", "pointwise", "depthwise", "pool", "add"))
        stride = choose.choice((1, 1, 2))
        activation = choose.choice(("NONE", "RELU", "RELU6"))
        if kind == "pool" and min(height, width) > 1:
            known.append(net.max_pool(source))
        elif kind == "add":
            partners = [t for t in known if net.shapes[t] == net.shapes[source]]
            known.append(net.add(source, choose.choice(partners)))
        elif kind == "depthwise":
            known.append(net.depthwise(source, stride, activation))
        else:
            kernel = 1 if kind == "pointwise" else choose.choice((2, 3, 5))
            channels = choose.randrange(1, 13)
            known.append(net.conv(source, channels, kernel, stride, activation))
    last = known[-1]
    if choose.random() < 0.5:
        size = int(np.prod(net.shapes[last]))
        last = net.dense(net.reshape(last, (1, size)), choose.randrange(1, 8))
    return net.finish([x], list(dict.fromkeys((last, choose.choice(known[1:])))))
