"""`python -m benchmarks.mobilenet_v2 FOLDER`: MobileNetV2-1.0 with random weights, to plan it.

The geometry is that of Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
2018, table 2; weights, scales and zero points are made up, which places do not depend on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import SUFFIX
from tinydeploy.quantize.tflite_writer import TfliteWriter

SIZE = 224
_CLASSES = 1000
# (expansion, output channels, repetitions, first stride)
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def make_mobilenet_v2() -> bytes:
    """The file, about 4 MB; equal bytes each time."""
    return _Builder().build()


class _Builder:
    """Writes the net op by op; `shape` is (height, width, channels) of the last tensor."""

    def __init__(self) -> None:
        self._writer = TfliteWriter()
        self._rng = np.random.default_rng(0)
        self._shape = (SIZE, SIZE, 3)
        self._count = 0

    def build(self) -> bytes:
        image = last = self._activation(self._shape)
        last = self._convolve(last, 32, 3, 2, "RELU6")
        for expansion, channels, repetitions, first in _STAGES:
            for repetition in range(repetitions):
                last = self._bottleneck(last, expansion, channels, first if not repetition else 1)
        last = self._convolve(last, 1280, 1, 1, "RELU6")
        last = self._mean(last)
        last = self._convolve(last, _CLASSES, 1, 1, "NONE")
        return self._writer.finish([image], [last], description="MobileNetV2, random weights")

    def _bottleneck(self, source: int, expansion: int, channels: int, stride: int) -> int:
        before = self._shape
        last = source
        if expansion > 1:
            last = self._convolve(last, before[2] * expansion, 1, 1, "RELU6")
        last = self._depthwise(last, stride)
        last = self._convolve(last, channels, 1, 1, "NONE")
        if self._shape != before:
            return last
        total = self._activation(self._shape)
        self._writer.add_op("ADD", [source, last], [total], {"FusedActivationFunction": "NONE"})
        return total

    def _convolve(
        self, source: int, channels: int, kernel: int, stride: int, activation: str
    ) -> int:
        weights = [channels, kernel, kernel, self._shape[2]]
        return self._add("CONV_2D", source, weights, 0, channels, stride, activation)

    def _depthwise(self, source: int, stride: int) -> int:
        weights = [1, 3, 3, self._shape[2]]
        return self._add("DEPTHWISE_CONV_2D", source, weights, 3, self._shape[2], stride, "RELU6")

    def _add(
        self,
        builtin: str,
        source: int,
        shape: list[int],
        axis: int,
        channels: int,
        stride: int,
        activation: str,
    ) -> int:
        taps = int(np.prod(shape)) // channels
        scales = np.full(channels, 0.5 / (taps**0.5 * 127))
        zeros = np.zeros(channels, np.int64)
        weights = self._writer.add_tensor(
            self._name(), tuple(shape), "int8", scales=scales, zero_points=zeros, axis=axis,
            data=self._rng.integers(-127, 128, shape, np.int8),
        )  # fmt: skip
        bias = self._writer.add_tensor(
            self._name(), (channels,), "int32", scales=scales * 0.05, zero_points=zeros,
            data=self._rng.integers(-500, 500, channels, np.int32),
        )  # fmt: skip
        height, width, _ = self._shape
        self._shape = (-(-height // stride), -(-width // stride), channels)
        result = self._activation(self._shape)
        options: dict[str, bool | int | float | str | Sequence[int]] = {
            "StrideH": stride,
            "StrideW": stride,
            "DilationHFactor": 1,
            "DilationWFactor": 1,
            "Padding": "SAME",
            "FusedActivationFunction": activation,
        }
        if builtin == "DEPTHWISE_CONV_2D":
            options["DepthMultiplier"] = 1
        self._writer.add_op(builtin, [source, weights, bias], [result], options)
        return result

    def _mean(self, source: int) -> int:
        self._shape = (1, 1, self._shape[2])
        axes = self._writer.add_tensor(self._name(), (2,), "int32", data=np.array([1, 2], np.int32))
        result = self._activation(self._shape)
        self._writer.add_op("MEAN", [source, axes], [result], {"KeepDims": True})
        return result

    def _activation(self, shape: tuple[int, int, int]) -> int:
        return self._writer.add_tensor(
            self._name(), (1, *shape), "int8", scales=np.array([0.05]), zero_points=np.array([-3])
        )

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count}"


def main() -> int:
    """Writes the file into a folder, where `python -m benchmarks.memory` finds it."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m benchmarks.mobilenet_v2 FOLDER\n")
        return 2
    path = Path(sys.argv[1]) / f"mobilenet_v2_1.0_224{SUFFIX}"
    path.write_bytes(make_mobilenet_v2())
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
